//! The UICC side as a phone's modem and its tools meet it.

use globalplatform::commands::get_status::Scope;
use globalplatform::status_word::StatusWord;
use proptest::prelude::*;
use uicc_sim::Uicc;

use crate::terminal::*;

pub const MASTER_FILE: &str = "00 A4 00 04 02 3F00";
pub const USIM: &str = "00 A4 04 04 07 A0000000871002";
const USIM_AID: &str = "A0000000871002FF81FFFF8900000100";

/// Status word and data of a command, in hexadecimal digits.
pub fn answer(t: &mut Terminal, command: &str) -> (u16, String) {
    let response = t.hex(command);
    (response.sw.0, hex::encode_upper(response.data))
}

pub fn sw(t: &mut Terminal, command: &str) -> u16 {
    t.hex(command).sw.0
}

/// A card with the USIM selected.
pub fn in_usim() -> Terminal {
    let mut t = Terminal::new();
    assert_eq!(sw(&mut t, USIM), 0x9000);
    t
}

#[test]
fn the_card_number_is_read_from_wherever_the_host_is() {
    let mut t = Terminal::new();
    let expected = "82024121 83022FE2 8A0105 8B032F0601 8002000A 880110".replace(' ', "");
    assert_eq!(
        answer(&mut t, "00 A4 00 04 02 2FE2"),
        (0x9000, format!("62{:02X}{expected}", expected.len() / 2))
    );
    assert_eq!(
        answer(&mut t, "00 B0 00 00 0A"),
        (0x9000, "981801000000000010F8".into())
    );
    assert_eq!(
        answer(&mut t, "00 B0 82 00 00"),
        (0x9000, "981801000000000010F8".into())
    );
    assert_eq!(answer(&mut t, "00 B0 00 08 02"), (0x9000, "10F8".into()));
    assert_eq!(answer(&mut t, "00 B0 00 08 03"), (0x6282, "10F8".into()));
    assert_eq!(sw(&mut t, "00 B0 00 0A 01"), 0x6B00);
    assert_eq!(sw(&mut t, "00 B2 01 04 00"), 0x6981, "no records");
    assert_eq!(sw(&mut t, "00 B0 A0 00 00"), 0x6A86);
    assert_eq!(sw(&mut t, "00 B0 83 00 00"), 0x6A82);
}

#[test]
fn directories_say_what_they_are() {
    let mut t = Terminal::new();
    let master = "62 1D 82027821 83023F00 A503800171 8A0105 8B032F0601 C606900100830101";
    assert_eq!(
        answer(&mut t, MASTER_FILE),
        (0x9000, master.replace(' ', ""))
    );
    assert_eq!(
        answer(&mut t, "00 A4 00 0C 02 3F00"),
        (0x9000, String::new())
    );
    assert_eq!(answer(&mut t, "00 A4 00 00 02 3F00").1.get(..2), Some("62"));
    assert_eq!(sw(&mut t, "00 A4 00 08 02 3F00"), 0x6A86);
    let (_, usim) = answer(&mut t, USIM);
    assert!(usim.contains(&format!("83027FFF8410{USIM_AID}")), "{usim}");
    let (_, messages) = answer(&mut t, "00 A4 00 04 02 6F3C");
    assert!(messages.contains("8205422100B00A"), "{messages}");
    assert!(messages.contains("800206E0"), "10 records of 176 bytes");
    assert!(messages.contains("8800"), "no short identifier");
    assert!(messages.contains("8B036F0602"));
}

