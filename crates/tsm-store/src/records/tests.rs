use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tsm_core::audit::{AuditEntry, AuditHead, Party};
use tsm_core::card::catalogue::{LoadFilePiece, Package, ServiceDefinition};
use tsm_core::card::content::{CardContent, ContentEntry, EntryKind};
use tsm_core::card::counter::KeysetCounter;
use tsm_core::card::deployment::{Deployment, KeyHandover, KeySetup, ServiceState};
use tsm_core::card::lease::Lease;
use tsm_core::card::uicc::Uicc;
use tsm_core::identity::{Iccid, ServiceName, Tenant};
use tsm_core::jpki::application::{
    Application, ApplicationState, CardGuard, PersonGuard, RequestOutcome, SpentNonce, Stage,
};
use tsm_core::jpki::credential::{
    CardDuty, Credential, CredentialState, KeyAlgorithm, OpenDuty, SealedPrivateKey, SerialIndex,
};
use tsm_core::jpki::domain::{InitialKeys, ProviderDomain};
use tsm_core::ports::SlotId;
use tsm_core::time::Timestamp;

use super::field::Coded;
use super::*;

fn iccid() -> impl Strategy<Value = Iccid> {
    "[0-9]{19,20}".prop_map(|text| Iccid::new(&text).unwrap())
}

fn tenant() -> impl Strategy<Value = Tenant> {
    "[a-z0-9_-]{1,64}".prop_map(|text| Tenant::new(&text).unwrap())
}

fn service() -> impl Strategy<Value = ServiceName> {
    "[a-z0-9_-]{1,64}".prop_map(|text| ServiceName::new(&text).unwrap())
}

