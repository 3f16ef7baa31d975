use proptest::prelude::*;

use super::super::profile::tests::profile;
use super::*;

const WRAPPED: &str = "00112233445566778899AABBCCDDEEFF0011223344556677";

fn row() -> RowText {
    RowText {
        iccid: "8981100000000000001".to_owned(),
        profile: "uicc-128k".to_owned(),
        key_version: "48".to_owned(),
        kdd: "00010203040506070809".to_owned(),
        ..RowText::default()
    }
}

fn wrapped() -> RowText {
    RowText {
        kdd: String::new(),
        enc_key: WRAPPED.to_owned(),
        mac_key: WRAPPED.to_owned(),
        dek_key: WRAPPED.to_owned(),
        ..row()
    }
}

fn check_with(row: &RowText, has_transport_key: bool) -> Result<DeliveredCard, RowProblem> {
    let issuer = Tenant::new("carrier").unwrap();
    let profiles = BTreeMap::from([(profile().name, profile())]);
    let delivery = Delivery {
        issuer: &issuer,
        profiles: &profiles,
        may_have: &|tenant| matches!(tenant.as_str(), "carrier" | "mvno"),
        has_transport_key,
    };
    delivery.check(row)
}

fn check(row: &RowText) -> Result<DeliveredCard, RowProblem> {
    check_with(row, true)
}

