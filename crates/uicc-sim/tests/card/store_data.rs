//! STORE DATA for a security domain itself: objects, keys, the name of the issuer security domain.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::card_data::KeyInformationTemplate;
use globalplatform::commands::delete::DeleteKey;
use globalplatform::commands::get_status::Scope;
use globalplatform::commands::install::{InstallForExtradition, InstallForPersonalization};
use globalplatform::commands::store_data::{
    Dgi, Encryption, KEY_DESCRIPTIONS, KeyDescription, Structure, store_data_blocks,
};
use globalplatform::key::{CurveReference, KeyType, KeyUsage};
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use crate::terminal::*;

const NOT_FOUND: StatusWord = StatusWord(0x6A88);
const WRONG_DATA: StatusWord = StatusWord(0x6A80);
const SECURITY: StatusWord = StatusWord(0x6982);
const CONDITIONS: StatusWord = StatusWord(0x6985);

fn store(data: &[u8]) -> CommandApdu {
    CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(data)
}

/// Objects of one byte each, or of the bytes of an AID.
fn object(tag: &[u8], value: &[u8]) -> Vec<u8> {
    [tag, &[value.len() as u8], value].concat()
}

#[test]
fn each_domain_may_be_given_its_own_objects() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    let mut casd = install_ssd(OTHER_SSD, ssd_privileges(), None);
    casd.parameters.applet.extend([0x86, 0x02, 0x00, 0x00]);
    isd.ok(&mut t, &casd.to_apdu());
    let cases: [(&[u8], [bool; 3]); 11] = [
        (&[0x42], [true, true, true]),
        (&[0x45], [true, true, true]),
        (&[0x66], [true, true, true]),
        (&[0x5F, 0x50], [true, true, true]),
        (&[0x67], [true, false, false]),
        (&[0x7F, 0x21], [false, false, true]),
        (&[0xD3], [false; 3]),
        (&[0xC1], [false; 3]),
        (&[0xC2], [false; 3]),
        (&[0xE0], [false; 3]),
        (&[0xFF, 0x21], [false; 3]),
    ];
    for (tag, allowed) in cases {
        for (aid, allowed) in [ISD, SSD, OTHER_SSD].into_iter().zip(allowed) {
            let mut session = t.open(aid, &isd_keys(), 0x30, SecurityLevel::CMac);
            let sw = session.sw(&mut t, &store(&object(tag, &[0xAB])));
            let expected = if allowed { StatusWord::OK } else { NOT_FOUND };
            assert_eq!(sw, expected, "{tag:02X?} in {aid}");
            if allowed {
                let number = tag.iter().fold(0, |n, byte| n << 8 | u16::from(*byte));
                t.select(aid);
                assert_eq!(t.data(number).data, object(tag, &[0xAB]));
            }
        }
    }
}

#[test]
fn one_object_that_is_refused_keeps_all_out() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let both = [object(&[0x42], &[1]), object(&[0xC1], &[1])].concat();
    assert_eq!(isd.sw(&mut t, &store(&both)), NOT_FOUND);
    let cut = [object(&[0x42], &[1]), vec![0x45, 0x05, 0x00]].concat();
    assert_eq!(isd.sw(&mut t, &store(&cut)), WRONG_DATA);
    for repeated in [0x42, 0x4F] {
        let one = object(&[repeated], &[1; 5]);
        let twice = [one.clone(), object(&[0x45], &[1]), one.clone()].concat();
        assert_eq!(isd.sw(&mut t, &store(&twice)), WRONG_DATA);
        let grouped = Dgi::new(0x0070, one).encode().unwrap();
        let twice = [grouped.clone(), grouped].concat();
        assert_eq!(isd.store(&mut t, &twice).sw, WRONG_DATA);
    }
    let keys = ssd_keys().store_data(0x31, &isd_keys().dek).unwrap();
    let grouped = [
        keys,
        Dgi::new(0x0070, object(&[0xC1], &[1])).encode().unwrap(),
    ]
    .concat();
    assert_eq!(isd.store(&mut t, &grouped).sw, NOT_FOUND);
    t.select(ISD);
    assert_eq!(t.data(0x0042).sw, NOT_FOUND);
    assert_eq!(t.data(0x00E0).data.len(), 2 + 3 * 6);
}

