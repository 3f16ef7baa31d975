use futures::executor::block_on;
use globalplatform::aid::Aid;

use super::*;
use crate::card::uicc::IssuerKeys;
use crate::record::Stored;
use crate::testing::TestStore;

struct World(TestStore);

fn iccid(card: u8) -> Iccid {
    Iccid::new(&format!("898110000000000000{card}")).unwrap()
}

fn number(last: u8) -> Msisdn {
    Msisdn::parse(&format!("81901234567{last}")).unwrap()
}

fn start(last: u8) -> Report {
    Report::Start {
        msisdn: number(last),
        assurance: HolderAssurance::FaceToFace,
        device: Some(Imei::new("356938035643809").unwrap()),
    }
}

fn state(state: SubscriptionState) -> Report {
    Report::Change(SubscriptionChange::State(state))
}

impl World {
    /// Cards 1 and 2 of the carrier, card 3 of an MVNO.
    fn new() -> Self {
        let world = Self(TestStore::default());
        for (card, tenant) in [(1, "carrier"), (2, "carrier"), (3, "mvno")] {
            let uicc = Uicc {
                iccid: iccid(card),
                tenant: Tenant::new(tenant).unwrap(),
                issuer: Tenant::new("carrier").unwrap(),
                isd_aid: Aid::new(&[1; 8]).unwrap(),
                isd_key_version: 1,
                scp_i: 0x70,
                keys: IssuerKeys::Diversified([0; 10]),
                memory_bytes: 1,
                profile: None,
                eid: None,
                content: None,
            };
            let index = ByTenant::id(Table::Uicc, &uicc.tenant, uicc.iccid.as_str());
            let batch = Batch::new()
                .insert(uicc.iccid.to_string(), uicc)
                .insert(index, ByTenant);
            block_on(world.0.commit(batch)).unwrap();
        }
        world
    }

    fn report(&self, card: u8, what: &Report) -> Result<CardEvent, ReportError> {
        let (batch, event) = block_on(report(
            &self.0,
            Batch::new(),
            &iccid(card),
            what,
            "carrier/operator",
            Timestamp(5),
        ))?;
        block_on(self.0.commit(batch))?;
        let kept: CardEvent = self
            .load(&CardEvent::id(&iccid(card), event.sequence))
            .unwrap();
        assert_eq!(kept, event);
        Ok(event)
    }

    fn load<T: Stored>(&self, id: &str) -> Option<T> {
        let store: &dyn Store = &self.0;
        block_on(store.load::<T>(id))
            .unwrap()
            .map(|found| found.value)
    }

    fn subscription(&self, card: u8) -> Subscription {
        self.load(iccid(card).as_str()).unwrap()
    }

    fn card_of(&self, last: u8) -> Option<Iccid> {
        let found: Option<CardOfNumber> = self.load(number(last).as_str());
        found.map(|found| found.iccid)
    }
}

#[test]
fn a_subscription_starts_with_a_free_number() {
    let world = World::new();
    let event = world.report(1, &start(1)).unwrap();
    assert_eq!(
        (
            event.sequence,
            event.kind,
            event.old.as_str(),
            event.new.as_str()
        ),
        (1, CardEventKind::SubscriptionStart, "", "819012345671")
    );
    assert_eq!(world.card_of(1), Some(iccid(1)));
    assert_eq!(world.subscription(1).assurance, HolderAssurance::FaceToFace);
    assert_eq!(world.report(2, &start(1)), Err(ReportError::NumberInUse));
    let running = ReportError::State(SubscriptionError::Running);
    assert_eq!(world.report(1, &start(2)), Err(running));
    assert_eq!(world.report(9, &start(2)), Err(ReportError::CardUnknown));
}

#[test]
fn a_number_that_is_left_is_free() {
    let world = World::new();
    world.report(1, &start(1)).unwrap();
    let change = Report::Change(SubscriptionChange::Number(number(2)));
    let event = world.report(1, &change).unwrap();
    assert_eq!(
        (event.sequence, event.kind),
        (2, CardEventKind::NumberChange)
    );
    assert_eq!((world.card_of(1), world.card_of(2)), (None, Some(iccid(1))));
    world.report(2, &start(1)).unwrap();
    let taken = Report::Change(SubscriptionChange::Number(number(1)));
    assert_eq!(world.report(1, &taken), Err(ReportError::NumberInUse));
    assert_eq!(world.report(1, &change), Err(ReportError::NoChange));
}

