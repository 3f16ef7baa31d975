//! Key sets: PUT KEY, DELETE of key sets, whose keys open a domain.

use globalplatform::apdu::CommandApdu;
use globalplatform::card_data::KeyInformationTemplate;
use globalplatform::commands::delete::DeleteKey;
use globalplatform::commands::put_key::PutKeyResponse;
use globalplatform::status_word::StatusWord;
use scp03::put_key::KeyBlockForm;
use scp03::{SecurityLevel, StaticKeys};
use uicc_sim::config::IsdKeySet;

use crate::terminal::*;

fn other_keys() -> StaticKeys {
    StaticKeys::from_bytes(&[0xA1; 16], &[0xA2; 16], &[0xA3; 16]).unwrap()
}

fn versions(t: &mut Terminal) -> Vec<u8> {
    t.select(ISD);
    let response = t.data(0x00E0);
    let template = KeyInformationTemplate::decode(&response.data).unwrap();
    let mut versions: Vec<u8> = template.keys.iter().map(|key| key.version).collect();
    versions.dedup();
    versions
}

fn delete_version(version: u8) -> CommandApdu {
    DeleteKey {
        id: None,
        version: Some(version),
    }
    .to_apdu()
}

#[test]
fn both_forms_of_put_key_are_taken_and_answered_with_check_values() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let dek = isd_keys().dek;
    for (version, form) in [(0x31, KeyBlockForm::AmendmentD), (0x32, KeyBlockForm::Raw)] {
        let put = other_keys().put_key_as(form, 0x00, version, &dek).unwrap();
        let data = isd.ok(&mut t, &put.to_apdu());
        let response = PutKeyResponse::decode(&data).unwrap();
        assert_eq!(response.version, version);
        assert_eq!(response.check_values, other_keys().check_values());
        t.open(ISD, &other_keys(), version, SecurityLevel::Full);
        isd = t.isd();
    }
    assert_eq!(versions(&mut t), [0x30, 0x31, 0x32]);
}

#[test]
fn replacing_starts_the_counter_anew_and_keeps_the_length() {
    let mut t = Terminal::new();
    t.isd();
    t.isd();
    t.select(ISD);
    assert_eq!(t.data(0x00C1).data, [0xC1, 0x03, 0x00, 0x00, 0x02]);
    let mut isd = t.isd();
    let dek = isd_keys().dek;
    let longer = ssd_keys().put_key(0x30, 0x30, &dek).to_apdu();
    assert_eq!(isd.sw(&mut t, &longer), StatusWord(0x6A80));
    let unknown = other_keys().put_key(0x31, 0x31, &dek).to_apdu();
    assert_eq!(isd.sw(&mut t, &unknown), StatusWord(0x6A88));
    let present = other_keys().put_key(0x00, 0x30, &dek).to_apdu();
    assert_eq!(isd.sw(&mut t, &present), StatusWord(0x6A80));
    isd.ok(&mut t, &other_keys().put_key(0x30, 0x33, &dek).to_apdu());
    // The session goes on with its old keys; the next one needs the new ones.
    isd.ok(
        &mut t,
        &CommandApdu::new(0x80, 0xF2, 0x80, 0x02).with_data([0x4F, 0x00]),
    );
    t.select(ISD);
    assert_eq!(t.data(0x00C1).data, [0xC1, 0x03, 0x00, 0x00, 0x00]);
    assert_eq!(
        t.hex("80 50 30 00 08 0102030405060708 00").sw,
        StatusWord(0x6A88)
    );
    t.open(ISD, &other_keys(), 0x33, SecurityLevel::Full);
}

#[test]
fn a_wrong_check_value_stores_nothing() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut put = other_keys().put_key(0x00, 0x31, &isd_keys().dek);
    put.keys[2].kcv[0] ^= 0x01;
    assert_eq!(isd.sw(&mut t, &put.to_apdu()), StatusWord(0x6982));
    let wrong_dek = other_keys().put_key(0x00, 0x31, &other_keys().dek);
    assert_eq!(isd.sw(&mut t, &wrong_dek.to_apdu()), StatusWord(0x6982));
    assert_eq!(versions(&mut t), [0x30]);
    t.isd();
}

#[test]
fn initial_keys_go_with_the_first_put_key() {
    let mut t = Terminal::with(uicc_sim::CardConfig {
        isd_key_sets: vec![IsdKeySet {
            version: 0xFF,
            keys: isd_keys(),
        }],
        ..config()
    });
    let mut isd = t.open(ISD, &isd_keys(), 0x00, SecurityLevel::Full);
    isd.ok(
        &mut t,
        &ssd_keys().put_key(0x00, 0x30, &isd_keys().dek).to_apdu(),
    );
    t.open(ISD, &ssd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(versions(&mut t), [0x30]);
}

#[test]
fn an_ssd_uses_the_keys_above_until_it_has_its_own() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    t.select(SSD);
    assert_eq!(t.data(0x00E0).sw, StatusWord(0x6A88));
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(counter_of_isd(&t), 2, "their counter, not its own");
    ssd.ok(
        &mut t,
        &ssd_keys().put_key(0x00, 0x31, &isd_keys().dek).to_apdu(),
    );
    t.select(SSD);
    assert_eq!(
        t.hex("80 50 30 00 08 0102030405060708 00").sw,
        StatusWord(0x6A88)
    );
    let mut ssd = t.open(SSD, &ssd_keys(), 0x31, SecurityLevel::Full);
    assert_eq!(counter_of_isd(&t), 2);
    let rotated = StaticKeys::from_bytes(&[7; 32], &[8; 32], &[9; 32]).unwrap();
    ssd.ok(
        &mut t,
        &rotated.put_key(0x31, 0x31, &ssd_keys().dek).to_apdu(),
    );
    let mut ssd = t.open(SSD, &rotated, 0x31, SecurityLevel::Full);
    // Who is above it must not get in again.
    assert_eq!(ssd.sw(&mut t, &delete_version(0x31)), StatusWord(0x6985));
    t.open(SSD, &rotated, 0x31, SecurityLevel::Full);
}

#[test]
fn an_ssd_that_is_not_personalized_may_lose_its_last_set() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut install = install_ssd(SSD, ssd_privileges(), None);
    install.parameters.applet = vec![0x81, 0x02, 0x03, 0x70];
    isd.ok(&mut t, &install.to_apdu());
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let put = ssd_keys().put_key(0x00, 0x31, &isd_keys().dek);
    ssd.ok(&mut t, &put.to_apdu());
    ssd.ok(&mut t, &delete_version(0x31));
    t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
}

fn counter_of_isd(t: &Terminal) -> u32 {
    t.card.inventory().domains[0].key_sets[0].counter
}

#[test]
fn the_last_key_set_of_the_card_stays() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    assert_eq!(isd.sw(&mut t, &delete_version(0x30)), StatusWord(0x6985));
    assert_eq!(isd.sw(&mut t, &delete_version(0x31)), StatusWord(0x6A88));
    isd.ok(
        &mut t,
        &other_keys().put_key(0x00, 0x31, &isd_keys().dek).to_apdu(),
    );
    let last_too = CommandApdu {
        p2: 0x01,
        ..delete_version(0x30)
    };
    isd.ok(&mut t, &last_too);
    assert_eq!(versions(&mut t), [0x31]);
    t.open(ISD, &other_keys(), 0x00, SecurityLevel::Full);
}
