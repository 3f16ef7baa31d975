//! SCP03 at the card's contacts: counters, levels, aborts.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::get_data::GetData;
use globalplatform::commands::get_status::{GetStatus, Scope};
use globalplatform::commands::initialize_update::InitializeUpdateResponse;
use globalplatform::status_word::StatusWord;
use scp03::{Host, Mode, SecurityLevel};

use crate::terminal::*;

fn status() -> CommandApdu {
    GetStatus::all(Scope::IssuerSecurityDomain).to_apdu()
}

fn counter(response: &ResponseApdu) -> u32 {
    let response = InitializeUpdateResponse::decode(&response.data).unwrap();
    let [a, b, c] = response.sequence_counter.unwrap();
    u32::from_be_bytes([0, a, b, c])
}

#[test]
fn every_level_opens_and_reads_the_registry() {
    for level in SecurityLevel::ALL {
        let mut t = Terminal::new();
        let mut session = t.open(ISD, &isd_keys(), 0x30, level);
        // AUTHENTICATED is enough (G Table 11-2).
        assert_eq!(session.sw(&mut t, &status()), StatusWord::OK, "{level:?}");
        let told = session.ok(&mut t, &GetData::new(GetData::SECURITY_LEVEL).to_apdu());
        assert_eq!(told, [0xD3, 0x01, 0x80 | level.byte()], "{level:?}");
    }
}

#[test]
fn key_version_00_is_the_default_set_and_unknown_ones_are_not_found() {
    let mut t = Terminal::new();
    t.open(ISD, &isd_keys(), 0x00, SecurityLevel::Full);
    assert_eq!(
        t.hex("80 50 31 00 08 0102030405060708 00").sw,
        StatusWord(0x6A88)
    );
    assert_eq!(
        t.hex("80 50 30 01 08 0102030405060708 00").sw,
        StatusWord(0x6A88)
    );
    assert_eq!(
        t.hex("80 50 30 00 07 01020304050607 00").sw,
        StatusWord(0x6700)
    );
    let sixteen = "00000000000000000000000000000000";
    assert_eq!(
        t.hex(&format!("80 50 30 00 10 {sixteen} 00")).sw,
        StatusWord(0x6700)
    );
}

#[test]
fn the_counter_moves_with_every_attempt_and_survives_power_off() {
    let mut t = Terminal::new();
    for expected in 1..=3 {
        let response = t.hex("80 50 30 00 08 0102030405060708 00");
        assert_eq!(counter(&response), expected);
        t.card.reset();
    }
    assert_eq!(t.data(0x00C1).data, [0xC1, 0x03, 0x00, 0x00, 0x03]);
}

#[test]
fn an_exhausted_counter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    Terminal::new().card.persist_to(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("\"counter\": 0", "\"counter\": 16777214"),
    )
    .unwrap();
    let mut t = Terminal::of(uicc_sim::Uicc::open(&path).unwrap());
    assert_eq!(
        counter(&t.hex("80 50 30 00 08 0102030405060708 00")),
        0xFF_FFFF
    );
    assert_eq!(
        t.hex("80 50 30 00 08 0102030405060708 00").sw,
        StatusWord(0x6985)
    );
}

#[test]
fn random_challenges_come_from_the_seed() {
    let first = |seed| {
        let mut t = Terminal::with(uicc_sim::CardConfig {
            scp_i: 0x60,
            seed,
            ..config()
        });
        t.hex("80 50 30 00 08 0102030405060708 00").data
    };
    assert_eq!(first([1; 32]).len(), 29);
    assert_eq!(first([1; 32]), first([1; 32]));
    assert_ne!(first([1; 32]), first([2; 32]));
}