#[test]
fn files_are_found_by_identifier_as_far_as_one_sees() {
    let mut t = Terminal::new();
    // The USIM has no place before it was selected by its AID.
    for (command, expected) in [
        ("00 A4 00 0C 02 7FFF", 0x6A82),
        ("00 A4 08 0C 04 7FFF6F07", 0x6A82),
        (MASTER_FILE, 0x9000),
        ("00 A4 00 0C 02 7FFF", 0x6A82),
        ("00 A4 00 0C 02 6F07", 0x6A82),
        (USIM, 0x9000),
        ("00 A4 00 0C 02 6F07", 0x9000),
        ("00 A4 00 0C 02 6FAD", 0x9000),
        ("00 A4 00 0C 02 2FE2", 0x6A82),
        ("00 A4 00 0C 02 7F10", 0x9000),
        ("00 A4 00 0C 02 6FAD", 0x6A82),
        ("00 A4 00 0C 02 7FFF", 0x9000),
        ("00 A4 08 0C 02 2FE2", 0x9000),
        ("00 A4 08 0C 04 7FFF6F07", 0x9000),
        ("00 A4 08 0C 06 3F007FFF6F07", 0x9000),
        ("00 A4 09 0C 02 6FAD", 0x9000),
        ("00 A4 03 0C", 0x9000),
        ("00 A4 00 0C 02 2F00", 0x9000),
        ("00 A4 03 0C", 0x6A82),
        ("00 A4 00 0C", 0x9000),
        ("00 A4 01 0C 02 7F10", 0x9000),
        ("00 A4 01 0C 02 6F3C", 0x6A82),
        ("00 A4 02 0C 02 6F3C", 0x9000),
        ("00 A4 02 0C 02 3F00", 0x6A82),
        ("00 A4 00 0C 01 3F", 0x6700),
        ("00 A4 00 0C 04 3F003F00", 0x6700),
        ("00 A4 08 0C", 0x6700),
        ("00 A4 05 0C 02 3F00", 0x6A86),
    ] {
        assert_eq!(sw(&mut t, command), expected, "{command}");
    }
}

#[test]
fn a_selection_that_fails_changes_nothing() {
    let mut t = in_usim();
    assert_eq!(sw(&mut t, "00 A4 00 0C 02 6F07"), 0x9000);
    let (_, imsi) = answer(&mut t, "00 B0 00 00 09");
    for command in [
        "00 A4 00 0C 02 6FFF",
        "00 A4 04 00 05 F0000000FF",
        "00 A4 05 00",
    ] {
        assert!(sw(&mut t, command) >= 0x6700, "{command}");
        assert_eq!(answer(&mut t, "00 B0 00 00 09").1, imsi);
    }
    // And a domain with its session stays selected.
    let mut isd = t.isd();
    assert_eq!(sw(&mut t, "00 A4 00 0C 02 6F07"), 0x6A82);
    assert!(!isd.registry(&mut t, Scope::IssuerSecurityDomain).is_empty());
}

#[test]
fn the_usim_says_who_the_subscriber_is() {
    let mut t = in_usim();
    for (file, contents) in [
        // Made of the card's number: 001-01, then its last ten digits without the check digit.
        ("6F07", "080910100000000010"),
        ("6FAD", "00000002"),
        ("6F78", "0002"),
        ("6F46", "01756963632D73696DFFFFFFFFFFFFFFFF"),
        ("6F05", "6A61656E"),
        ("6F38", "000A140800000400"),
        ("6F56", "00"),
        ("6F31", "05"),
        ("6F7E", "FFFFFFFF00F110FFFEFF01"),
        ("6FCD", "A305800300F110FFFFFFFFFFFFFFFFFF"),
    ] {
        assert_eq!(sw(&mut t, &format!("00 A4 00 0C 02 {file}")), 0x9000);
        assert_eq!(
            answer(&mut t, "00 B0 00 00 00"),
            (0x9000, contents.into()),
            "{file}"
        );
    }
    // The same by short identifier, in one command.
    for (short, start) in [
        ("87", "0809"),
        ("83", "0000"),
        ("84", "000A"),
        ("8C", "FFFF"),
    ] {
        let (status, data) = answer(&mut t, &format!("00 B0 {short} 00 02"));
        assert_eq!((status, data.as_str()), (0x9000, start));
    }
}

