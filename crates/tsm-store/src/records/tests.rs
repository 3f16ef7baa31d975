mod strategies;

use globalplatform::aid::Aid;
use proptest::prelude::*;
use tsm_core::audit::Party;
use tsm_core::card::case::CaseState;
use tsm_core::card::content::EntryKind;
use tsm_core::card::counter::KeysetCounter;
use tsm_core::card::deployment::{KeySetup, ServiceState};
use tsm_core::card::difference::DifferenceKind;
use tsm_core::card::divergence::DivergenceKind;
use tsm_core::card::lease::Lease;
use tsm_core::card::policy::Reaction;
use tsm_core::card::standing::Standing;
use tsm_core::card::sweep::SweepState;
use tsm_core::fleet::{CardEventKind, HolderAssurance, SubscriptionState};
use tsm_core::identity::Iccid;
use tsm_core::jpki::application::ApplicationState;
use tsm_core::jpki::credential::{CardDuty, CredentialState, KeyAlgorithm};
use tsm_core::tenancy::{ManagementMode, TenantKind};
use tsm_core::time::Timestamp;

use super::field::Coded;
use super::*;
use strategies::record;

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
        Table::TenantRecord => &[3],
        Table::Contract => &[3, 4, 6],
        Table::Uicc => &[8, 11, 12],
        Table::CardProfile => &[9],
        Table::ImportBatch => &[4],
        Table::RefusedRow => &[5],
        Table::Subscription => &[4],
        Table::ServiceDefinition => &[9],
        Table::KeysetCounter => &[3],
        Table::Package => &[3, 4],
        Table::Deployment => &[5, 6, 7],
        Table::Application => &[6, 7, 8, 12],
        Table::ProviderDomain => &[6],
        Table::Policy => &[6],
        Table::Case => &[5],
        Table::CardHistory => &[2, 3],
        Table::AuditEntry => &[9, 10, 11, 12],
        Table::SignedHeads => &[2],
        Table::Tariff => &[3],
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
    check::<TenantKind>();
    check::<ManagementMode>();
    check::<Reaction>();
    check::<DivergenceKind>();
    check::<DifferenceKind>();
    check::<CaseState>();
    check::<Standing>();
    check::<SweepState>();
    check::<HolderAssurance>();
    check::<SubscriptionState>();
    check::<CardEventKind>();
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
