//! Keys one by one, and keys that are no AES keys.

use globalplatform::apdu::CommandApdu;
use globalplatform::card_data::{KeyInformation, KeyInformationTemplate, KeyPart};
use globalplatform::commands::delete::DeleteKey;
use globalplatform::commands::put_key::{KeyAttributes, PutKey, PutKeyField};
use globalplatform::key::{CurveReference, KeyType};
use globalplatform::status_word::StatusWord;
use scp03::put_key::{KeyBlockForm, key_field};
use scp03::{AesKey, SecurityLevel};

use crate::terminal::*;

const NOT_FOUND: StatusWord = StatusWord(0x6A88);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);

fn information(t: &mut Terminal) -> Vec<KeyInformation> {
    t.select(ISD);
    let data = t.data(0x00E0).data;
    KeyInformationTemplate::decode(&data).unwrap().keys
}

fn put(replaces: u8, version: u8, id: u8, key: PutKeyField) -> CommandApdu {
    PutKey {
        replaces,
        new_version: version,
        first_id: id,
        keys: vec![key],
        multiple: false,
    }
    .to_apdu()
}

fn aes(byte: u8, length: usize) -> AesKey {
    AesKey::from_bytes(&vec![byte; length]).unwrap()
}

fn aes_field(byte: u8, length: usize) -> PutKeyField {
    key_field(
        &aes(byte, length),
        &isd_keys().dek,
        KeyBlockForm::AmendmentD,
        None,
    )
    .unwrap()
}

fn delete_key(id: Option<u8>, version: Option<u8>) -> CommandApdu {
    DeleteKey { id, version }.to_apdu()
}

#[test]
fn token_receipt_and_dap_keys_are_kept_and_told() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let rsa = PutKeyField::rsa_public(vec![0xC1; 128], vec![1, 0, 1]);
    let point = p384::SecretKey::from_slice(&[7; 48]).unwrap();
    let point = point.public_key().to_sec1_bytes();
    let ec = PutKeyField::ec_public(point.to_vec(), CurveReference::P384);
    assert_eq!(isd.ok(&mut t, &put(0, 0x70, 1, rsa)), [0x70]);
    let receipt = isd.ok(&mut t, &put(0, 0x71, 1, aes_field(9, 32)));
    assert_eq!(receipt, [&[0x71][..], &aes(9, 32).check_value()].concat());
    isd.ok(&mut t, &put(0, 0x73, 1, ec));
    let part = |key_type: KeyType, length| KeyPart {
        key_type: key_type.0,
        length,
    };
    let key = |id, version, parts: &[KeyPart]| KeyInformation {
        id,
        version,
        parts: parts.to_vec(),
        usage_and_access: None,
    };
    let expected = [
        key(1, 0x30, &[part(KeyType::AES, 16)]),
        key(2, 0x30, &[part(KeyType::AES, 16)]),
        key(3, 0x30, &[part(KeyType::AES, 16)]),
        key(
            1,
            0x70,
            &[
                part(KeyType::RSA_MODULUS, 128),
                part(KeyType::RSA_PUBLIC_EXPONENT, 3),
            ],
        ),
        key(1, 0x71, &[part(KeyType::AES, 32)]),
        key(
            1,
            0x73,
            &[
                part(KeyType::EC_PUBLIC, 97),
                part(KeyType::EC_CURVE_REFERENCE, 1),
            ],
        ),
    ];
    assert_eq!(information(&mut t), expected);
    let mut isd = t.isd();
    isd.ok(&mut t, &delete_key(Some(1), Some(0x70)));
    assert_eq!(isd.sw(&mut t, &delete_key(Some(1), Some(0x70))), NOT_FOUND);
    assert_eq!(information(&mut t).len(), 5);
}

#[test]
fn usage_and_access_come_back_in_the_extended_format() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let key = aes_field(9, 16).with_attributes(KeyAttributes {
        usage: vec![0x81],
        access: vec![0x01],
    });
    isd.ok(&mut t, &put(0, 0x70, 1, key));
    let told = information(&mut t).pop().unwrap();
    assert_eq!(told.usage_and_access, Some((vec![0x81], vec![0x01])));
    assert_eq!(told.parts[0].length, 16);
}

