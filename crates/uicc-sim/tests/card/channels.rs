//! Logical channels, SELECT and the form of APDUs.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::get_status::{GetStatus, Scope};
use globalplatform::commands::select::SelectResponse;
use globalplatform::status_word::StatusWord;
use scp03::{Host, Mode, SecurityLevel};

use crate::terminal::*;

#[test]
fn nineteen_channels_open_and_close() {
    let mut t = Terminal::new();
    for channel in 1..=19 {
        let response = t.hex("00 70 00 00 01");
        assert_eq!(
            (response.data, response.sw),
            (vec![channel], StatusWord::OK)
        );
    }
    assert_eq!(t.hex("00 70 00 00 01").sw, StatusWord(0x6881));
    assert_eq!(t.hex("00 70 80 07").sw, StatusWord::OK);
    assert_eq!(t.hex("00 70 80 07").sw, StatusWord(0x6200));
    assert_eq!(t.hex("00 70 80 00").sw, StatusWord(0x6A81));
    assert_eq!(t.hex("00 70 00 07").sw, StatusWord::OK);
    assert_eq!(t.hex("00 70 00 07").sw, StatusWord(0x6881));
}

#[test]
fn a_channel_that_is_not_open_answers_nothing() {
    let mut t = Terminal::new();
    assert_eq!(t.hex("81 CA 00 66 00").sw, StatusWord(0x6881));
    t.hex("00 70 00 00 01");
    assert_eq!(t.hex("81 CA 00 66 00").sw, StatusWord::OK);
    t.card.reset();
    assert_eq!(t.hex("81 CA 00 66 00").sw, StatusWord(0x6881));
}

#[test]
fn each_channel_has_its_own_session() {
    let mut t = Terminal::new();
    let mut basic = t.isd();
    t.hex("00 70 00 00 01");
    let status = GetStatus::all(Scope::IssuerSecurityDomain).to_apdu();
    // Unprotected, on the other channel: refused there, and nothing happens to the session here.
    let other = status.clone().on_channel(1).unwrap();
    assert_eq!(t.send(&other).sw, StatusWord(0x6982));
    basic.ok(&mut t, &status);
}

#[test]
fn an_applet_is_selected_on_one_channel_at_a_time() {
    let mut t = Terminal::new();
    deploy(&mut t);
    assert_eq!(t.select(JPKI), StatusWord::OK);
    t.hex("00 70 00 00 01");
    assert_eq!(
        t.hex("01 A4 04 0C 0A D392F000260100000001").sw,
        StatusWord(0x6985)
    );
    assert_eq!(t.select(ISD), StatusWord::OK);
    assert_eq!(
        t.hex("01 A4 04 0C 0A D392F000260100000001").sw,
        StatusWord::OK
    );
}

#[test]
fn select_finds_partial_names_and_the_next_one() {
    let mut t = Terminal::new();
    deploy(&mut t);
    let response = t.hex("00 A4 04 00 05 D392F00026 00");
    assert_eq!(SelectResponse::decode(&response.data).unwrap().aid, SSD);
    let response = t.hex("00 A4 04 02 05 D392F00026 00");
    assert!(response.data.windows(10).any(|w| w == JPKI.as_bytes()));
    assert_eq!(t.hex("00 A4 04 02 05 D392F00026 00").sw, StatusWord(0x6A82));
    let response = t.hex("00 A4 04 00 00");
    assert_eq!(SelectResponse::decode(&response.data).unwrap().aid, ISD);
    let response = t.hex("00 A4 04 00 08 A000000003000000 00");
    assert_eq!(SelectResponse::decode(&response.data).unwrap().aid, ISD);
    assert!(t.hex("00 A4 04 0C 08 A000000151000000").data.is_empty());
}

#[test]
fn a_load_file_or_a_package_cannot_be_selected() {
    let mut t = Terminal::new();
    deploy(&mut t);
    assert_eq!(
        t.select(JPKI_PACKAGE),
        StatusWord::OK,
        "it is the beginning of the instance's name"
    );
    assert_eq!(t.select(DOMAIN_PACKAGE), StatusWord(0x6A82));
}

#[test]
fn classes_and_lengths_are_checked() {
    let mut t = Terminal::new();
    for (command, sw) in [
        ("FF CA 00 66 00", 0x6E00),
        ("20 CA 00 66 00", 0x6E00),
        ("A0 CA 00 66 00", 0x6E00),
        ("80 CA 00", 0x6700),
        ("80 CA 00 66 05 01", 0x6700),
        ("80 CA 00 66 01 00 00 00", 0x6700),
        ("00 C0 00 00 00", 0x6985),
        ("04 CA 00 66 00", 0x6982),
        ("04 A4 04 00 00", 0x6882),
        ("00 A4 02 0C 02 000A", 0x6A82),
        ("00 A4 07 0C 02 000A", 0x6A86),
    ] {
        let bytes = hex::decode(command.replace(' ', "")).unwrap();
        let response = t.card.transmit(&bytes);
        assert_eq!(
            hex::encode_upper(response),
            format!("{sw:04X}"),
            "{command}"
        );
    }
}