#[test]
fn the_issuer_security_domain_gets_another_name() {
    let mut t = Terminal::new();
    deploy(&mut t);
    t.hex("00 70 00 00 01");
    let new: Aid = "A0000005591010".parse().unwrap();
    let mut isd = t.isd();
    let rename = |aid: Aid| store(&object(&[0x4F], aid.as_bytes()));
    assert_eq!(
        isd.sw(&mut t, &rename(new)),
        CONDITIONS,
        "selected on channel 1"
    );
    t.hex("00 70 80 01");
    assert_eq!(isd.sw(&mut t, &rename(SSD)), CONDITIONS, "taken");
    assert_eq!(isd.sw(&mut t, &store(&[0x4F, 1, 0xA0])), WRONG_DATA);
    isd.ok(&mut t, &rename(ISD));
    // With the name comes an object, behind it.
    let both = [
        object(&[0x4F], new.as_bytes()),
        object(&[0x42], &[0xAA, 0xBB]),
    ];
    isd.ok(&mut t, &store(&both.concat()));
    t.select(new);
    assert_eq!(t.data(0x0042).data, object(&[0x42], &[0xAA, 0xBB]));
    let mut isd = t.authenticate(new, &isd_keys(), 0x30, SecurityLevel::CMac);
    let entry = isd.registry(&mut t, Scope::IssuerSecurityDomain).remove(0);
    assert_eq!(entry.aid, new);
    let domain = isd.registry(&mut t, Scope::Applications).remove(0);
    assert_eq!(domain.security_domain, Some(new));
    assert_eq!(t.select(ISD), StatusWord(0x6A82));
    t.open(new, &isd_keys(), 0x30, SecurityLevel::Full);
    let mut ssd = t.ssd();
    assert_eq!(ssd.sw(&mut t, &rename(ISD)), NOT_FOUND, "only the issuer's");
}

fn keys_of_isd(t: &mut Terminal) -> Vec<(u8, u8, usize)> {
    t.select(ISD);
    let template = KeyInformationTemplate::decode(&t.data(0x00E0).data).unwrap();
    let keys = template.keys.iter();
    keys.map(|key| (key.version, key.id, key.parts.len()))
        .collect()
}

#[test]
fn a_key_set_arrives_by_store_data() {
    let mut t = Terminal::new();
    let payload = ssd_keys().store_data(0x31, &isd_keys().dek).unwrap();
    for p1_encryption in [Encryption::None, Encryption::Encrypted] {
        let mut isd = t.isd();
        for block in store_data_blocks(&payload, 90, p1_encryption, Structure::Dgi, false).unwrap()
        {
            isd.ok(&mut t, &block.to_apdu());
        }
        t.open(ISD, &ssd_keys(), 0x31, SecurityLevel::Full);
    }
    let mut damaged = payload.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let mut isd = t.isd();
    assert_eq!(isd.store(&mut t, &damaged).sw, SECURITY);
    let twice = scp03::store_data_keys::read_keys(&payload, &isd_keys().dek).unwrap();
    let twice = [&twice[..], &twice[..1]].concat();
    let twice = scp03::store_data_keys::write_keys(&twice, &isd_keys().dek).unwrap();
    assert_eq!(
        isd.store(&mut t, &twice).sw,
        WRONG_DATA,
        "two keys in one place"
    );
    let wrong_dek = ssd_keys().store_data(0x32, &ssd_keys().dek).unwrap();
    assert_eq!(isd.store(&mut t, &wrong_dek).sw, SECURITY);
    let cut = &payload[..payload.len() - 35];
    assert_eq!(isd.store(&mut t, cut).sw, WRONG_DATA);
    let expected: Vec<_> = [0x30, 0x31]
        .into_iter()
        .flat_map(|version| (1..=3).map(move |id| (version, id, 1)))
        .collect();
    assert_eq!(keys_of_isd(&mut t), expected);
}