fn aid() -> impl Strategy<Value = Aid> {
    vec(any::<u8>(), 5..=16).prop_map(|bytes| Aid::new(&bytes).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn code<T: Coded + core::fmt::Debug>() -> impl Strategy<Value = T> {
    let variants: Vec<T> = T::CODES.iter().map(|(variant, _)| *variant).collect();
    prop::sample::select(variants)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

fn entry() -> impl Strategy<Value = ContentEntry> {
    (
        code::<EntryKind>(),
        aid(),
        any::<u8>(),
        option::of(any::<[u8; 3]>().prop_map(Privileges)),
        option::of(aid()),
        option::of(aid()),
    )
        .prop_map(
            |(kind, aid, life_cycle, privileges, load_file, security_domain)| ContentEntry {
                kind,
                aid,
                life_cycle,
                privileges,
                load_file,
                security_domain,
            },
        )
}

fn content() -> impl Strategy<Value = CardContent> {
    (time(), any::<u8>(), any::<u32>(), vec(entry(), 0..6)).prop_map(
        |(read_at, card_life_cycle, free_memory, entries)| CardContent {
            read_at,
            card_life_cycle,
            free_memory,
            entries,
        },
    )
}

fn uicc() -> impl Strategy<Value = Uicc> {
    let numbers = any::<(u8, u8, [u8; 10], u32)>();
    (iccid(), tenant(), aid(), numbers, option::of(content())).prop_map(
        |(iccid, tenant, isd_aid, (isd_key_version, scp_i, kdd, memory_bytes), content)| Uicc {
            iccid,
            tenant,
            isd_aid,
            isd_key_version,
            scp_i,
            kdd,
            memory_bytes,
            content,
        },
    )
}

fn counter() -> impl Strategy<Value = KeysetCounter> {
    any::<(u32, u32, Option<[u8; 32]>)>().prop_map(|(confirmed, sent, digest)| KeysetCounter {
        confirmed,
        sent,
        digest,
    })
}

fn lease() -> impl Strategy<Value = Lease> {
    (any::<String>(), any::<u64>(), time()).prop_map(|(holder, epoch, expires_at)| Lease {
        holder,
        epoch,
        expires_at,
    })
}

fn package() -> impl Strategy<Value = Package> {
    let imports = vec((aid(), any::<(u8, u8)>()), 0..4);
    (
        aid(),
        any::<(u8, u8)>(),
        vec(aid(), 0..4),
        imports,
        any::<[u8; 32]>(),
        any::<u32>(),
    )
        .prop_map(|(aid, version, applets, imports, sha256, length)| Package {
            aid,
            version,
            applets,
            imports,
            sha256,
            length,
        })
}

fn service_definition() -> impl Strategy<Value = ServiceDefinition> {
    (
        service(),
        tenant(),
        [aid(), aid(), aid(), aid()],
        any::<u32>(),
        bytes(),
    )
        .prop_map(|(name, provider, aids, quota, provider_public_key)| {
            let [package, module, instance, security_domain] = aids;
            ServiceDefinition {
                name,
                provider,
                package,
                module,
                instance,
                security_domain,
                quota,
                provider_public_key,
            }
        })
}

fn deployment() -> impl Strategy<Value = Deployment> {
    let handover =
        (any::<u8>(), bytes(), bytes()).prop_map(|(key_version, key, ciphertext)| KeyHandover {
            key_version,
            encapsulated_key: key,
            ciphertext,
        });
    let names = (iccid(), service(), tenant());
    let states = (
        code::<ServiceState>(),
        option::of(code::<ServiceState>()),
        code::<KeySetup>(),
    );
    (
        names,
        states,
        any::<Option<String>>(),
        option::of(handover),
        time(),
    )
        .prop_map(
            |(names, (desired, observed, key_setup), problem, handover, updated_at)| Deployment {
                iccid: names.0,
                service: names.1,
                provider: names.2,
                desired,
                observed,
                problem,
                handover,
                key_setup,
                updated_at,
            },
        )
}

fn application() -> impl Strategy<Value = Application> {
    let stage = any::<(String, u32, u64)>().prop_map(|(name, exchanges, micros)| Stage {
        name,
        exchanges,
        micros,
    });
    let texts = any::<(String, String, Option<String>, Option<String>)>();
    let states = (code::<ApplicationState>(), option::of(code::<KeySetup>()));
    let hashes = any::<([u8; 32], [u8; 32])>();
    (
        texts,
        iccid(),
        service(),
        states,
        hashes,
        time(),
        vec(stage, 0..7),
    )
        .prop_map(
            |(texts, iccid, service, (state, key_setup), hashes, created_at, stages)| Application {
                id: texts.0,
                person: texts.1,
                iccid,
                service,
                state,
                refusal: texts.2,
                credential: texts.3,
                key_setup,
                consent_sha256: hashes.0,
                cms_sha256: hashes.1,
                created_at,
                stages,
            },
        )
}

fn credential() -> impl Strategy<Value = Credential> {
    let codes = (
        code::<KeyAlgorithm>(),
        code::<CredentialState>(),
        code::<CardDuty>(),
    );
    let names = (any::<[String; 3]>(), iccid(), service());
    (
        names,
        codes,
        [bytes(), bytes(), bytes()],
        time(),
        time(),
        any::<bool>(),
    )
        .prop_map(
            |(names, codes, parts, not_before, not_after, private_key_destroyed)| {
                let ([id, application, person], iccid, service) = names;
                let [serial, public_key, certificate] = parts;
                Credential {
                    id,
                    application,
                    person,
                    iccid,
                    service,
                    algorithm: codes.0,
                    state: codes.1,
                    serial,
                    public_key,
                    certificate,
                    not_before,
                    not_after,
                    duty: codes.2,
                    private_key_destroyed,
                }
            },
        )
}

fn sealed_private_key() -> impl Strategy<Value = SealedPrivateKey> {
    (any::<u64>(), bytes()).prop_map(|(slot, ciphertext)| SealedPrivateKey {
        slot: SlotId(slot),
        ciphertext,
    })
}

fn open_duty() -> impl Strategy<Value = OpenDuty> {
    (any::<String>(), any::<u32>(), time(), time()).prop_map(
        |(request_id, attempts, due_at, claimed_until)| OpenDuty {
            request_id,
            attempts,
            due_at,
            claimed_until,
        },
    )
}

fn provider_domain() -> impl Strategy<Value = ProviderDomain> {
    let initial = (any::<u8>(), bytes()).prop_map(|(key_version, sealed)| InitialKeys {
        key_version,
        sealed,
    });
    (
        iccid(),
        [aid(), aid()],
        any::<(u8, [u8; 32], u8)>(),
        option::of(initial),
    )
        .prop_map(
            |(iccid, [aid, instance], (scp_i, handover_sha256, generation), initial)| {
                ProviderDomain {
                    iccid,
                    aid,
                    scp_i,
                    instance,
                    handover_sha256,
                    initial,
                    generation,
                }
            },
        )
}

fn audit_entry() -> impl Strategy<Value = AuditEntry> {
    let party = prop::sample::select(vec![Party::Carrier, Party::Jlis, Party::User]);
    (
        any::<[String; 4]>(),
        any::<u64>(),
        time(),
        party,
        any::<[u8; 32]>(),
    )
        .prop_map(
            |([subject, actor, action, outcome], sequence, at, party, previous)| AuditEntry {
                subject,
                sequence,
                at,
                actor,
                party,
                action,
                outcome,
                previous,
            },
        )
}

/// A record of a table; exhaustive by the panic of the test that uses it.
fn record(table: Table) -> BoxedStrategy<Record> {
    fn of<T: Into<Record> + core::fmt::Debug + 'static>(
        strategy: impl Strategy<Value = T> + 'static,
    ) -> BoxedStrategy<Record> {
        strategy.prop_map(Into::into).boxed()
    }
    let name = any::<String>;
    match table {
        Table::Uicc => of(uicc()),
        Table::KeysetCounter => of(counter()),
        Table::Lease => of(lease()),
        Table::Package => of(package()),
        Table::LoadFilePiece => of(bytes().prop_map(|bytes| LoadFilePiece { bytes })),
        Table::ServiceDefinition => of(service_definition()),
        Table::Deployment => of(deployment()),
        Table::RequestOutcome => of(any::<([u8; 32], String)>().prop_map(
            |(body_sha256, subject)| RequestOutcome {
                body_sha256,
                subject,
            },
        )),
        Table::Application => of(application()),
        Table::PersonGuard => of(name().prop_map(|application| PersonGuard { application })),
        Table::CardGuard => of(name().prop_map(|application| CardGuard { application })),
        Table::SpentNonce => of(name().prop_map(|application| SpentNonce { application })),
        Table::Credential => of(credential()),
        Table::SealedPrivateKey => of(sealed_private_key()),
        Table::OpenDuty => of(open_duty()),
        Table::SerialIndex => of(name().prop_map(|credential| SerialIndex { credential })),
        Table::ProviderDomain => of(provider_domain()),
        Table::AuditEntry => of(audit_entry()),
        Table::AuditHead => {
            of(any::<(u64, [u8; 32])>().prop_map(|(sequence, hash)| AuditHead { sequence, hash }))
        }
        other => panic!("no records of table {}", other.name()),
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    prop::sample::select(Table::ALL.to_vec()).prop_flat_map(record)
}

/// Runs a property on records of each table.
fn for_each_table(property: impl Fn(Table, Record) -> Result<(), TestCaseError>) {
    for table in Table::ALL {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(48));
        runner
            .run(&record(*table), |record| property(*table, record))
            .unwrap();
    }
}

#[test]
fn a_record_of_each_table_survives_encoding() {
    for_each_table(|table, record| {
        let (encoded_as, bytes) = encode(&record).unwrap();
        prop_assert_eq!(encoded_as, table);
        prop_assert_eq!(decode(table, &bytes).unwrap(), record);
        Ok(())
    });
}

/// Fields of an encoded message that is not empty: number and span.
fn fields(bytes: &[u8]) -> Vec<(u32, std::ops::Range<usize>)> {
    use prost::encoding::{DecodeContext, decode_key, skip_field};
    let mut rest = bytes;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let start = bytes.len() - rest.len();
        let (number, wire_type) = decode_key(&mut rest).unwrap();
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).unwrap();
        fields.push((number, start..bytes.len() - rest.len()));
    }
    fields
}

