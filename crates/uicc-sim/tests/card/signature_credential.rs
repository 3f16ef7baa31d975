//! The JPKI applet's second credential, which signs documents, and the certificates of the issuers.

use globalplatform::commands::store_data::Dgi;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, find};
use sha2::{Digest, Sha256};

use crate::credentials::*;
use crate::personalisation::make_live;
use crate::terminal::*;

const SELECT: &str = "00 A4 04 0C 0A D392F000260100000001";
const SELECT_PIN: &str = "00 A4 02 0C 02 001B";
const SELECT_KEY: &str = "00 A4 02 0C 02 001A";
const SELECT_CERTIFICATE: &str = "00 A4 02 0C 02 0001";
const RIGHT_PIN: &str = "00 20 00 80 06 414243313233";
const WRONG_PIN: &str = "00 20 00 80 06 414243313234";
const ID: [u8; 16] = [0x51; 16];

fn group(tag: u16, data: &[u8]) -> Vec<u8> {
    payload(&[Dgi::new(tag, data)])
}

/// Fills, proves and commits the signature credential with PIN ABC123.
fn make_signature_live(t: &mut Terminal, ssd: &mut Session, kind: Kind) {
    let filled = ssd.personalise(t, &signature_credential(kind, ID, "ABC123"));
    assert_eq!(filled.sw, StatusWord::OK);
    let early = ssd.personalise(t, &group(0x9F15, &ID));
    assert_eq!(early.sw, StatusWord(0x6985), "not proved");
    let proof = ssd.store(t, &group(0x9F14, &[0xC4; 32]));
    assert_eq!(proof.sw, StatusWord::OK);
    let message = [b"JPKI-POP-1".as_slice(), &ID, &[0xC4; 32]].concat();
    assert!(verify(kind, &message, &proof.data, false));
    assert_eq!(ssd.personalise(t, &group(0x9F15, &ID)).sw, StatusWord::OK);
}

/// A card with both credentials, the applet selected: EC for authentication, RSA for signatures.
fn card() -> Terminal {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    make_live(&mut t, &mut ssd, Kind::P256, [1; 16], "1234");
    make_signature_live(&mut t, &mut ssd, Kind::Rsa);
    assert_eq!(t.hex(SELECT).sw, StatusWord::OK);
    t
}

#[test]
fn the_certificate_is_for_those_who_know_the_pin() {
    let mut t = card();
    assert_eq!(t.hex(SELECT_CERTIFICATE).sw, StatusWord::OK);
    assert_eq!(t.hex("00 B0 00 00 04").sw, StatusWord(0x6982));
    t.hex("00 A4 02 0C 02 0018");
    assert_eq!(t.hex("00 20 00 80 04 31323334").sw, StatusWord::OK);
    t.hex(SELECT_CERTIFICATE);
    assert_eq!(
        t.hex("00 B0 00 00 04").sw,
        StatusWord(0x6982),
        "the other PIN"
    );
    t.hex(SELECT_PIN);
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord::OK);
    t.hex(SELECT_CERTIFICATE);
    assert_eq!(t.hex("00 B0 00 00 04").data, RSA_CERTIFICATE[..4]);
    t.hex(SELECT);
    t.hex(SELECT_CERTIFICATE);
    assert_eq!(t.hex("00 B0 00 00 04").sw, StatusWord(0x6982));
}

#[test]
fn selecting_a_file_describes_it_to_who_asks() {
    let mut t = card();
    let size = |bytes: &[u8]| format!("8002{:04X}", bytes.len());
    let auth = size(P256_CERTIFICATE);
    let sign = size(RSA_CERTIFICATE);
    for (command, expected) in [
        ("00 A4 02 0C 02 000A", String::new()),
        ("00 A4 02 00 02 000A", format!("6F0B{auth}8201018302000A")),
        ("00 A4 02 04 02 000A", format!("620B{auth}8201018302000A")),
        ("00 A4 02 08 02 000A", "6400".into()),
        ("00 A4 02 04 02 0018", "620782010983020018".into()),
        ("00 A4 02 04 02 0017", "620782010983020017".into()),
        ("00 A4 02 04 02 0001", "620782010183020001".into()),
        (
            "00 A4 02 04 02 0006",
            "620B80020020820101 83020006".replace(' ', ""),
        ),
    ] {
        let response = t.hex(command);
        assert_eq!(response.sw, StatusWord::OK);
        assert_eq!(hex::encode_upper(response.data), expected, "{command}");
    }
    t.hex(SELECT_PIN);
    t.hex(RIGHT_PIN);
    let described = t.hex("00 A4 02 04 02 0001").data;
    let expected = format!("620B{sign}82010183020001");
    assert_eq!(hex::encode_upper(described), expected, "readable now");
    assert_eq!(t.hex("00 A4 02 10 02 0001").sw, StatusWord(0x6A86));
    assert_eq!(t.hex("00 A4 00 0C 02 0001").sw, StatusWord(0x6A86));
    assert_eq!(t.hex("00 A4 02 0C 01 00").sw, StatusWord(0x6700));
}