#[test]
fn records_are_read_by_number_and_one_after_the_other() {
    let mut t = in_usim();
    assert_eq!(sw(&mut t, "00 B2 01 04 00"), 0x6986);
    assert_eq!(sw(&mut t, "00 A4 00 0C 02 6FB7"), 0x9000);
    let number = |t: &mut Terminal, command: &str| answer(t, command);
    assert_eq!(
        number(&mut t, "00 B2 01 04 04"),
        (0x9000, "11F2FF00".into())
    );
    assert_eq!(
        number(&mut t, "00 B2 04 04 00"),
        (0x9000, "11F9FF00".into())
    );
    assert_eq!(sw(&mut t, "00 B2 05 04 00"), 0x6A83);
    assert_eq!(sw(&mut t, "00 B2 01 04 05"), 0x6C04);
    assert_eq!(sw(&mut t, "00 B2 00 04 00"), 0x6A83, "no current record");
    for expected in ["11F2FF00", "11F0FF00", "11F8FF00", "11F9FF00"] {
        assert_eq!(number(&mut t, "00 B2 00 02 00"), (0x9000, expected.into()));
        assert_eq!(number(&mut t, "00 B2 00 04 00"), (0x9000, expected.into()));
    }
    assert_eq!(sw(&mut t, "00 B2 00 02 00"), 0x6A83);
    assert_eq!(
        number(&mut t, "00 B2 00 03 00"),
        (0x9000, "11F8FF00".into())
    );
    assert_eq!(number(&mut t, "00 B2 01 04 00").1, "11F2FF00");
    assert_eq!(
        number(&mut t, "00 B2 00 03 00").1,
        "11F0FF00",
        "a number moves no pointer"
    );
    assert_eq!(sw(&mut t, "00 B2 01 02 00"), 0x6A86);
    assert_eq!(sw(&mut t, "00 B0 00 00 00"), 0x6981, "no binary file");
    // Selecting forgets the record; the first step back is to the last one.
    assert_eq!(sw(&mut t, "00 A4 00 0C 02 6FB7"), 0x9000);
    assert_eq!(number(&mut t, "00 B2 00 03 00").1, "11F9FF00");
    // By short identifier, here and in the master file.
    assert_eq!(number(&mut t, "00 B2 02 0C 00").1, "11F0FF00");
    assert_eq!(sw(&mut t, MASTER_FILE), 0x9000);
    let (_, directory) = number(&mut t, "00 B2 01 F4 26");
    assert!(directory.starts_with(&format!("61184F10{USIM_AID}5004")));
}

#[test]
fn nothing_can_be_written() {
    let mut t = in_usim();
    t.hex("00 A4 00 0C 02 6F07");
    for (command, expected) in [
        ("00 D6 00 00 01 00", 0x6982),
        ("00 DC 01 04 01 00", 0x6982),
        ("00 E2 00 00 01 00", 0x6982),
        ("00 04 00 00", 0x6982),
        ("00 44 00 00", 0x6982),
        ("00 E0 00 00 02 6200", 0x6982),
        ("00 E4 00 00 02 6F07", 0x6982),
        ("80 32 00 00 03 000001", 0x6982),
        (
            "00 88 00 81 22 10 00112233445566778899AABBCCDDEEFF 10 00112233445566778899AABBCCDDEEFF 00",
            0x6985,
        ),
        ("00 84 00 00 08", 0x6D00),
        ("80 E6 0C 00 00", 0x6D00),
        ("80 CA 00 66 00", 0x6D00),
        ("04 B0 00 00 00", 0x6882),
        ("00 20 00 01", 0x63C3),
        ("00 20 00 01 08 31323334FFFFFFFF", 0x6984),
        ("00 20 00 0A", 0x6A88),
    ] {
        assert_eq!(sw(&mut t, command), expected, "{command}");
    }
}

#[test]
fn status_is_etsis_here_and_globalplatforms_there() {
    let mut t = Terminal::new();
    assert_eq!(
        sw(&mut t, "80 F2 80 02 02 4F00 00"),
        0x6982,
        "GET STATUS needs a session"
    );
    let (_, master) = answer(&mut t, MASTER_FILE);
    assert_eq!(answer(&mut t, "80 F2 00 00 00"), (0x9000, master.clone()));
    assert_eq!(answer(&mut t, "80 F2 00 0C"), (0x9000, String::new()));
    assert_eq!(sw(&mut t, "80 F2 00 01 00"), 0x6A88, "no application");
    let length = master.len() / 2;
    let shorter = format!("80 F2 00 00 {:02X}", length - 1);
    assert_eq!(sw(&mut t, &shorter), 0x6C00 | length as u16);
    let longer = format!("80 F2 00 00 {:02X}", length + 1);
    assert_eq!(sw(&mut t, &longer), 0x9000);
    assert_eq!(sw(&mut t, "80 F2 03 00 00"), 0x6A86);
    assert_eq!(sw(&mut t, "80 F2 00 02 00"), 0x6A86);
    let (_, usim) = answer(&mut t, USIM);
    t.hex("00 A4 00 0C 02 6F07");
    assert_eq!(answer(&mut t, "80 F2 01 00 00"), (0x9000, usim));
    assert_eq!(
        answer(&mut t, "80 F2 02 01 00"),
        (0x9000, format!("8410{USIM_AID}"))
    );
}