/// Field numbers that a record of the table may lack.
fn optional_fields(table: Table) -> &'static [u32] {
    match table {
        Table::Uicc => &[8],
        Table::KeysetCounter => &[3],
        Table::Package => &[3, 4],
        Table::Deployment => &[5, 6, 7],
        Table::Application => &[6, 7, 8, 12],
        Table::ProviderDomain => &[6],
        _ => &[],
    }
}

#[test]
fn refuses_a_record_that_lacks_a_field() {
    for_each_table(|table, record| {
        let (_, bytes) = encode(&record).unwrap();
        for (number, span) in fields(&bytes) {
            let without = [&bytes[..span.start], &bytes[span.end..]].concat();
            let optional = optional_fields(table).contains(&number);
            prop_assert_eq!(
                decode(table, &without).is_ok(),
                optional,
                "field {}",
                number
            );
        }
        Ok(())
    });
}

#[test]
fn refuses_a_field_of_a_later_version() {
    for_each_table(|table, record| {
        let (_, mut bytes) = encode(&record).unwrap();
        prost::encoding::uint32::encode(99, &7, &mut bytes);
        prop_assert_eq!(
            decode(table, &bytes),
            Err(Malformed("unknown or missing field"))
        );
        Ok(())
    });
}

#[test]
fn every_variant_has_its_own_number() {
    fn check<T: Coded>() {
        let numbers: std::collections::BTreeSet<_> = T::CODES.iter().map(|(_, n)| n).collect();
        assert_eq!(numbers.len(), T::CODES.len());
        assert!(!numbers.contains(&0));
        assert!(T::from_code(0).is_err() && T::from_code(u32::MAX).is_err());
    }
    check::<ServiceState>();
    check::<KeySetup>();
    check::<EntryKind>();
    check::<ApplicationState>();
    check::<KeyAlgorithm>();
    check::<CredentialState>();
    check::<CardDuty>();
}