#[test]
fn five_wrong_pins_block() {
    let mut t = card();
    t.hex(SELECT_PIN);
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C5));
    for left in (1..5).rev() {
        assert_eq!(t.hex(WRONG_PIN).sw, StatusWord::with_tries_left(left));
    }
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord::OK);
    assert_eq!(
        t.hex("00 20 00 80").sw,
        StatusWord(0x63C5),
        "all tries back"
    );
    for left in (0..5).rev() {
        assert_eq!(t.hex(WRONG_PIN).sw, StatusWord::with_tries_left(left));
    }
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord(0x6983));
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C0));
    t.hex("00 A4 02 0C 02 0018");
    assert_eq!(
        t.hex("00 20 00 80").sw,
        StatusWord(0x63C3),
        "not the other PIN"
    );
    let mut ssd = t.ssd();
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F18, b"abcdef")).sw,
        StatusWord(0x6A80)
    );
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F18, b"NEWPIN9")).sw,
        StatusWord::OK
    );
    t.hex(SELECT);
    t.hex(SELECT_PIN);
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C5));
    assert_eq!(t.hex("00 20 00 80 07 4E455750494E39").sw, StatusWord::OK);
}

#[test]
fn either_key_signs_after_its_own_pin_only() {
    let mut t = card();
    let digest_info = format!(
        "3031300D060960864801650304020105000420{}",
        hex::encode(Sha256::digest(b"contract"))
    );
    let sign = format!("80 2A 00 80 33 {digest_info} 00");
    t.hex("00 A4 02 0C 02 0018");
    t.hex("00 20 00 80 04 31323334");
    t.hex(SELECT_KEY);
    assert_eq!(t.hex(&sign).sw, StatusWord(0x6982));
    t.hex(SELECT_PIN);
    t.hex(RIGHT_PIN);
    assert_eq!(
        t.hex(&sign).sw,
        StatusWord(0x6986),
        "a PIN is selected, no key"
    );
    t.hex(SELECT_KEY);
    let response = t.hex(&sign);
    assert_eq!(response.sw, StatusWord::OK);
    assert!(verify(Kind::Rsa, b"contract", &response.data, true));
    t.hex("00 A4 02 0C 02 0017");
    let digest = hex::encode(Sha256::digest(b"contract"));
    let response = t.hex(&format!("80 2A 00 80 20 {digest} 00"));
    assert!(
        verify(Kind::P256, b"contract", &response.data, true),
        "still verified"
    );
    // A wrong signature PIN takes back the signature PIN alone.
    t.hex(SELECT_PIN);
    t.hex(WRONG_PIN);
    t.hex(SELECT_KEY);
    assert_eq!(t.hex(&sign).sw, StatusWord(0x6982));
    t.hex("00 A4 02 0C 02 0017");
    assert_eq!(
        t.hex(&format!("80 2A 00 80 20 {digest} 00")).sw,
        StatusWord::OK
    );
}

#[test]
fn the_pin_is_changed_after_its_own_verification() {
    let mut t = card();
    let change = "00 24 01 80 10 4E4557504E3132333435363738393041";
    let new_pin = "00 20 00 80 10 4E4557504E3132333435363738393041";
    t.hex("00 A4 02 0C 02 0018");
    t.hex("00 20 00 80 04 31323334");
    t.hex(SELECT_PIN);
    assert_eq!(t.hex(change).sw, StatusWord(0x6982));
    t.hex(RIGHT_PIN);
    assert_eq!(
        t.hex("00 24 01 80 06 616263313233").sw,
        StatusWord(0x6A80),
        "lower case"
    );
    assert_eq!(t.hex(change).sw, StatusWord::OK);
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord(0x63C4));
    assert_eq!(t.hex(new_pin).sw, StatusWord::OK);
    t.card.reset();
    t.hex(SELECT);
    t.hex(SELECT_PIN);
    assert_eq!(t.hex(new_pin).sw, StatusWord::OK, "stored");
}

#[test]
fn neither_credential_touches_the_other() {
    let mut t = card();
    let mut ssd = t.ssd();
    let before = status(&mut t, &mut ssd, 0x9F07, 0xE1);
    assert_eq!(find(&before, Tag(0xC1)).unwrap(), Some(&[1; 16][..]));
    let own = status(&mut t, &mut ssd, 0x9F17, 0xE2);
    assert_eq!(find(&own, Tag(0xC1)).unwrap(), Some(&ID[..]));
    assert_eq!(find(&own, Tag(0xC3)).unwrap(), Some(&[5][..]));
    let hash = Sha256::digest(RSA_CERTIFICATE);
    assert_eq!(find(&own, Tag(0xC2)).unwrap(), Some(hash.as_slice()));
    // The ids are not common to both.
    for (tag, id) in [(0x9F06, ID), (0x9F16, [1; 16])] {
        assert_eq!(ssd.personalise(&mut t, &group(tag, &id)).sw, StatusWord::OK);
    }
    assert_eq!(status(&mut t, &mut ssd, 0x9F07, 0xE1), before);
    assert_eq!(status(&mut t, &mut ssd, 0x9F17, 0xE2), own);
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F16, &ID)).sw,
        StatusWord::OK
    );
    assert_eq!(status(&mut t, &mut ssd, 0x9F07, 0xE1), before);
    t.hex(SELECT);
    assert_eq!(t.hex(SELECT_CERTIFICATE).sw, StatusWord(0x6A82));
    assert_eq!(t.hex(SELECT_KEY).sw, StatusWord(0x6A82));
    assert_eq!(t.hex("80 CA 00 E1 00").data[2..], before);
    assert_eq!(t.hex("80 CA 00 E2 00").data[0], 0xE2);
    assert_eq!(t.hex("00 CA 00 E2 00").data[..3], [0xC0, 0x01, 0x00]);
}