#[test]
fn s16_sessions_work() {
    let mut t = Terminal::with(uicc_sim::CardConfig {
        scp_i: 0x71,
        ..config()
    });
    let host = Host::start(&isd_keys(), 0x30, Mode::S16, &[9; 16]).unwrap();
    let response = t.send(&host.command());
    let host = host
        .receive(&response, SecurityLevel::Full, Some(ISD.as_bytes()))
        .unwrap();
    let response = t.send(&host.command());
    let mut channel = host.receive(&response).unwrap();
    let response = t.send(&channel.wrap(&status()).unwrap());
    assert!(channel.unwrap(&response).unwrap().sw.is_success());
}

#[test]
fn a_wrong_host_cryptogram_and_a_wrong_mac_need_a_new_start() {
    let mut t = Terminal::new();
    let challenge = t.host_challenge();
    let other = scp03::StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16]).unwrap();
    let host = Host::start(&other, 0x30, Mode::S8, &challenge).unwrap();
    t.send(&host.command());
    let external = "84 82 33 00 10 00112233445566778899AABBCCDDEEFF";
    assert_eq!(t.hex(external).sw, StatusWord(0x6982));
    assert_eq!(t.hex(external).sw, StatusWord(0x6985));
}

#[test]
fn external_authenticate_must_follow_directly() {
    let mut t = Terminal::new();
    assert_eq!(
        t.hex("84 82 33 00 10 00112233445566778899AABBCCDDEEFF").sw,
        StatusWord(0x6985)
    );
    let challenge = t.host_challenge();
    let host = Host::start(&isd_keys(), 0x30, Mode::S8, &challenge).unwrap();
    let response = t.send(&host.command());
    assert!(t.data(0x0066).sw.is_success());
    let host = host.receive(&response, SecurityLevel::Full, None).unwrap();
    assert_eq!(t.send(&host.command()).sw, StatusWord(0x6985));
}

#[test]
fn without_a_session_only_get_data_is_answered() {
    let mut t = Terminal::new();
    for command in [
        "80 F2 40 02 02 4F00 00",
        "80 E6 02 00 00",
        "80 E8 80 00 01 00 00",
        "80 E4 00 00 02 4F00 00",
        "80 F0 40 80 05 A000000151",
        "80 D8 00 81 01 30 00",
        "80 E2 90 00 01 00",
    ] {
        assert_eq!(t.hex(command).sw, StatusWord(0x6982), "{command}");
    }
    assert_eq!(t.hex("80 12 00 00").sw, StatusWord(0x6D00));
    assert!(t.data(0x0066).sw.is_success());
    assert_eq!(t.hex("00 CA DF 30 05").sw, StatusWord(0x6A88));
    assert!(!t.hex("00 CB 3F FF 03 5C017E 08").sw.is_success());
}

#[test]
fn an_unprotected_command_aborts_the_session() {
    let mut t = Terminal::new();
    let mut session = t.isd();
    assert_eq!(t.send(&status()).sw, StatusWord(0x6982));
    let wrapped = session.wrap(&status());
    assert_eq!(t.send(&wrapped).sw, StatusWord(0x6982));
    // What needs no session still works, and a new session opens.
    assert!(t.data(0x0066).sw.is_success());
    t.authenticate(ISD, &isd_keys(), 0x30, SecurityLevel::Full);
}

#[test]
fn a_changed_byte_and_a_replay_abort_the_session() {
    let mut t = Terminal::new();
    let mut session = t.isd();
    let mut changed = session.wrap(&status());
    changed.data[3] ^= 0x01;
    assert_eq!(t.send(&changed).sw, StatusWord(0x6982));
    let mut session = t.isd();
    let wrapped = session.wrap(&status());
    assert!(t.send(&wrapped).sw.is_success());
    assert_eq!(t.send(&wrapped).sw, StatusWord(0x6982));
    assert_eq!(t.send(&wrapped).sw, StatusWord(0x6982));
}

