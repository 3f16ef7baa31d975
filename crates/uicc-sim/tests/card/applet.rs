//! The JPKI applet as a phone's programs see it.

use globalplatform::status_word::StatusWord;
use sha2::{Digest, Sha256, Sha384};

use crate::credentials::*;
use crate::personalisation::make_live;
use crate::terminal::*;

const SELECT: &str = "00 A4 04 0C 0A D392F000260100000001";
const SELECT_PIN: &str = "00 A4 02 0C 02 0018";
const SELECT_KEY: &str = "00 A4 02 0C 02 0017";
const RIGHT_PIN: &str = "00 20 00 80 04 31323334";
const WRONG_PIN: &str = "00 20 00 80 04 39393939";

/// A card with a live credential, the applet selected.
fn card(kind: Kind) -> Terminal {
    let mut t = Terminal::new();
    deploy(&mut t);
    let mut ssd = t.ssd();
    make_live(&mut t, &mut ssd, kind, [1; 16], "1234");
    assert_eq!(t.hex(SELECT).sw, StatusWord::OK);
    t
}

#[test]
fn binds_as_opensc_does() {
    let mut t = card(Kind::Rsa);
    assert!(t.hex(SELECT).data.is_empty());
    assert_eq!(t.hex(SELECT_PIN).sw, StatusWord::OK);
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C3));
    assert_eq!(t.hex("00 A4 02 0C 02 001B").sw, StatusWord::OK);
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C0));
    assert_eq!(t.hex("00 20 00 80 06 414243313233").sw, StatusWord(0x6983));
    assert_eq!(t.hex("00 A4 02 0C 02 000A").sw, StatusWord::OK);
    let start = t.hex("00 B0 00 00 04").data;
    assert_eq!(start, RSA_CERTIFICATE[..4]);
    let mut certificate = Vec::new();
    while certificate.len() < RSA_CERTIFICATE.len() {
        let [high, low] = (certificate.len() as u16).to_be_bytes();
        let response = t.hex(&format!("00 B0 {high:02X} {low:02X} 00"));
        assert_eq!(response.sw, StatusWord::OK);
        certificate.extend(response.data);
    }
    assert_eq!(certificate, RSA_CERTIFICATE);
    let [high, low] = (certificate.len() as u16).to_be_bytes();
    assert_eq!(
        t.hex(&format!("00 B0 {high:02X} {low:02X} 00")).sw,
        StatusWord(0x6B00)
    );
    assert_eq!(t.hex("00 B0 81 00 00").sw, StatusWord(0x6A86));
    assert_eq!(t.hex("00 A4 02 0C 02 0006").sw, StatusWord::OK);
    assert_eq!(t.hex("00 B0 00 00 20").data.len(), 32);
    assert_eq!(t.hex("00 A4 02 0C 02 0001").sw, StatusWord(0x6A82));
}

#[test]
fn binds_before_it_is_personalised() {
    let mut t = Terminal::new();
    deploy(&mut t);
    assert_eq!(t.hex(SELECT).sw, StatusWord::OK);
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x6986));
    assert_eq!(t.hex(SELECT_PIN).sw, StatusWord::OK);
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C0));
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord(0x6983));
    assert_eq!(t.hex("00 A4 02 0C 02 001B").sw, StatusWord::OK);
    assert_eq!(t.hex("00 A4 02 0C 02 000A").sw, StatusWord(0x6A82));
    assert_eq!(t.hex(SELECT_KEY).sw, StatusWord(0x6A82));
}

#[test]
fn three_wrong_pins_block() {
    let mut t = card(Kind::P256);
    t.hex(SELECT_PIN);
    assert_eq!(t.hex(WRONG_PIN).sw, StatusWord(0x63C2));
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord::OK);
    assert_eq!(
        t.hex("00 20 00 80").sw,
        StatusWord(0x63C3),
        "verified, and still a count"
    );
    assert_eq!(t.hex("00 20 00 80 05 3132333435").sw, StatusWord(0x63C2));
    assert_eq!(t.hex(WRONG_PIN).sw, StatusWord(0x63C1));
    assert_eq!(t.hex(WRONG_PIN).sw, StatusWord(0x63C0));
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord(0x6983));
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C0));
    t.card.reset();
    t.hex(SELECT);
    t.hex(SELECT_PIN);
    assert_eq!(
        t.hex(RIGHT_PIN).sw,
        StatusWord(0x6983),
        "power does not give tries back"
    );
}

#[test]
fn a_wrong_pin_takes_the_verification_back() {
    let mut t = card(Kind::P256);
    t.hex(SELECT_PIN);
    t.hex(RIGHT_PIN);
    t.hex(WRONG_PIN);
    t.hex(SELECT_KEY);
    let sign = format!("80 2A 00 80 20 {} 00", "AB".repeat(32));
    assert_eq!(t.hex(&sign).sw, StatusWord(0x6982));
}

#[test]
fn the_pin_is_changed_after_verification() {
    let mut t = card(Kind::P256);
    let change = "00 24 01 80 04 35363738";
    assert_eq!(t.hex(change).sw, StatusWord(0x6986));
    t.hex(SELECT_PIN);
    assert_eq!(t.hex(change).sw, StatusWord(0x6982));
    t.hex(RIGHT_PIN);
    assert_eq!(t.hex("00 24 01 80 05 3536373839").sw, StatusWord(0x6A80));
    assert_eq!(t.hex(change).sw, StatusWord::OK);
    t.hex(SELECT);
    t.hex(SELECT_PIN);
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord(0x63C2));
    assert_eq!(t.hex("00 20 00 80 04 35363738").sw, StatusWord::OK);
}