fn status(t: &mut Terminal, ssd: &mut Session, ask: u16, tag: u32) -> Vec<u8> {
    let response = ssd.personalise(t, &group(ask, &[]));
    assert_eq!(response.sw, StatusWord::OK);
    find(&response.data, Tag(tag)).unwrap().unwrap().to_vec()
}

#[test]
fn the_issuers_certificates_can_be_read_by_everybody() {
    let mut t = card();
    let mut ssd = t.ssd();
    for (tag, ask, object, file, certificate) in [
        (0x9F09, 0x9F07, 0xE1, "000B", P384_CERTIFICATE),
        (0x9F19, 0x9F17, 0xE2, "0002", RSA_CERTIFICATE),
    ] {
        let select = format!("00 A4 02 0C 02 {file}");
        t.hex(SELECT);
        assert_eq!(t.hex(&select).sw, StatusWord(0x6A82));
        ssd = t.ssd();
        let before = status(&mut t, &mut ssd, ask, object);
        assert_eq!(find(&before, Tag(0xC7)).unwrap(), None);
        assert_eq!(
            ssd.personalise(&mut t, &group(tag, b"no certificate")).sw,
            StatusWord(0x6A80)
        );
        assert_eq!(
            ssd.personalise(&mut t, &group(tag, &[0x30; 4097])).sw,
            StatusWord(0x6A84)
        );
        assert_eq!(
            ssd.personalise(&mut t, &group(tag, certificate)).sw,
            StatusWord::OK
        );
        let after = status(&mut t, &mut ssd, ask, object);
        let hash = Sha256::digest(certificate);
        assert_eq!(find(&after, Tag(0xC7)).unwrap(), Some(hash.as_slice()));
        t.hex(SELECT);
        assert_eq!(t.hex(&select).sw, StatusWord::OK);
        assert_eq!(t.hex("00 B0 00 00 80").data, certificate[..0x80]);
        ssd = t.ssd();
    }
    // A live credential and its issuer's certificate do not depend on one another, and an empty group takes it away.
    let id = [1; 16];
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F06, &id)).sw,
        StatusWord::OK
    );
    t.hex(SELECT);
    assert_eq!(t.hex("00 A4 02 0C 02 000B").sw, StatusWord::OK);
    ssd = t.ssd();
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F09, &[])).sw,
        StatusWord::OK
    );
    t.hex(SELECT);
    assert_eq!(t.hex("00 A4 02 0C 02 000B").sw, StatusWord(0x6A82));
    assert_eq!(t.hex("00 A4 02 0C 02 0002").sw, StatusWord::OK);
}

#[test]
fn groups_of_one_credential_do_not_fill_the_other() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    let start = [&ID[..], &[1]].concat();
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F11, &start)).sw,
        StatusWord::OK
    );
    for (tag, data) in [
        (0x8121, RSA_P),
        (0x9F02, RSA_CERTIFICATE),
        (0x9F03, b"1234"),
    ] {
        assert_eq!(
            ssd.personalise(&mut t, &group(tag, data)).sw,
            StatusWord(0x6985),
            "there is no slot of that credential"
        );
    }
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F13, b"1234")).sw,
        StatusWord(0x6A80),
        "the PIN of the other"
    );
    assert_eq!(
        ssd.personalise(&mut t, &group(0x9F13, b"ABC123")).sw,
        StatusWord::OK
    );
    for tag in [0x9F10, 0x9F1A, 0x9F0A, 0x8141] {
        assert_eq!(
            ssd.personalise(&mut t, &group(tag, &[])).sw,
            StatusWord(0x6A80),
            "{tag:04X}"
        );
    }
}

#[test]
fn both_credentials_survive_in_the_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.state");
    let mut t = card();
    t.card.persist_to(&path).unwrap();
    let before = t.card.inventory();
    let jpki = before.applet(&JPKI).unwrap().jpki.clone().unwrap();
    let signature = jpki.signature.unwrap();
    assert!(jpki.authentication.live && signature.live);
    assert_eq!(
        (jpki.authentication.pin_tries_left, signature.pin_tries_left),
        (3, 5)
    );
    assert_eq!(uicc_sim::Uicc::open(&path).unwrap().inventory(), before);
}