#[test]
fn the_issuer_security_domain_is_found_by_an_empty_name_in_any_case() {
    let mut t = Terminal::new();
    let domain = answer(&mut t, "00 A4 04 00 00");
    assert_eq!(sw(&mut t, USIM), 0x9000);
    assert_eq!(answer(&mut t, "00 A4 04 00 00"), domain);
    assert_eq!(sw(&mut t, "80 F2 00 00 00"), 0x6982, "GET STATUS again");
    assert_eq!(sw(&mut t, "00 B0 00 00 00"), 0x6D00);
}

#[test]
fn the_usim_is_found_by_the_start_of_its_name() {
    let mut t = Terminal::new();
    for (command, expected) in [
        ("00 A4 04 04 05 A000000087", 0x9000),
        ("00 A4 04 0C 10 A0000000871002FF81FFFF8900000100", 0x9000),
        ("00 A4 04 44 07 A0000000871002", 0x9000),
        ("00 A4 04 02 07 A0000000871002", 0x6A82),
        ("00 A4 04 04 07 A0000000871004", 0x6A82),
        ("00 A4 04 0C 11 A0000000871002FF81FFFF890000010000", 0x6A80),
    ] {
        let status = sw(&mut t, command);
        assert_eq!(status, expected, "{command}");
    }
    let mut isd = t.isd();
    let aid = USIM_AID.parse().unwrap();
    let taken = install_ssd(aid, ssd_privileges(), None);
    assert_eq!(isd.sw(&mut t, &taken.to_apdu()), StatusWord(0x6985));
}

#[test]
fn every_logical_channel_has_its_own_place() {
    let mut t = in_usim();
    t.hex("00 A4 00 0C 02 6F07");
    assert_eq!(answer(&mut t, "00 70 00 00 01"), (0x9000, "01".into()));
    assert_eq!(
        sw(&mut t, "01 A4 00 0C 02 6F07"),
        0x6A82,
        "the ISD is there"
    );
    assert_eq!(sw(&mut t, "01 A4 04 04 07 A0000000871002"), 0x9000);
    assert_eq!(sw(&mut t, "01 A4 00 0C 02 6FAD"), 0x9000);
    assert_eq!(answer(&mut t, "01 B0 00 00 00").1, "00000002");
    assert_eq!(answer(&mut t, "00 B0 00 00 02").1, "0809");
    assert_eq!(sw(&mut t, "81 F2 00 0C"), 0x9000);
}

#[test]
fn a_locked_card_shows_no_files_and_a_selection_by_a_phone_ends_a_session() {
    let mut t = Terminal::new();
    let mut isd = t.isd();
    assert_eq!(sw(&mut t, MASTER_FILE), 0x9000);
    let list = globalplatform::commands::get_status::GetStatus::all(Scope::Applications);
    let wrapped = isd.wrap(&list.to_apdu());
    assert_eq!(t.send(&wrapped).sw, StatusWord(0x6882));
    let mut isd = t.isd();
    isd.ok(&mut t, &hex_command("80 F0 80 7F"));
    t.card.reset();
    for command in [MASTER_FILE, USIM] {
        assert_eq!(sw(&mut t, command), 0x6A81, "{command}");
    }
}

#[test]
fn a_card_that_gets_locked_takes_the_files_away() {
    let mut t = in_usim();
    assert_eq!(answer(&mut t, "00 70 00 00 01").1, "01");
    t.hex("00 A4 04 0C 00");
    assert_eq!(sw(&mut t, "01 A4 04 0C 07 A0000000871002"), 0x9000);
    let mut isd = t.isd();
    isd.ok(&mut t, &hex_command("80 F0 80 7F"));
    assert_eq!(sw(&mut t, "01 A4 00 0C 02 6F07"), 0x6A81);
}