/// Values of records that were stored by released versions must be readable.
#[test]
fn the_form_on_disk_stays_as_it_was() {
    let lease = Lease {
        holder: "mno-1".into(),
        epoch: 7,
        expires_at: Timestamp(1_000),
    };
    let (_, bytes) = encode(&lease.into()).unwrap();
    assert_eq!(hex::encode(bytes), "0a056d6e6f2d31100718e807");
    let counter = KeysetCounter {
        confirmed: 0,
        sent: 0x1234,
        digest: None,
    };
    let (_, bytes) = encode(&counter.into()).unwrap();
    assert_eq!(hex::encode(bytes), "080010b424");
}

proptest! {
    #[test]
    fn refuses_values_out_of_their_range(number in 256_u32.., text in "[^0-9]{0,30}") {
        let mut bytes = Vec::new();
        prost::encoding::string::encode(1, &text, &mut bytes);
        prop_assert!(decode(Table::Uicc, &bytes).is_err());
        prop_assert!(<u8 as Field<u32>>::parse(number).is_err());
        prop_assert!(<Iccid as Field<String>>::parse(text.clone()).is_err());
        prop_assert!(<Party as Field<String>>::parse(text).is_err());
        prop_assert!(<[u8; 32] as Field<Vec<u8>>>::parse(vec![0; 31]).is_err());
        prop_assert!(<Aid as Field<Vec<u8>>>::parse(vec![0; 4]).is_err());
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes: Vec<u8>) {
        for table in Table::ALL {
            let _refused_or_not = decode(*table, &bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_makes_another_record(
        record in any_record(),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let (table, mut bytes) = encode(&record).unwrap();
        prop_assume!(!bytes.is_empty());
        *place.get_mut(&mut bytes) ^= flip;
        if let Ok(other) = decode(table, &bytes) {
            prop_assert_ne!(other, record);
        }
    }
}