#[test]
fn a_long_answer_comes_in_pieces() {
    let mut t = Terminal::new();
    let whole = t.data(0x0066).data;
    let first = t.card.transmit(&hex::decode("80CA006608").unwrap());
    assert_eq!(&first[..8], &whole[..8]);
    assert_eq!(usize::from(first[9]), whole.len() - 8);
    assert_eq!(first[8], 0x61);
    let rest = t.card.transmit(&[0x00, 0xC0, 0x00, 0x00, 0x00]);
    assert_eq!(&rest[..rest.len() - 2], &whole[8..]);
    // Any other command forgets the rest.
    t.card.transmit(&hex::decode("80CA006608").unwrap());
    t.data(0x00E0);
    assert_eq!(t.hex("00 C0 00 00 00").sw, StatusWord(0x6985));
}

#[test]
fn channels_4_and_above_carry_sessions_too() {
    let mut t = Terminal::new();
    t.hex("00 70 00 05");
    let challenge = t.host_challenge();
    let host = Host::start(&isd_keys(), 0x30, Mode::S8, &challenge).unwrap();
    let host = host.on_channel(5).unwrap();
    let response = t.send(&host.command());
    let host = host
        .receive(&response, SecurityLevel::Full, Some(ISD.as_bytes()))
        .unwrap();
    let response = t.send(&host.command());
    let mut channel = host.receive(&response).unwrap();
    let status = GetStatus::all(Scope::IssuerSecurityDomain).to_apdu();
    let wrapped = channel.wrap(&status.on_channel(5).unwrap()).unwrap();
    let response = t.send(&wrapped);
    assert!(channel.unwrap(&response).unwrap().sw.is_success());
    let plain = CommandApdu::new(0x80, 0xF2, 0x80, 0x02).with_data([0x4F, 0x00]);
    assert_eq!(
        t.send(&plain).sw,
        StatusWord(0x6982),
        "there is no session on channel 0"
    );
}

#[test]
fn a_channel_opened_from_a_supplementary_one_has_what_is_selected_there() {
    let mut t = Terminal::new();
    deploy(&mut t);
    t.hex("00 70 00 00 01");
    t.hex("01 A4 04 0C 0B D392F00026535344000001");
    let on_1 = t.hex("81 CA 00 E0 00").data;
    assert_eq!(t.hex("01 70 00 00 01").data, [2]);
    assert_eq!(t.hex("82 CA 00 E0 00").data, on_1);
    assert_ne!(t.hex("80 CA 00 E0 00").data, on_1);
    // An applet runs on one channel.
    t.hex("01 A4 04 0C 0A D392F000260100000001");
    assert_eq!(t.hex("01 70 00 00 01").sw, StatusWord(0x6985));
    assert_eq!(t.hex("01 70 00 07").sw, StatusWord(0x6985));
    assert_eq!(t.hex("83 CA 00 66 00").sw, StatusWord(0x6881));
    assert_eq!(t.hex("00 70 00 00 01").data, [3]);
    // Files are where they were.
    t.hex("03 A4 00 0C 02 3F00");
    t.hex("03 A4 00 0C 02 2FE2");
    assert_eq!(t.hex("03 70 00 00 01").data, [4]);
    assert_eq!(t.hex("40 A4 00 0C 02 2FE2").sw, StatusWord::OK);
}

#[test]
fn a_partial_name_goes_on_behind_what_refuses() {
    let mut t = Terminal::new();
    deploy(&mut t);
    t.hex("00 70 00 00 01");
    t.hex("00 70 00 00 01");
    // JPKI runs on channel 1; its package's name is the beginning of nothing else.
    t.hex("01 A4 04 0C 0A D392F000260100000001");
    assert_eq!(t.hex("02 A4 04 0C 06 D392F0002601").sw, StatusWord(0x6985));
    let mut isd = t.isd();
    let second = install_applet(JPKI_PACKAGE, JPKI, "D392F000260100000002".parse().unwrap());
    isd.ok(&mut t, &second.to_apdu());
    let response = t.hex("02 A4 04 00 06 D392F0002601");
    let found = SelectResponse::decode(&response.data).unwrap().aid;
    assert_eq!(found.to_string(), "D392F000260100000002");
    assert_eq!(t.hex("02 A4 04 02 06 D392F0002601").sw, StatusWord(0x6A82));
}

#[test]
fn what_the_runtime_does_without_secure_messaging_counts_for_the_session() {
    for level in [SecurityLevel::CMac, SecurityLevel::Full] {
        let mut t = Terminal::new();
        let mut isd = t.authenticate(ISD, &isd_keys(), 0x30, level);
        for command in ["00A4040000", "0070000001", "00C0000000", "00A40000023F00"] {
            let command = CommandApdu::decode(&hex::decode(command).unwrap()).unwrap();
            assert_eq!(isd.sw(&mut t, &command), StatusWord(0x6882), "{command:?}");
        }
        isd.ok(
            &mut t,
            &GetStatus::all(Scope::IssuerSecurityDomain).to_apdu(),
        );
    }
}

#[test]
fn the_next_one_without_a_name_is_the_issuers_domain() {
    let mut t = Terminal::new();
    deploy(&mut t);
    for selected in [ISD, SSD, JPKI] {
        assert_eq!(t.select(selected), StatusWord::OK);
        let response = t.hex("00 A4 04 02 00");
        assert_eq!(SelectResponse::decode(&response.data).unwrap().aid, ISD);
    }
}
