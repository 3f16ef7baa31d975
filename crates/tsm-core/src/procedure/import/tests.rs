use futures::executor::block_on;
use globalplatform::aid::Aid;

use super::*;
use crate::audit::AuditEntry;
use crate::card_session::fake::issuer_keys;
use crate::fleet::{CardProfile, GpVersion};
use crate::identity::{ProfileName, Role};
use crate::record::{Record, Stored};
use crate::testing::{TestClock, TestStore, TestVault, WRAPPED};
use crate::time::Timestamp;

struct World {
    store: TestStore,
    vault: TestVault,
    clock: TestClock,
    profiles: BTreeMap<ProfileName, CardProfile>,
    issuer: Tenant,
}

impl World {
    fn new() -> Self {
        let issuer = Tenant::new("carrier").unwrap();
        let profile = CardProfile {
            name: ProfileName::new("p").unwrap(),
            issuer: issuer.clone(),
            isd_aid: Aid::new(&[0xA0, 0, 0, 1, 0x51, 0, 0, 0]).unwrap(),
            gp_version: GpVersion::parse("2.3").unwrap(),
            scp_i: 0x70,
            key_bytes: 16,
            memory_bytes: 1_000,
            has_casd: false,
            certifications: Vec::new(),
        };
        Self {
            store: TestStore::default(),
            vault: TestVault(issuer_keys()),
            clock: TestClock::at(1_000),
            profiles: BTreeMap::from([(profile.name.clone(), profile)]),
            issuer,
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            store: &self.store,
            vault: &self.vault,
            clock: &self.clock,
        }
    }

    fn open_as(&self, name: &str, sha256: u8, key: Option<&str>) -> Result<Import, ImportError> {
        let header = ImportHeader {
            issuer: self.issuer.clone(),
            name: BatchName::new(name).unwrap(),
            file_sha256: [sha256; 32],
            transport_key: key.map(str::to_owned),
            caller: Caller::machine(self.issuer.clone(), Role::Operator),
            party: Party::Carrier,
        };
        block_on(Import::open(self.context(), header))
    }

    fn open(&self, name: &str) -> Import {
        self.open_as(name, 1, Some("maker")).unwrap()
    }

    fn take(
        &self,
        import: &mut Import,
        first: u64,
        rows: &[RowText],
    ) -> Result<RowCounts, ImportError> {
        let delivery = Delivery {
            issuer: &self.issuer,
            profiles: &self.profiles,
            may_have: &|tenant| matches!(tenant.as_str(), "carrier" | "mvno"),
            has_transport_key: import.batch().transport_key.is_some(),
        };
        let rows = rows.iter().cloned().map(Ok).collect();
        block_on(import.take(self.context(), delivery, first, rows))?;
        Ok(import.batch().counts)
    }

    fn load<T: Stored>(&self, id: &str) -> Option<T> {
        let store: &dyn Store = &self.store;
        block_on(store.load::<T>(id))
            .unwrap()
            .map(|found| found.value)
    }