#[test]
fn a_subscription_that_ended_leaves_number_and_card() {
    let world = World::new();
    let ended = state(SubscriptionState::Ended);
    assert_eq!(world.report(1, &ended), Err(ReportError::NoSubscription));
    world.report(1, &start(1)).unwrap();
    world
        .report(1, &state(SubscriptionState::Suspended))
        .unwrap();
    assert_eq!(world.card_of(1), Some(iccid(1)));
    world.report(1, &ended).unwrap();
    assert_eq!(world.card_of(1), None);
    assert_eq!(world.report(1, &ended), Err(ReportError::NoChange));
    assert_eq!(world.report(1, &start(1)).unwrap().sequence, 4);
    assert_eq!(world.subscription(1).state, SubscriptionState::Active);
}

#[test]
fn another_tenant_s_card_stands_in_its_list() {
    let world = World::new();
    let mvno = Report::Tenant(Tenant::new("mvno").unwrap());
    let event = world.report(1, &mvno).unwrap();
    assert_eq!(
        (event.old.as_str(), event.new.as_str()),
        ("carrier", "mvno")
    );
    let uicc: Uicc = world.load(iccid(1).as_str()).unwrap();
    assert_eq!(
        (uicc.tenant.as_str(), uicc.issuer.as_str()),
        ("mvno", "carrier")
    );
    let listed = |tenant: &str| {
        let id = format!("uicc/{tenant}/{}", iccid(1));
        world.load::<ByTenant>(&id).is_some()
    };
    assert_eq!((listed("carrier"), listed("mvno")), (false, true));
    assert_eq!(world.report(1, &mvno), Err(ReportError::NoChange));
}

#[test]
fn a_sim_swap_moves_the_subscription() {
    let world = World::new();
    let swap = Report::Move(iccid(2));
    assert_eq!(world.report(1, &swap), Err(ReportError::NoSubscription));
    world.report(1, &start(1)).unwrap();
    for (to, refused) in [
        (1, ReportError::NoChange),
        (3, ReportError::OtherTenant),
        (9, ReportError::NewCardUnknown),
    ] {
        assert_eq!(world.report(1, &Report::Move(iccid(to))), Err(refused));
    }
    world
        .report(1, &state(SubscriptionState::Suspended))
        .unwrap();
    let event = world.report(1, &swap).unwrap();
    assert_eq!(event.kind, CardEventKind::SeRenewal);
    assert_eq!(
        (event.old, event.new),
        (iccid(1).to_string(), iccid(2).to_string())
    );
    assert_eq!(world.card_of(1), Some(iccid(2)));
    assert_eq!(world.subscription(1).state, SubscriptionState::Ended);
    let moved = world.subscription(2);
    assert_eq!(
        (moved.state, moved.device),
        (SubscriptionState::Suspended, None)
    );
    let there: CardEvent = world.load(&CardEvent::id(&iccid(2), 1)).unwrap();
    assert_eq!(
        (there.kind, there.new),
        (CardEventKind::SeRenewal, iccid(2).to_string())
    );
    let over = ReportError::State(SubscriptionError::Ended);
    assert_eq!(world.report(1, &swap), Err(over));
}

#[test]
fn a_card_with_a_subscription_takes_no_other() {
    let world = World::new();
    world.report(1, &start(1)).unwrap();
    world.report(2, &start(2)).unwrap();
    let running = ReportError::State(SubscriptionError::Running);
    assert_eq!(world.report(1, &Report::Move(iccid(2))), Err(running));
    world.report(2, &state(SubscriptionState::Ended)).unwrap();
    world.report(1, &Report::Move(iccid(2))).unwrap();
    assert_eq!(world.subscription(2).msisdn, number(1));
}