#[test]
fn the_set_of_another_domain_arrives_through_its_parent() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    isd.ok(
        &mut t,
        &InstallForPersonalization { instance: SSD }.to_apdu(),
    );
    let payload = ssd_keys().store_data(0x30, &isd_keys().dek).unwrap();
    assert_eq!(isd.store(&mut t, &payload).sw, StatusWord::OK);
    t.ssd();

    // Once it is PERSONALIZED with keys of its own they are out of the parent's control.
    let mut isd = t.isd();
    let personalized = CommandApdu::new(0x80, 0xF0, 0x40, 0x0F).with_data(SSD.as_bytes());
    isd.sw(&mut t, &personalized);
    let digest = t.card.state_digest();
    for version in [0x30, 0x31] {
        isd.ok(
            &mut t,
            &InstallForPersonalization { instance: SSD }.to_apdu(),
        );
        let mine = isd_keys().store_data(version, &isd_keys().dek).unwrap();
        assert_eq!(isd.store(&mut t, &mine).sw, CONDITIONS);
    }
    assert_eq!(t.card.state_digest(), digest);
    t.ssd();
}

#[test]
fn a_domain_that_has_broken_its_set_up_gets_no_other_one() {
    let mut t = Terminal::new();
    let mut install = install_ssd(SSD, ssd_privileges(), None);
    install.parameters.applet = vec![0x81, 0x02, 0x03, 0x70];
    t.isd().ok(&mut t, &install.to_apdu());
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    let put = ssd_keys().put_key(0x00, 0x30, &isd_keys().dek);
    ssd.ok(&mut t, &put.to_apdu());
    let broken = DeleteKey {
        id: Some(0x02),
        version: Some(0x30),
    };
    // Only before it is PERSONALIZED it may do so.
    let mut ssd = t.ssd();
    ssd.ok(&mut t, &broken.to_apdu());
    ssd.ok(&mut t, &set_status(SSD, 0x0F));
    let mut isd = t.isd();
    let digest = t.card.state_digest();
    isd.ok(
        &mut t,
        &InstallForPersonalization { instance: SSD }.to_apdu(),
    );
    let mine = isd_keys().store_data(0x30, &isd_keys().dek).unwrap();
    assert_eq!(isd.store(&mut t, &mine).sw, CONDITIONS);
    assert_eq!(t.card.state_digest(), digest);
}

#[test]
fn personalisation_ends_where_the_target_goes_to_another_domain() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    isd.ok(
        &mut t,
        &install_ssd(OTHER_SSD, ssd_privileges(), None).to_apdu(),
    );
    for (to, expected) in [(ISD, StatusWord::OK), (SSD, CONDITIONS)] {
        isd.ok(
            &mut t,
            &InstallForPersonalization {
                instance: OTHER_SSD,
            }
            .to_apdu(),
        );
        let extradite = InstallForExtradition {
            security_domain: to,
            aid: OTHER_SSD,
            parameters: Default::default(),
            token: None,
        };
        if to == SSD {
            isd.ok(&mut t, &extradite.to_apdu());
        }
        let sw = isd.sw(&mut t, &store(&object(&[0x42], &[0xAB])));
        assert_eq!(sw, expected);
    }
}

fn p256_point() -> Vec<u8> {
    let key = p256::SecretKey::from_slice(&[7; 32]).unwrap();
    key.public_key().to_sec1_bytes().to_vec()
}