    fn refused(&self, batch: &str) -> Vec<(u64, String, String)> {
        let prefix = format!("carrier/{batch}/");
        let rows = block_on(self.store.scan(Table::RefusedRow, &prefix, None, 100)).unwrap();
        rows.into_iter()
            .map(|(_, row)| match row.value {
                Record::RefusedRow(row) => (row.row, row.column, row.reason),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

fn row(card: u32) -> RowText {
    RowText {
        iccid: format!("89811000000{card:08}"),
        profile: "p".to_owned(),
        key_version: "48".to_owned(),
        kdd: "00".repeat(10),
        ..RowText::default()
    }
}

fn wrapped(card: u32, key: u8) -> RowText {
    let key = hex::encode([&[key; 16][..], &WRAPPED].concat());
    RowText {
        kdd: String::new(),
        enc_key: key.clone(),
        mac_key: key.clone(),
        dek_key: key,
        ..row(card)
    }
}

fn counts(accepted: u64, present: u64, refused: u64) -> RowCounts {
    RowCounts {
        accepted,
        present,
        refused,
    }
}

#[test]
fn a_new_card_has_all_its_records() {
    let world = World::new();
    let mut import = world.open("a");
    let full = RowText {
        eid: "8".repeat(32),
        sequence_counter: "7".to_owned(),
        tenant: "mvno".to_owned(),
        msisdn: "819012345678".to_owned(),
        ..wrapped(1, 0x11)
    };
    assert_eq!(world.take(&mut import, 1, &[full]), Ok(counts(1, 0, 0)));
    let id = "8981100000000000001";
    let uicc: Uicc = world.load(id).unwrap();
    let keys = uicc.issuer_keys(&world.vault, "isd").unwrap();
    let expected = scp03::keys::StaticKeys::from_bytes(&[0x11; 16], &[0x11; 16], &[0x11; 16]);
    assert_eq!(keys, expected.unwrap());
    assert_eq!(
        (uicc.tenant.as_str(), uicc.issuer.as_str()),
        ("mvno", "carrier")
    );
    assert_eq!(uicc.profile.unwrap().as_str(), "p");
    let by_tenant = format!("uicc/mvno/{id}");
    assert!(world.load::<ByTenant>(&by_tenant).is_some());
    let by_number: CardOfNumber = world.load("819012345678").unwrap();
    let by_eid: CardOfEid = world.load(&"8".repeat(32)).unwrap();
    assert_eq!((by_number.iccid.as_str(), by_eid.iccid.as_str()), (id, id));
    let subscription: Subscription = world.load(id).unwrap();
    assert_eq!(subscription.state, SubscriptionState::Active);
    assert_eq!(subscription.since, Timestamp(1_000));
    let counter: KeysetCounter = world.load(&format!("{id}/A000000151000000/30")).unwrap();
    assert_eq!((counter.confirmed, counter.sent), (7, 7));
}

#[test]
fn keys_of_another_card_do_not_open() {
    let world = World::new();
    let mut import = world.open("a");
    let rows = [wrapped(1, 0x11), wrapped(2, 0x22)];
    world.take(&mut import, 1, &rows).unwrap();
    let [mut one, other] = [1, 2].map(|n| {
        let uicc: Uicc = world.load(&format!("898110000000000000{n}")).unwrap();
        uicc
    });
    one.keys = other.keys;
    assert_eq!(
        one.issuer_keys(&world.vault, "isd").err(),
        Some(VaultError::Unseal)
    );
}

#[test]
fn a_delivery_goes_on_where_it_ended() {
    let world = World::new();
    let rows: Vec<_> = (1..=10).map(row).collect();
    let mut first = world.open("a");
    world.take(&mut first, 1, &rows[..4]).unwrap();
    drop(first);
    let mut second = world.open("a");
    assert_eq!(second.batch().next_row, 5);
    // From the beginning again, as a client does that knows nothing.
    assert_eq!(world.take(&mut second, 1, &rows[..6]), Ok(counts(6, 0, 0)));
    assert_eq!(world.take(&mut second, 7, &rows[6..]), Ok(counts(10, 0, 0)));
    let end = block_on(second.finish(world.context(), 10));
    assert_eq!((end, second.batch().is_done), (Ok(()), true));
    // Once more changes nothing.
    let commits = world
        .store
        .commits
        .load(std::sync::atomic::Ordering::SeqCst);
    let mut third = world.open("a");
    assert_eq!(world.take(&mut third, 1, &rows), Ok(counts(10, 0, 0)));
    assert_eq!(block_on(third.finish(world.context(), 10)), Ok(()));
    let after = world
        .store
        .commits
        .load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(commits, after);
    let said: AuditEntry = world.load("import/carrier/a/000000000002").unwrap();
    assert!(
        said.step.outcome.starts_with("10 rows: 10 cards are new"),
        "{}",
        said.step.outcome
    );
}

#[test]
fn rows_come_in_order_and_none_is_missing() {
    let world = World::new();
    let mut import = world.open("a");
    for first in [0, 2] {
        let gap = ImportError::Gap {
            expected: 1,
            given: first,
        };
        assert_eq!(world.take(&mut import, first, &[row(1)]), Err(gap));
    }
    let many = vec![row(1); CHUNK + 1];
    assert_eq!(world.take(&mut import, 1, &many), Err(ImportError::TooMany));
    world.take(&mut import, 1, &[row(1)]).unwrap();
    for said in [0, 2] {
        let wrong = ImportError::Length { taken: 1, said };
        assert_eq!(block_on(import.finish(world.context(), said)), Err(wrong));
    }
    block_on(import.finish(world.context(), 1)).unwrap();
    let more = ImportError::Length { taken: 1, said: 2 };
    assert_eq!(world.take(&mut import, 2, &[row(2)]), Err(more));
}

#[test]
fn a_name_stands_for_one_file() {
    let world = World::new();
    world.open("a");
    for (sha256, key) in [(2, Some("maker")), (1, None)] {
        let other = world.open_as("a", sha256, key).err();
        assert_eq!(other, Some(ImportError::OtherFile));
    }
    let unknown = world.open_as("b", 1, Some("nobody")).err();
    assert_eq!(unknown, Some(ImportError::NoTransportKey));
    assert!(world.load::<ImportBatch>("carrier/b").is_none());
}

#[test]
fn two_who_import_the_same_are_told_apart() {
    let world = World::new();
    let (mut one, mut two) = (world.open("a"), world.open("a"));
    world.take(&mut one, 1, &[row(1)]).unwrap();
    assert_eq!(world.take(&mut two, 1, &[row(1)]), Err(ImportError::Busy));
}

#[test]
fn a_card_that_is_there_counts_as_there_when_it_is_the_same() {
    let world = World::new();
    let mut first = world.open("a");
    world
        .take(&mut first, 1, &[row(1), wrapped(2, 0x11)])
        .unwrap();
    let mut second = world.open("b");
    let rows = [
        row(1),
        wrapped(2, 0x11),
        wrapped(2, 0x12),
        wrapped(1, 0x11),
        RowText {
            key_version: "49".to_owned(),
            ..row(1)
        },
        RowText {
            memory_bytes: "999".to_owned(),
            ..row(1)
        },
        RowText {
            eid: "1".repeat(32),
            ..row(1)
        },
        row(3),
    ];
    assert_eq!(world.take(&mut second, 1, &rows), Ok(counts(1, 2, 5)));
    let different = |row| (row, "iccid".to_owned(), "DIFFERENT_CARD".to_owned());
    assert_eq!(world.refused("b"), [3, 4, 5, 6, 7].map(different));
}

#[test]
fn rows_of_one_delivery_are_compared_too() {
    let world = World::new();
    let mut import = world.open("a");
    let number = |card, number: &str| RowText {
        msisdn: number.to_owned(),
        ..row(card)
    };
    let eid = |card| RowText {
        eid: "1".repeat(32),
        ..row(card)
    };
    let rows = [
        row(1),
        row(1),
        wrapped(1, 1),
        number(2, "819011111111"),
        number(3, "+819011111111"),
        eid(4),
        eid(5),
    ];
    assert_eq!(world.take(&mut import, 1, &rows), Ok(counts(3, 1, 3)));
    let expected = [
        (3, "iccid", "DIFFERENT_CARD"),
        (5, "msisdn", "NUMBER_IN_USE"),
        (7, "eid", "NUMBER_IN_USE"),
    ]
    .map(|(row, column, reason)| (row, column.to_owned(), reason.to_owned()));
    assert_eq!(world.refused("a"), expected);
    // The same numbers, in a later chunk.
    let later = [number(6, "819011111111"), eid(7), number(8, "819022222222")];
    assert_eq!(world.take(&mut import, 8, &later), Ok(counts(4, 1, 5)));
    assert_eq!(world.refused("a").len(), 5);
}

#[test]
fn refused_rows_stop_nobody() {
    let world = World::new();
    let mut import = world.open("a");
    let mut unopened = wrapped(2, 1);
    unopened.enc_key.replace_range(46..48, "00");
    let rows = [
        row(1),
        RowText {
            iccid: "x".to_owned(),
            ..row(9)
        },
        unopened,
        row(3),
    ];
    assert_eq!(world.take(&mut import, 1, &rows), Ok(counts(2, 0, 2)));
    let kept: RefusedRow = world.load("carrier/a/0000000003").unwrap();
    assert_eq!(kept.reason, "KEYS_UNUSABLE");
    assert_eq!(kept.iccid.unwrap().as_str(), "8981100000000000002");
    let kept: RefusedRow = world.load("carrier/a/0000000002").unwrap();
    assert_eq!((kept.column.as_str(), kept.iccid), ("iccid", None));
}

#[test]
fn a_row_that_could_not_be_read_is_kept() {
    let world = World::new();
    let mut import = world.open("a");
    let delivery = Delivery {
        issuer: &world.issuer,
        profiles: &world.profiles,
        may_have: &|_| true,
        has_transport_key: false,
    };
    let problem = RowProblem::new("", Reason::InvalidArgument, "has 3 columns, not 12");
    let rows = vec![Err(problem)];
    block_on(import.take(world.context(), delivery, 1, rows)).unwrap();
    let kept: RefusedRow = world.load("carrier/a/0000000001").unwrap();
    assert_eq!(kept.detail, "has 3 columns, not 12");
}
