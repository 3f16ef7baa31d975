//! First keys of a domain by agreement with the controlling authority's domain on the card.

use globalplatform::aid::Aid;
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::put_key::PutKeyField;
use globalplatform::commands::store_data::{Dgi, Encryption, Structure, store_data_blocks};
use globalplatform::key::{CurveReference, KeyType};
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;
use scp03::key_agreement::{
    AgreedKeys, CardIdentity, ControlReferenceTemplate, DerivationInputs, KeyAgreementResponse,
    KeyLayout,
};

use crate::delegation::put_key;
use crate::terminal::*;

const WRONG_DATA: StatusWord = StatusWord(0x6A80);
const NOT_FOUND: StatusWord = StatusWord(0x6A88);
const CASD: Aid = OTHER_SSD;

fn secret(byte: u8) -> p256::SecretKey {
    p256::SecretKey::from_slice(&[byte; 32]).unwrap()
}

fn point(key: &p256::SecretKey) -> Vec<u8> {
    key.public_key().to_sec1_bytes().to_vec()
}

fn template(parameters: u8) -> ControlReferenceTemplate {
    ControlReferenceTemplate {
        parameters,
        layout: KeyLayout::three_equal(16),
        key_id: Some(1),
        version: 0x30,
        initial_counter: None,
        image_number: None,
        host_id: (parameters & 0x04 != 0).then(|| vec![0x48, 0x4F]),
    }
}

fn payload(template: &ControlReferenceTemplate, point: &[u8]) -> Vec<u8> {
    let groups = [Dgi::new(0x00A6, template.encode()), Dgi::new(0x7F49, point)];
    groups
        .iter()
        .flat_map(|group| group.encode().unwrap())
        .collect()
}

/// A card with a controlling authority's domain that has the private key 5A…, and an SSD.
fn card() -> Terminal {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let mut casd = install_ssd(CASD, ssd_privileges(), None);
    casd.parameters.applet.extend([0x86, 0x02, 0x00, 0x01]);
    isd.ok(&mut t, &casd.to_apdu());
    isd.ok(&mut t, &install_ssd(SSD, ssd_privileges(), None).to_apdu());
    let numbers = [0x42, 0x01, 0xAA, 0x45, 0x02, 0xBB, 0xCC];
    let command = globalplatform::apdu::CommandApdu::new(0x80, 0xE2, 0x90, 0x00);
    isd.ok(&mut t, &command.with_data(numbers));
    t
}

fn give_casd_its_key(t: &mut Terminal) {
    let mut block = vec![0x5A; 32];
    isd_keys().dek.encrypt(&mut block).unwrap();
    block.insert(0, 32);
    let mut key = PutKeyField::new(KeyType::EC_PRIVATE.0, block, []);
    key.components = PutKeyField::ec_public([4; 65], CurveReference::P256).components;
    let mut casd = t.open(CASD, &isd_keys(), 0x30, SecurityLevel::Full);
    let mut put = put_key(0x74, key);
    put.p2 = 0x03;
    casd.ok(t, &put);
    let certificate = [0x7F, 0x21, 0x02, 0x93, 0x00];
    let store = globalplatform::apdu::CommandApdu::new(0x80, 0xE2, 0x90, 0x00);
    casd.ok(t, &store.with_data(certificate));
    t.select(CASD);
    assert_eq!(t.data(0x7F21).data, certificate);
}

/// Sends the terms through the ISD to the SSD; the answer to the last block.
fn agree(t: &mut Terminal, payload: &[u8], case4: bool) -> globalplatform::apdu::ResponseApdu {
    let mut isd = t.isd();
    isd.ok(t, &InstallForPersonalization { instance: SSD }.to_apdu());
    send(t, &mut isd, payload, case4)
}

/// Sends the terms in a session; the answer to the last block.
fn send(
    t: &mut Terminal,
    session: &mut Session,
    payload: &[u8],
    case4: bool,
) -> globalplatform::apdu::ResponseApdu {
    let blocks = store_data_blocks(payload, 100, Encryption::None, Structure::Dgi, case4).unwrap();
    let mut last = globalplatform::apdu::ResponseApdu::ok();
    for block in blocks {
        last = session.send(t, &block.to_apdu());
    }
    last
}

/// What the host derives from the card's answer; the receipt is genuine.
fn host_keys(template: &ControlReferenceTemplate, answer: &[u8]) -> AgreedKeys {
    let response = KeyAgreementResponse::decode(answer).unwrap();
    let shared = p256::ecdh::diffie_hellman(
        secret(0x11).to_nonzero_scalar(),
        secret(0x5A).public_key().as_affine(),
    );
    let identifiers = template.adds_identifiers();
    let inputs = DerivationInputs {
        derivation_random: response.derivation_random.as_deref(),
        card: identifiers.then_some(CardIdentity {
            issuer: &[0xAA],
            image: &[0xBB, 0xCC],
        }),
    };
    let agreed = template.derive(shared.raw_secret_bytes(), &inputs).unwrap();
    agreed.verify(template, &response).unwrap();
    agreed
}

#[test]
fn host_and_card_agree_on_keys_that_open_sessions() {
    for parameters in [0x00, 0x01, 0x02, 0x04, 0x06, 0x07] {
        let mut t = card();
        give_casd_its_key(&mut t);
        let template = template(parameters);
        let answer = agree(&mut t, &payload(&template, &point(&secret(0x11))), true);
        assert_eq!(answer.sw, StatusWord::OK, "{parameters:02X}");
        let keys = host_keys(&template, &answer.data).static_keys().unwrap();
        t.open(SSD, &keys, 0x30, SecurityLevel::Full);
    }
}