#[test]
fn what_a_row_leaves_out_says_the_profile() {
    let card = check(&row()).unwrap();
    let expected = DeliveredCard {
        iccid: Iccid::new("8981100000000000001").unwrap(),
        eid: None,
        tenant: Tenant::new("carrier").unwrap(),
        profile: profile().name,
        isd_aid: profile().isd_aid,
        key_version: 0x30,
        scp_i: 0x70,
        keys: DeliveredKeys::Diversified([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        memory_bytes: 131_072,
        sequence_counter: 0,
        msisdn: None,
    };
    assert_eq!(card, expected);
}

#[test]
fn a_row_may_say_everything() {
    let full = RowText {
        eid: "8".repeat(32),
        key_version: "0x7F".to_owned(),
        memory_bytes: "65536".to_owned(),
        sequence_counter: "0xFFFFFF".to_owned(),
        tenant: "mvno".to_owned(),
        msisdn: "+819012345678".to_owned(),
        ..wrapped()
    };
    let card = check(&full).unwrap();
    let key = hex::decode(WRAPPED).unwrap();
    assert_eq!(
        card.keys,
        DeliveredKeys::Wrapped([key.clone(), key.clone(), key])
    );
    assert_eq!(card.eid.unwrap().as_str(), "8".repeat(32));
    assert_eq!(card.tenant.as_str(), "mvno");
    assert_eq!(card.msisdn.unwrap().as_str(), "819012345678");
    assert_eq!(
        (card.key_version, card.memory_bytes, card.sequence_counter),
        (0x7F, 65_536, 0x00FF_FFFF)
    );
}

/// Changes one column of a row.
type Edit = fn(&mut RowText);

#[test]
fn names_the_column_that_is_wrong() {
    let wrong: &[(&str, Reason, Edit)] = &[
        ("iccid", Reason::InvalidArgument, |r| r.iccid.push('x')),
        ("iccid", Reason::InvalidArgument, |r| r.iccid.clear()),
        ("eid", Reason::InvalidArgument, |r| r.eid = "1".repeat(31)),
        ("profile", Reason::InvalidArgument, |r| r.profile.clear()),
        ("profile", Reason::CardProfileUnknown, |r| {
            r.profile.push('x')
        }),
        ("profile", Reason::CardProfileUnknown, |r| {
            r.profile = "No!".to_owned()
        }),
        ("key_version", Reason::InvalidArgument, |r| {
            r.key_version.clear()
        }),
        ("key_version", Reason::InvalidArgument, |r| {
            r.key_version = "0".to_owned()
        }),
        ("key_version", Reason::InvalidArgument, |r| {
            r.key_version = "128".to_owned()
        }),
        ("key_version", Reason::InvalidArgument, |r| {
            r.key_version = "256".to_owned()
        }),
        ("key_version", Reason::InvalidArgument, |r| {
            r.key_version = "0x+1".to_owned()
        }),
        ("key_version", Reason::InvalidArgument, |r| {
            r.key_version = "+1".to_owned()
        }),
        ("kdd", Reason::InvalidArgument, |r| r.kdd.clear()),
        ("kdd", Reason::InvalidArgument, |r| r.kdd.push('0')),
        ("kdd", Reason::InvalidArgument, |r| r.kdd.push_str("00")),
        ("kdd", Reason::InvalidArgument, |r| r.kdd = "g".repeat(20)),
        ("kdd", Reason::InvalidArgument, |r| {
            r.enc_key = WRAPPED.to_owned()
        }),
        ("memory_bytes", Reason::InvalidArgument, |r| {
            r.memory_bytes = "4294967296".to_owned()
        }),
        ("memory_bytes", Reason::InvalidArgument, |r| {
            r.memory_bytes = "64k".to_owned()
        }),
        ("sequence_counter", Reason::InvalidArgument, |r| {
            r.sequence_counter = "16777216".to_owned();
        }),
        ("sequence_counter", Reason::InvalidArgument, |r| {
            r.sequence_counter = "-1".to_owned()
        }),
        ("tenant", Reason::InvalidArgument, |r| {
            r.tenant = "M".to_owned()
        }),
        ("tenant", Reason::TenantForbidden, |r| {
            r.tenant = "other".to_owned()
        }),
        ("msisdn", Reason::InvalidArgument, |r| {
            r.msisdn = "09012345678".to_owned()
        }),
    ];
    for (index, (column, reason, edit)) in wrong.iter().enumerate() {
        let mut row = row();
        edit(&mut row);
        let problem = check(&row).unwrap_err();
        assert_eq!(
            (problem.column, problem.reason),
            (*column, *reason),
            "{index}"
        );
    }
}

#[test]
fn wrapped_keys_come_together_and_have_the_length_of_the_profile() {
    let edits: &[(&str, Edit)] = &[
        ("enc_key", |r| r.enc_key.clear()),
        ("mac_key", |r| r.mac_key.clear()),
        ("dek_key", |r| r.dek_key.clear()),
        ("enc_key", |r| r.enc_key.push_str("0011223344556677")),
        ("mac_key", |r| r.mac_key.truncate(46)),
        ("dek_key", |r| r.dek_key = "x".repeat(48)),
    ];
    for (column, edit) in edits {
        let mut row = wrapped();
        edit(&mut row);
        assert_eq!(check(&row).unwrap_err().column, *column);
    }
    let problem = check_with(&wrapped(), false).unwrap_err();
    assert_eq!(
        (problem.column, problem.reason),
        ("enc_key", Reason::KeysUnusable)
    );
    assert!(check_with(&row(), false).is_ok());
}

proptest! {
    /// Whatever stands where: a problem tells none of it. Texts have at least seven characters that
    /// no rule is made of.
    #[test]
    fn a_problem_never_tells_what_stood_in_the_row(
        secret in "[A-F]{7}[A-F0-9]{9,60}",
        column in 0_usize..12,
    ) {
        let mut row = wrapped();
        let columns = [
            &mut row.iccid, &mut row.eid, &mut row.profile, &mut row.key_version, &mut row.kdd,
            &mut row.enc_key, &mut row.mac_key, &mut row.dek_key, &mut row.memory_bytes,
            &mut row.sequence_counter, &mut row.tenant, &mut row.msisdn,
        ];
        *columns.into_iter().nth(column).unwrap() = secret.clone();
        let shown = format!("{row:?}");
        prop_assert!(!shown.contains(&secret[..7]));
        if let Err(problem) = check(&row) {
            let shown = format!("{problem:?}");
            prop_assert!(!shown.contains(&secret[..7]), "{}", shown);
        }
    }
}