#[test]
fn a_set_is_built_and_changed_key_by_key() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    for id in [3, 1] {
        isd.ok(&mut t, &put(0, 0x31, id, aes_field(id, 16)));
    }
    let incomplete = "80 50 31 00 08 0102030405060708 00";
    t.select(ISD);
    assert_eq!(t.hex(incomplete).sw, NOT_FOUND, "ENC and DEK only");
    let mut isd = t.isd();
    isd.ok(&mut t, &put(0, 0x31, 2, aes_field(2, 16)));
    let keys = scp03::StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16]).unwrap();
    let mut isd = t.open(ISD, &keys, 0x31, SecurityLevel::Full);
    let longer = key_field(&aes(7, 32), &keys.dek, KeyBlockForm::AmendmentD, None).unwrap();
    assert_eq!(isd.sw(&mut t, &put(0x31, 0x31, 2, longer)), WRONG_DATA);
    let other = key_field(&aes(7, 16), &keys.dek, KeyBlockForm::Raw, None).unwrap();
    let taken = isd.sw(&mut t, &put(0x00, 0x31, 2, other.clone()));
    assert_eq!(taken, WRONG_DATA);
    isd.ok(&mut t, &put(0x31, 0x31, 2, other));
    let keys = scp03::StaticKeys::from_bytes(&[1; 16], &[7; 16], &[3; 16]).unwrap();
    let mut isd = t.open(ISD, &keys, 0x31, SecurityLevel::Full);
    isd.ok(&mut t, &delete_key(Some(2), Some(0x31)));
    t.select(ISD);
    assert_eq!(t.hex(incomplete).sw, NOT_FOUND);
    assert_eq!(information(&mut t).len(), 5);
}

#[test]
fn no_put_key_leaves_the_card_without_a_set() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let key = |id| key_field(&aes(id, 16), &isd_keys().dek, KeyBlockForm::Raw, None).unwrap();
    let moved = isd.sw(&mut t, &put(0x30, 0x31, 1, key(1)));
    assert_eq!(moved, StatusWord(0x6985), "ENC goes to version 31");
    isd.ok(&mut t, &put(0x30, 0x30, 1, key(1)));
    let keys = scp03::StaticKeys::from_bytes(&[1; 16], &[0x22; 16], &[0x33; 16]).unwrap();
    let mut isd = t.open(ISD, &keys, 0x30, SecurityLevel::Full);
    let other = ssd_keys().put_key(0x00, 0x40, &isd_keys().dek).to_apdu();
    isd.ok(&mut t, &other);
    isd.ok(&mut t, &put(0x30, 0x31, 1, key(1)));
    t.open(ISD, &ssd_keys(), 0x40, SecurityLevel::Full);
}

#[test]
fn one_identifier_or_version_means_all_keys_with_it() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &put(0, 0x70, 9, aes_field(1, 16)));
    isd.ok(&mut t, &put(0, 0x71, 9, aes_field(1, 16)));
    isd.ok(&mut t, &delete_key(Some(9), None));
    assert_eq!(information(&mut t).len(), 3);
    let mut isd = t.isd();
    let last = isd.sw(&mut t, &delete_key(Some(1), None));
    assert_eq!(last, StatusWord(0x6985), "no set would be whole");
    assert_eq!(isd.sw(&mut t, &delete_key(None, Some(0x71))), NOT_FOUND);
}

#[test]
fn what_is_no_key_is_refused() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let des = PutKeyField::new(KeyType::DES.0, vec![0; 16], vec![0; 3]);
    assert_eq!(isd.sw(&mut t, &put(0, 0x70, 1, des)), WRONG_DATA);
    let short = PutKeyField::ec_public(vec![4; 64], CurveReference::P256);
    assert_eq!(isd.sw(&mut t, &put(0, 0x70, 1, short)), WRONG_DATA);
    let mut with_check = PutKeyField::ec_public(vec![4; 65], CurveReference::P256);
    with_check.kcv = vec![1, 2, 3];
    assert_eq!(isd.sw(&mut t, &put(0, 0x70, 1, with_check)), WRONG_DATA);
    let mut no_check = aes_field(1, 16);
    no_check.kcv.clear();
    assert_eq!(isd.sw(&mut t, &put(0, 0x70, 1, no_check)), WRONG_DATA);
    let mut wrong_check = aes_field(1, 16);
    wrong_check.kcv[0] ^= 1;
    let sw = isd.sw(&mut t, &put(0, 0x70, 1, wrong_check));
    assert_eq!(sw, StatusWord(0x6982));
    for (version, id) in [(0x80, 1), (0x00, 1), (0xFF, 1), (0x70, 0)] {
        let sw = isd.sw(&mut t, &put(0, version, id, aes_field(1, 16)));
        assert_eq!(sw, WRONG_DATA, "{version:02X} {id}");
    }
    assert_eq!(information(&mut t).len(), 3);
}