#[test]
fn the_card_adds_other_randomness_each_time() {
    let mut t = card();
    give_casd_its_key(&mut t);
    let payload = payload(&template(0x02), &point(&secret(0x11)));
    let mut keys = isd_keys();
    let mut random = |t: &mut Terminal| {
        let mut ssd = t.open(SSD, &keys, 0x30, SecurityLevel::Full);
        let answer = send(t, &mut ssd, &payload, true);
        keys = host_keys(&template(0x02), &answer.data)
            .static_keys()
            .unwrap();
        let response = KeyAgreementResponse::decode(&answer.data).unwrap();
        response.derivation_random.unwrap()
    };
    let (one, other) = (random(&mut t), random(&mut t));
    assert_eq!((one.len(), one == other), (16, false));
}

#[test]
fn a_domain_with_keys_of_its_own_agrees_on_others_with_nobody_above_it() {
    let mut t = card();
    give_casd_its_key(&mut t);
    let (first, other) = (secret(0x11), secret(0x12));
    let answer = agree(&mut t, &payload(&template(0x00), &point(&first)), true);
    let keys = host_keys(&template(0x00), &answer.data)
        .static_keys()
        .unwrap();
    for parameters in [0x00, 0x01] {
        let before = t.card.state_digest();
        let terms = payload(&template(parameters), &point(&other));
        assert_eq!(agree(&mut t, &terms, true).sw, StatusWord::CONDITIONS);
        assert_eq!(t.card.state_digest(), before);
        t.open(SSD, &keys, 0x30, SecurityLevel::Full);
    }
}

#[test]
fn existing_keys_go_when_the_host_says_so() {
    let mut t = card();
    give_casd_its_key(&mut t);
    let mut ssd = t.open(SSD, &isd_keys(), 0x30, SecurityLevel::Full);
    ssd.ok(
        &mut t,
        &ssd_keys().put_key(0x00, 0x35, &isd_keys().dek).to_apdu(),
    );
    let versions = |t: &Terminal| -> Vec<String> {
        let isd = t.card.inventory().domains.remove(0);
        let ssd = isd.domains.into_iter().find(|d| d.aid == SSD.to_string());
        ssd.unwrap()
            .key_sets
            .into_iter()
            .map(|set| set.version)
            .collect()
    };
    for (parameters, expected) in [(0x00, &["35", "30"][..]), (0x01, &["30"])] {
        let template = ControlReferenceTemplate {
            initial_counter: Some(vec![0x01, 0x02]),
            ..template(parameters)
        };
        let mut ssd = t.open(SSD, &ssd_keys(), 0x35, SecurityLevel::Full);
        let terms = payload(&template, &point(&secret(0x11)));
        assert_eq!(send(&mut t, &mut ssd, &terms, true).sw, StatusWord::OK);
        assert_eq!(versions(&t), expected);
    }
    t.select(SSD);
    assert_eq!(t.data(0x00C1).data, [0xC1, 0x03, 0x00, 0x01, 0x02]);
}

#[test]
fn a_locked_controlling_authority_agrees_on_nothing() {
    let mut t = card();
    give_casd_its_key(&mut t);
    let payload = payload(&template(0x00), &point(&secret(0x11)));
    for (state, sw) in [(0x80, NOT_FOUND), (0x00, StatusWord::OK)] {
        t.isd().ok(&mut t, &set_status(CASD, state));
        assert_eq!(agree(&mut t, &payload, true).sw, sw);
    }
}

#[test]
fn terms_that_cannot_be_met_change_nothing() {
    let mut t = card();
    let good = payload(&template(0x00), &point(&secret(0x11)));
    assert_eq!(
        agree(&mut t, &good, true).sw,
        NOT_FOUND,
        "no key in the CASD"
    );
    give_casd_its_key(&mut t);
    assert_eq!(
        agree(&mut t, &good, false).sw,
        StatusWord(0x6A86),
        "nowhere to answer"
    );
    let off_curve = [&[4][..], &[7; 64]].concat();
    let no_identity = ControlReferenceTemplate {
        host_id: None,
        ..template(0x04)
    };
    let mut wrong_version = template(0x00);
    wrong_version.version = 0x80;
    let long_counter = ControlReferenceTemplate {
        initial_counter: Some(vec![0; 4]),
        ..template(0x00)
    };
    let p256 = point(&secret(0x11));
    let mixed = [
        &good[..],
        &Dgi::new(0x0070, [0x42, 0x01, 0x00]).encode().unwrap(),
    ]
    .concat();
    let keys = ssd_keys().store_data(0x31, &isd_keys().dek).unwrap();
    let with_keys = [&good[..], &keys].concat();
    for payload in [
        with_keys,
        payload(&template(0x00), &off_curve),
        payload(&template(0x00), &p256[..64]),
        payload(&template(0x08), &p256),
        payload(&no_identity, &p256),
        payload(&wrong_version, &p256),
        payload(&long_counter, &p256),
        Dgi::new(0x00A6, template(0x00).encode()).encode().unwrap(),
        mixed,
    ] {
        assert_eq!(agree(&mut t, &payload, true).sw, WRONG_DATA);
    }
    let isd = t.card.inventory().domains.remove(0);
    assert!(isd.domains.iter().all(|domain| domain.key_sets.is_empty()));
}