#[test]
fn a_phone_may_find_the_master_file_selected() {
    let text =
        "[usim]\nselected_at_reset = true\nimsi = \"440101234567890\"\nmsisdn = \"+818012345678\"";
    let card = uicc_sim::CardConfig::parse(text).and_then(Uicc::new);
    let mut t = Terminal::of(card.unwrap());
    assert_eq!(sw(&mut t, "00 B0 82 00 00"), 0x9000);
    assert_eq!(sw(&mut t, USIM), 0x9000);
    assert_eq!(answer(&mut t, "00 B0 87 00 00").1, "084904012143658709");
    // Probes of programs that look for other cards change nothing.
    for probe in [
        "00 CA DF 30 05",
        "00 CB 3F FF 03 5C 01 7E 08",
        "00 A4 04 0C 06 A0000000790100",
    ] {
        assert!(sw(&mut t, probe) >= 0x6A82, "{probe}");
    }
    assert_eq!(
        answer(&mut t, "80 F2 00 01 00").1,
        format!("8410{USIM_AID}")
    );
    assert_eq!(answer(&mut t, "00 70 00 00 01").1, "01");
    assert_eq!(sw(&mut t, "01 B0 82 00 00"), 0x9000, "on a new channel too");
    t.card.reset();
    assert_eq!(sw(&mut t, "00 A4 04 00 00"), 0x9000);
    assert_eq!(sw(&mut t, "00 B0 82 00 00"), 0x6D00);
    t.card.reset();
    assert_eq!(sw(&mut t, "80 F2 00 0C"), 0x9000);
}

#[test]
fn an_application_with_card_reset_comes_before_the_master_file() {
    let text = "preinstalled = [{ package = \"F00102030400\", module = \"F00102030401\", privileges = \"040000\" }]\n\
                [usim]\nselected_at_reset = true";
    let card = uicc_sim::CardConfig::parse(text).and_then(Uicc::new);
    let mut t = Terminal::of(card.unwrap());
    assert_eq!(sw(&mut t, "80 F2 00 0C"), 0x6D00, "the inert applet");
    assert_eq!(sw(&mut t, MASTER_FILE), 0x9000);
    assert_eq!(sw(&mut t, "80 F2 00 0C"), 0x9000);
}

#[test]
fn a_card_remembers_no_place_after_a_reset() {
    let mut t = in_usim();
    t.hex("00 A4 00 0C 02 6F07");
    t.card.reset();
    assert_eq!(sw(&mut t, "00 B0 00 00 00"), 0x6D00, "the ISD is selected");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.state");
    t.card.persist_to(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut t = Terminal::of(Uicc::open(&path).unwrap());
    assert_eq!(sw(&mut t, USIM), 0x9000);
    assert_eq!(answer(&mut t, "00 B0 87 00 00").1, "080910100000000010");
    assert_eq!(
        std::fs::read(&path).unwrap(),
        before,
        "reading writes nothing"
    );
}

/// Commands that mean something to the files, with anything in them.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let header = (
        prop::sample::select(vec![0x00, 0x01, 0x80, 0x81, 0x04, 0x10]),
        prop::sample::select(vec![
            0xA4, 0xB0, 0xB2, 0x20, 0x2C, 0xF2, 0x10, 0x12, 0x14, 0xAA, 0xC2, 0xD6, 0x88, 0x70,
            0xC0,
        ]),
        prop_oneof![0_u8..10, any::<u8>()],
        prop_oneof![
            prop::sample::select(vec![0x00, 0x01, 0x02, 0x03, 0x04, 0x0C]),
            any::<u8>()
        ],
    );
    let ids = prop::collection::vec(
        prop::sample::select(vec![
            0x3F00_u16, 0x7FFF, 0x7F10, 0x6F07, 0x6FB7, 0x2FE2, 0x2F00,
        ]),
        0..4,
    );
    let data = prop_oneof![
        ids.prop_map(|ids| ids.into_iter().flat_map(u16::to_be_bytes).collect()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    (header, data, prop::option::of(any::<u8>())).prop_map(
        |((cla, ins, p1, p2), data, le): (_, Vec<u8>, _)| {
            let mut bytes = vec![cla, ins, p1, p2];
            if !data.is_empty() {
                bytes.push(data.len() as u8);
                bytes.extend(data);
            }
            bytes.extend(le);
            bytes
        },
    )
}

proptest! {
    #[test]
    fn whatever_a_phone_sends_is_answered_and_nothing_is_stored(
        commands in prop::collection::vec(command(), 1..40)) {
        let mut t = in_usim();
        let before = t.card.state_digest();
        for command in &commands {
            let response = t.card.transmit(command);
            prop_assert!(response.len() >= 2);
            prop_assert!(matches!(response[response.len() - 2], 0x60..=0x6F | 0x90 | 0x91));
        }
        prop_assert_eq!(t.card.state_digest(), before);
    }
}