#[test]
fn public_keys_arrive_by_store_data() {
    let description = |key_type, id: Option<u8>| KeyDescription {
        usage: id.map(|_| KeyUsage::DAP),
        id,
        version: id.map(|_| 0x73),
        ..KeyDescription::new(key_type)
    };
    let mut point = description(KeyType::EC_PUBLIC, Some(1));
    point.length = Some(65);
    let mut curve = description(KeyType::EC_CURVE_REFERENCE, None);
    curve.curve = Some(CurveReference::P256);
    let rsa = [
        description(KeyType::RSA_MODULUS, Some(2)),
        description(KeyType::RSA_PUBLIC_EXPONENT, Some(2)),
    ];
    let [modulus, exponent] = rsa;
    let payload = |descriptions: &[KeyDescription], groups: &[(u16, usize)]| -> Vec<u8> {
        let list = KeyDescription::encode_list(descriptions);
        let value = |tag, length| match (tag, length) {
            (0x0036, 65) => p256_point(),
            // An odd number.
            _ => vec![0xC5; length],
        };
        let groups = groups
            .iter()
            .map(|(tag, length)| Dgi::new(*tag, value(*tag, *length)));
        std::iter::once(Dgi::new(KEY_DESCRIPTIONS, list))
            .chain(groups)
            .flat_map(|group| group.encode().unwrap())
            .collect()
    };
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let all = [point.clone(), curve.clone(), modulus.clone(), exponent];
    let groups = [(0x0036, 65), (0x0010, 128), (0x0011, 3)];
    assert_eq!(
        isd.store(&mut t, &payload(&all, &groups)).sw,
        StatusWord::OK
    );
    assert_eq!(keys_of_isd(&mut t)[3..], [(0x73, 1, 2), (0x73, 2, 2)]);
    // The same identifier in another version is another key, even with components of other types.
    let other_version = |key: &KeyDescription| KeyDescription {
        id: Some(1),
        version: Some(0x74),
        ..key.clone()
    };
    let two = [
        point.clone(),
        curve.clone(),
        other_version(&modulus),
        other_version(&all[3]),
    ];
    let mut isd = t.isd();
    assert_eq!(
        isd.store(&mut t, &payload(&two, &groups)).sw,
        StatusWord::OK
    );
    assert_eq!(
        keys_of_isd(&mut t)[3..],
        [(0x73, 2, 2), (0x73, 1, 2), (0x74, 1, 2)]
    );
    let mut isd = t.isd();
    let with = |change: &dyn Fn(&mut KeyDescription)| {
        let mut changed = curve.clone();
        change(&mut changed);
        changed
    };
    for (descriptions, groups) in [
        (&[point.clone()][..], &[(0x0036, 65)][..]),
        (&[point.clone(), curve.clone()], &[(0x0036, 64)]),
        (&[point.clone(), curve.clone()], &[(0x0010, 65)]),
        (&[point.clone(), curve.clone()], &[]),
        (&[curve.clone()], &[]),
        (&[modulus], &[(0x0010, 128)]),
        (
            &[KeyDescription {
                version: Some(0x80),
                ..point.clone()
            }],
            &[(0x0036, 65)],
        ),
        // What a further component says must be what the first one said.
        (
            &[point.clone(), with(&|key| key.version = Some(0x74))],
            &[(0x0036, 65)],
        ),
        (
            &[
                point.clone(),
                with(&|key| key.usage = Some(KeyUsage::TOKEN)),
            ],
            &[(0x0036, 65)],
        ),
        (
            &[point.clone(), with(&|key| key.access = Some(0x01))],
            &[(0x0036, 65)],
        ),
        (
            &[point.clone(), with(&|key| key.check_value = Some([1; 3]))],
            &[(0x0036, 65)],
        ),
        (
            &[
                KeyDescription {
                    check_value: Some([1; 3]),
                    ..point.clone()
                },
                curve.clone(),
            ],
            &[(0x0036, 65)],
        ),
    ] {
        let sw = isd.store(&mut t, &payload(descriptions, groups)).sw;
        assert_eq!(sw, WRONG_DATA, "{descriptions:?} {groups:?}");
    }
}

#[test]
fn blocks_come_in_order_and_in_a_form_that_means_something() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let data = object(&[0x42], &[1]);
    for (p1, p2, sw) in [
        (0x90, 0x01, CONDITIONS),
        (0x80, 0x00, StatusWord::OK),
        (0xE0, 0x00, StatusWord(0x6A86)),
        (0xF0, 0x00, StatusWord(0x6A86)),
        (0x98, 0x00, StatusWord(0x6A86)),
        (0x92, 0x00, StatusWord(0x6A86)),
        (0x90, 0x00, StatusWord::OK),
    ] {
        let command = CommandApdu::new(0x80, 0xE2, p1, p2).with_data(data.as_slice());
        assert_eq!(isd.sw(&mut t, &command), sw, "{p1:02X} {p2:02X}");
    }
    let unknown = Dgi::new(0x0123, [1]).encode().unwrap();
    assert_eq!(isd.store(&mut t, &unknown).sw, NOT_FOUND);
}