#[test]
fn an_ordinary_error_leaves_the_session_open() {
    let mut t = Terminal::new();
    let mut session = t.isd();
    let unknown = "A0000000FFFF".parse().unwrap();
    assert_eq!(
        session.sw(&mut t, &delete(unknown, false)),
        StatusWord(0x6A88)
    );
    assert_eq!(
        session.sw(&mut t, &CommandApdu::new(0x80, 0x12, 0, 0)),
        StatusWord(0x6D00)
    );
    session.ok(&mut t, &status());
}

#[test]
fn selecting_ends_the_session_but_an_unknown_name_does_not() {
    let mut t = Terminal::new();
    let mut session = t.isd();
    assert_eq!(
        t.select("A0000000FFFF".parse().unwrap()),
        StatusWord(0x6A82)
    );
    session.ok(&mut t, &status());
    assert_eq!(t.select(ISD), StatusWord::OK);
    let wrapped = session.wrap(&status());
    assert_eq!(t.send(&wrapped).sw, StatusWord(0x6982));
}

#[test]
fn both_class_bytes_mean_secured() {
    let mut t = Terminal::new();
    let mut session = t.isd();
    let iso = CommandApdu::new(0x00, 0xE2, 0x90, 0x00).with_data([0; 64]);
    session.ok(&mut t, &iso);
    let recognition = session.ok(
        &mut t,
        &CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256),
    );
    assert_eq!(recognition[0], 0x66);
}

#[test]
fn r_mac_sessions_raise_the_level_of_responses() {
    let mut t = Terminal::new();
    let mut session = t.open(ISD, &isd_keys(), 0x30, SecurityLevel::CMac);
    session.ok(&mut t, &status());
    let begin = CommandApdu::new(0x80, 0x7A, 0x10, 0x01);
    assert!(t.send(&session.wrap(&begin)).sw.is_success());
    let response = t.send(&session.wrap(&status()));
    let entry = globalplatform::registry::RegistryEntry::decode_list(&response.data);
    assert!(entry.is_err(), "an R-MAC follows the entries");
}

#[test]
fn a_long_command_comes_in_a_chain_or_extended() {
    for extended in [false, true] {
        let mut t = Terminal::new();
        let mut session = t.isd();
        let store = CommandApdu::new(0x00, 0xE2, 0x90, 0x00)
            .with_data(vec![0; 600])
            .with_extended_length();
        let wrapped = session.wrap(&store);
        let response = if extended {
            t.send(&wrapped)
        } else {
            let mut pieces = wrapped.data.chunks(255).peekable();
            let mut response = ResponseApdu::ok();
            while let Some(piece) = pieces.next() {
                let chained = if pieces.peek().is_some() { 0x10 } else { 0x00 };
                let [cla, ins, p1, p2] = wrapped.header();
                let command = CommandApdu::new(cla | chained, ins, p1, p2).with_data(piece);
                response = t.send(&command);
                assert!(response.sw.is_success());
            }
            response
        };
        assert!(response.sw.is_success());
        session.ok(&mut t, &store);
    }
}

#[test]
fn a_torn_chain_of_commands_is_forgotten() {
    let mut t = Terminal::new();
    assert_eq!(t.hex("90 E2 90 00 03 010203").sw, StatusWord::OK);
    t.isd();
    assert_eq!(t.hex("94 E2 90 00 03 010203").sw, StatusWord::OK);
    t.card.reset();
    assert_eq!(t.hex("80 E2 90 00 03 010203").sw, StatusWord(0x6982));
}

#[test]
fn secrets_are_shown_to_an_observer_only() {
    let mut t = Terminal::new();
    let seen = t.observe();
    t.isd();
    let seen = seen.lock().unwrap();
    for (kind, secret) in [
        ("key-set-enc", [0x11; 16]),
        ("key-set-mac", [0x22; 16]),
        ("key-set-dek", [0x33; 16]),
    ] {
        assert!(seen.contains(&(kind, secret.to_vec())), "{kind}");
    }
    for kind in ["session-enc", "session-mac", "session-rmac"] {
        assert!(seen.iter().any(|(k, _)| *k == kind), "{kind}");
    }
}