#[test]
fn rsa_signs_whatever_it_is_given() {
    let mut t = card(Kind::Rsa);
    t.hex(SELECT_PIN);
    t.hex(RIGHT_PIN);
    let digest_info = format!(
        "3031300D060960864801650304020105000420{:X}",
        HexOf(&Sha256::digest(b"log in"))
    );
    let sign = format!("80 2A 00 80 33 {digest_info} 00");
    assert_eq!(
        t.hex(&sign).sw,
        StatusWord(0x6986),
        "the key is not selected"
    );
    t.hex(SELECT_KEY);
    let response = t.hex(&sign);
    assert_eq!((response.sw, response.data.len()), (StatusWord::OK, 256));
    assert!(verify(Kind::Rsa, b"log in", &response.data, true));
    assert_eq!(t.hex("80 2A 00 80 01 00 00").sw, StatusWord::OK);
    let longest = format!("80 2A 00 80 F5 {} 00", "5A".repeat(245));
    assert_eq!(t.hex(&longest).sw, StatusWord::OK);
    let too_long = format!("80 2A 00 80 F6 {} 00", "5A".repeat(246));
    assert_eq!(t.hex(&too_long).sw, StatusWord(0x6A80));
    assert_eq!(t.hex("80 2A 9E 9A 01 00 00").sw, StatusWord(0x6A86));
}

struct HexOf<'a>(&'a [u8]);

impl std::fmt::UpperHex for HexOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

#[test]
fn ec_keys_sign_digests() {
    for kind in [Kind::P256, Kind::P384] {
        let mut t = card(kind);
        t.hex(SELECT_PIN);
        t.hex(RIGHT_PIN);
        t.hex(SELECT_KEY);
        let digest = HexOf(&Sha256::digest(b"log in")).0.to_vec();
        let response = t.hex(&format!("80 2A 00 80 20 {:X} 00", HexOf(&digest)));
        assert_eq!(response.sw, StatusWord::OK);
        assert!(verify(kind, b"log in", &response.data, true));
        let digest = Sha384::digest(b"log in");
        let response = t.hex(&format!("80 2A 00 80 30 {:X} 00", HexOf(&digest)));
        assert_eq!(response.sw, StatusWord::OK);
        assert_eq!(t.hex("80 2A 00 80 02 0102 00").sw, StatusWord(0x6A80));
    }
}

#[test]
fn selecting_clears_what_was_verified_and_a_failed_select_does_not() {
    let mut t = card(Kind::P256);
    let sign = format!("80 2A 00 80 20 {} 00", "AB".repeat(32));
    t.hex(SELECT_PIN);
    t.hex(RIGHT_PIN);
    t.hex(SELECT_KEY);
    assert_eq!(t.hex("00 A4 04 0C 05 A0000000FF").sw, StatusWord(0x6A82));
    assert_eq!(t.hex(&sign).sw, StatusWord::OK);
    t.hex(SELECT);
    t.hex(SELECT_KEY);
    assert_eq!(t.hex(&sign).sw, StatusWord(0x6982));
}

#[test]
fn the_try_counter_is_written_before_the_comparison() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    let mut t = card(Kind::P256);
    t.card.persist_to(&path).unwrap();
    t.hex(SELECT_PIN);
    // The file cannot be replaced any more: the counter cannot be written, so nothing is compared.
    let blocker = dir.path().join("card.state.new");
    std::fs::create_dir(&blocker).unwrap();
    assert_eq!(t.hex(RIGHT_PIN).sw, StatusWord(0x6581));
    assert_eq!(
        t.hex(RIGHT_PIN).sw,
        StatusWord(0x6581),
        "the card is unusable until reset"
    );
    std::fs::remove_dir(&blocker).unwrap();
    t.card.reset();
    t.hex(SELECT);
    t.hex(SELECT_PIN);
    assert_eq!(t.hex("00 20 00 80").sw, StatusWord(0x63C3));
    assert_eq!(t.hex(WRONG_PIN).sw, StatusWord(0x63C2));
    let mut reopened = Terminal::of(uicc_sim::Uicc::open(&path).unwrap());
    reopened.hex(SELECT);
    reopened.hex(SELECT_PIN);
    assert_eq!(reopened.hex("00 20 00 80").sw, StatusWord(0x63C2));
}

#[test]
fn unknown_commands_are_refused() {
    let mut t = card(Kind::P256);
    assert_eq!(t.hex("00 84 00 00 08").sw, StatusWord(0x6D00));
    assert_eq!(
        t.hex("80 50 30 00 08 0102030405060708 00").sw,
        StatusWord(0x6D00)
    );
    assert_eq!(t.hex("04 B0 00 00 00").sw, StatusWord(0x6882));
    assert_eq!(t.hex("00 B0 00 00 00").sw, StatusWord(0x6986));
    assert_eq!(t.hex("80 CA 00 66 00").sw, StatusWord(0x6A88));
}
