//! Commands in several pieces by P1 b8 (G 11.1.5.1): secure messaging over the whole, then cut.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::chaining::split;
use globalplatform::commands::get_status::{GetStatus, Scope};
use globalplatform::status_word::StatusWord;
use scp03::SecurityLevel;

use crate::terminal::*;

/// A key set of AES-256 keys does not fit one short APDU at level 33 with room to spare; 60 bytes a piece make it five.
fn pieces(session: &mut Session, command: &CommandApdu) -> Vec<CommandApdu> {
    let whole = session.wrap(&command.clone().with_extended_length());
    split(&whole, 60).unwrap()
}

#[test]
fn put_key_install_and_delete_arrive_in_pieces() {
    let mut t = Terminal::new();
    for level in [SecurityLevel::CMac, SecurityLevel::Full] {
        let mut isd = t.open(ISD, &isd_keys(), 0x30, level);
        let filler = vec![0xC7; 150];
        let mut install = install_ssd(OTHER_SSD, ssd_privileges(), None);
        install
            .parameters
            .other
            .push(globalplatform::tlv::DataObject::new(
                globalplatform::tlv::Tag(0xDF7F),
                filler.as_slice(),
            ));
        for command in [
            install.to_apdu(),
            delete(OTHER_SSD, false),
            ssd_keys().put_key(0x00, 0x31, &isd_keys().dek).to_apdu(),
        ] {
            let long = command.data.len() > 200;
            let mut sent = if long {
                pieces(&mut isd, &command)
            } else {
                split(&isd.wrap(&command), 10).unwrap()
            };
            let last = sent.pop().unwrap();
            assert!(!sent.is_empty());
            for piece in &sent {
                let response = t.send(piece);
                assert_eq!((response.sw, response.data), (StatusWord::OK, vec![]));
            }
            let response = t.send(&last);
            let response = isd.unwrap(&response);
            assert_eq!(response.sw, StatusWord::OK, "{command:?}");
        }
        isd.ok(&mut t, &delete_version(0x31));
    }
}

fn delete_version(version: u8) -> CommandApdu {
    globalplatform::commands::delete::DeleteKey {
        id: None,
        version: Some(version),
    }
    .to_apdu()
}

#[test]
fn another_command_in_between_is_refused_and_ends_the_chain() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    let aid: Aid = OTHER_SSD;
    let sent = split(&isd.wrap(&delete(aid, false)), 10).unwrap();
    assert_eq!(t.send(&sent[0]).sw, StatusWord::OK);
    let status = isd.wrap(&GetStatus::all(Scope::IssuerSecurityDomain).to_apdu());
    assert_eq!(t.send(&status).sw, StatusWord(0x6985), "interrupted");
    // The rest of the chain is a command without a right MAC.
    for piece in sent.iter().skip(1) {
        let more = piece.p1 & 0x80 != 0;
        let expected = if more { 0x9000 } else { 0x6982 };
        assert_eq!(t.send(piece).sw, StatusWord(expected));
    }
}

#[test]
fn a_piece_without_protection_aborts_the_session() {
    for begun in [false, true] {
        let mut t = Terminal::new();
        let mut isd = t.isd();
        let sent = split(&isd.wrap(&delete(OTHER_SSD, false)), 10).unwrap();
        if begun {
            assert_eq!(t.send(&sent[0]).sw, StatusWord::OK);
        }
        let piece = CommandApdu::new(0x80, 0xE4, 0x80, 0x00).with_data([0x4F]);
        assert_eq!(t.send(&piece).sw, StatusWord(0x6982));
        let status = isd.wrap(&GetStatus::all(Scope::IssuerSecurityDomain).to_apdu());
        assert_eq!(t.send(&status).sw, StatusWord(0x6982), "aborted");
    }
}

#[test]
fn initialize_update_and_select_forget_a_chain() {
    let mut t = Terminal::new();
    let first = CommandApdu::new(0x80, 0xE4, 0x80, 0x00).with_data([0x4F]);
    assert_eq!(t.send(&first).sw, StatusWord::OK);
    let mut isd = t.isd();
    let sent = split(&isd.wrap(&delete(OTHER_SSD, false)), 10).unwrap();
    assert_eq!(t.send(&sent[0]).sw, StatusWord::OK);
    let mut isd = t.authenticate(ISD, &isd_keys(), 0x30, SecurityLevel::Full);
    assert_eq!(
        isd.sw(&mut t, &delete(OTHER_SSD, false)),
        StatusWord(0x6A88)
    );
}

#[test]
fn a_piece_of_an_iso_chain_without_protection_aborts_the_session() {
    for piece in [
        "90 E2 00 00 01 AA",
        "10 A4 04 00 01 A0",
        "10 A4 00 00 02 3F00",
        "10 70 00 00 01",
        "90 E4 80 00 01 4F",
    ] {
        for begun in [false, true] {
            let mut t = Terminal::new();
            let mut isd = t.open(ISD, &isd_keys(), 0x30, SecurityLevel::CMac);
            if begun {
                assert_eq!(t.hex("94 E2 90 00 01 AA").sw, StatusWord::OK);
            }
            assert_eq!(t.hex(piece).sw, StatusWord(0x6982), "{piece}");
            let status = isd.wrap(&GetStatus::all(Scope::IssuerSecurityDomain).to_apdu());
            assert_eq!(t.send(&status).sw, StatusWord(0x6982), "{piece}: aborted");
        }
    }
    // A session at level 00 asks for no protection.
    let mut t = Terminal::new();
    t.open(ISD, &isd_keys(), 0x30, SecurityLevel::Authenticated);
    assert_eq!(t.hex("90 E2 90 00 01 AA").sw, StatusWord::OK);
}

#[test]
fn the_mac_over_all_pieces_counts_their_length_with_three_bytes_or_with_one() {
    let mut t = Terminal::new();
    for level in [SecurityLevel::CMac, SecurityLevel::Full] {
        let mut isd = t.open(ISD, &isd_keys(), 0x30, level);
        for extended in [true, false, true] {
            let command = CommandApdu {
                extended,
                ..delete(OTHER_SSD, false)
            };
            let whole = isd.wrap(&command);
            assert!(whole.data.len() < 256);
            let mut last = t.hex("00 70 80 05");
            for piece in split(&whole, 10).unwrap() {
                last = t.send(&CommandApdu {
                    extended: false,
                    ..piece
                });
            }
            assert_eq!(isd.unwrap(&last).sw, StatusWord(0x6A88), "{extended}");
        }
        // In one piece there is no doubt how the length was sent.
        let command = delete(OTHER_SSD, false).with_extended_length();
        let whole = CommandApdu {
            extended: false,
            ..isd.wrap(&command)
        };
        assert_eq!(t.send(&whole).sw, StatusWord(0x6982));
    }
}
