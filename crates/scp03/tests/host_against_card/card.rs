//! The strictness of the card end, and the status words it answers.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::card::next_sequence_counter;
use scp03::cryptogram::host_cryptogram;
use scp03::keys::SessionKeys;
use scp03::{CardChallenge, CardSession, Channel, ScpParameters, SecurityLevel};

use crate::setup::{AID, KDD, KVN, Setup};

fn setup() -> Setup {
    Setup::new(16, 0x30, SecurityLevel::CMac)
}

fn get_data() -> CommandApdu {
    CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256)
}

/// EXTERNAL AUTHENTICATE with a good MAC over whatever is asked for.
fn authenticate(
    card: &CardSession,
    setup: &Setup,
    p1: u8,
    p2: u8,
    cryptogram: &[u8],
) -> CommandApdu {
    let (enc, mac, rmac) = card.danger_session_keys();
    let [enc, mac, rmac] = [enc.danger_bytes(), mac.danger_bytes(), rmac.danger_bytes()];
    let keys = SessionKeys::from_bytes(enc, mac, rmac).unwrap();
    let level = SecurityLevel::CMac;
    let mut channel = Channel::danger_resume(keys, setup.mode(), level, [0; 16], 0).unwrap();
    channel
        .wrap(&CommandApdu::new(0x80, 0x82, p1, p2).with_data(cryptogram))
        .unwrap()
        .into_command()
}

/// The card before EXTERNAL AUTHENTICATE, and the host cryptogram it waits for.
fn waiting(setup: &Setup) -> (CardSession, Vec<u8>) {
    let (card, answer) = setup.card();
    let challenge = answer.data[13..21].to_vec();
    let (_, mac, _) = card.danger_session_keys();
    let cryptogram = host_cryptogram(mac, setup.mode(), setup.host_challenge(), &challenge);
    let cryptogram = cryptogram.as_bytes().to_vec();
    (card, cryptogram)
}

fn initialize_update(i: u8, challenge: CardChallenge<'_>, host: &[u8]) -> Result<(), StatusWord> {
    let parameters = ScpParameters::new(i).unwrap();
    CardSession::initialize_update(&setup().keys, parameters, KVN, KDD, challenge, host).map(|_| ())
}

#[test]
fn initialize_update_has_a_status_word_for_every_fault() {
    let at = |counter| CardChallenge::PseudoRandom { counter, aid: &AID };
    assert_eq!(initialize_update(0x70, at(1), &[0; 8]), Ok(()));
    for length in [0, 7, 9, 16] {
        let short = initialize_update(0x70, at(1), &vec![0; length]);
        assert_eq!(short, Err(StatusWord::WRONG_LENGTH));
    }
    assert_eq!(
        initialize_update(0x71, at(1), &[0; 8]),
        Err(StatusWord::WRONG_LENGTH)
    );
    assert_eq!(
        initialize_update(0x70, at(0x100_0000), &[0; 8]),
        Err(StatusWord::CONDITIONS)
    );
    let random = CardChallenge::Random([0; 16]);
    assert_eq!(initialize_update(0x60, random, &[0; 8]), Ok(()));
    assert_eq!(
        initialize_update(0x70, random, &[0; 8]),
        Err(StatusWord::NO_DIAGNOSIS)
    );
    assert_eq!(
        initialize_update(0x60, at(1), &[0; 8]),
        Err(StatusWord::NO_DIAGNOSIS)
    );
}

#[test]
fn the_sequence_counter_ends_at_three_bytes() {
    assert_eq!(next_sequence_counter(0), Ok(1));
    assert_eq!(next_sequence_counter(0xFF_FFFE), Ok(0xFF_FFFF));
    assert_eq!(
        next_sequence_counter(0xFF_FFFF),
        Err(StatusWord::CONDITIONS)
    );
}

#[test]
fn external_authenticate_has_a_status_word_for_every_fault() {
    let setup = setup();
    let answer_to = |p1, p2, change: &dyn Fn(&mut CommandApdu), wrong_cryptogram: bool| {
        let (mut card, mut cryptogram) = waiting(&setup);
        cryptogram[3] ^= u8::from(wrong_cryptogram);
        let mut command = authenticate(&card, &setup, p1, p2, &cryptogram);
        change(&mut command);
        let answer = card.external_authenticate(&command);
        assert_eq!(card.is_authenticated(), answer == ResponseApdu::ok());
        assert!(answer.data.is_empty());
        // One attempt for one INITIALIZE UPDATE.
        let again = card.external_authenticate(&command).sw;
        assert!([StatusWord::CONDITIONS, StatusWord::SECURITY_STATUS].contains(&again));
        answer.sw
    };
    let as_it_is = |_: &mut CommandApdu| {};
    assert_eq!(answer_to(0x01, 0x00, &as_it_is, false), StatusWord::OK);
    assert_eq!(
        answer_to(0x01, 0x00, &as_it_is, true),
        StatusWord::AUTH_FAILED
    );
    for (p1, p2) in [(0x33, 0x00), (0x02, 0x00), (0x81, 0x00), (0x01, 0x01)] {
        assert_eq!(answer_to(p1, p2, &as_it_is, false), StatusWord::WRONG_P1P2);
    }
    let damaged = |command: &mut CommandApdu| command.data[15] ^= 1;
    assert_eq!(
        answer_to(0x01, 0x00, &damaged, false),
        StatusWord::SECURITY_STATUS
    );
    let unprotected = |command: &mut CommandApdu| command.cla = 0x80;
    assert_eq!(
        answer_to(0x01, 0x00, &unprotected, false),
        StatusWord::SECURITY_STATUS
    );
    let shorter = |command: &mut CommandApdu| command.data.truncate(15);
    assert_eq!(
        answer_to(0x01, 0x00, &shorter, false),
        StatusWord::WRONG_LENGTH
    );
}

#[test]
fn external_authenticate_inside_a_session_ends_it() {
    let setup = setup();
    let (mut card, cryptogram) = waiting(&setup);
    let command = authenticate(&card, &setup, 0x00, 0x00, &cryptogram);
    assert_eq!(card.external_authenticate(&command), ResponseApdu::ok());
    assert_eq!(card.level(), SecurityLevel::Authenticated);
    assert_eq!(
        card.external_authenticate(&command).sw,
        StatusWord::SECURITY_STATUS
    );
    assert!(card.is_aborted());
}

#[test]
fn without_a_session_plain_commands_pass_and_protected_ones_do_not() {
    let setup = setup();
    let (mut card, _) = waiting(&setup);
    let (mut channel, _) = setup.open();
    let protected = channel.wrap(&get_data()).unwrap();
    for _ in 0..2 {
        assert_eq!(card.unwrap(&get_data()), Ok(get_data()));
        assert_eq!(card.unwrap(&protected), Err(StatusWord::SECURITY_STATUS));
        assert!(!card.is_aborted());
        // The second time after a failed attempt.
        let _ = card.external_authenticate(&protected);
    }
}

#[test]
fn nothing_weakens_an_open_session() {
    let (_, mut card) = setup().open();
    assert_eq!(card.unwrap(&get_data()), Err(StatusWord::SECURITY_STATUS));
    assert!(card.is_aborted());
    assert_eq!(card.level(), SecurityLevel::Authenticated);
    let refused = ResponseApdu::status(StatusWord::SECURITY_STATUS);
    assert_eq!(card.wrap(refused.clone()), refused);
}

#[test]
fn what_is_no_apdu_is_told_as_long_as_there_is_no_level_with_a_mac() {
    let malformed = || [0x80, 0xCA, 0x00];
    let (_, mut card) = Setup::new(16, 0x70, SecurityLevel::Authenticated).open();
    let refused = card.unwrap_in_place(&mut malformed()).unwrap_err();
    assert_eq!(refused, StatusWord::WRONG_LENGTH);
    let (_, mut card) = Setup::new(16, 0x70, SecurityLevel::CMac).open();
    for _ in 0..2 {
        // The second time the session is gone, and says the same.
        let refused = card.unwrap_in_place(&mut malformed()).unwrap_err();
        assert_eq!(refused, StatusWord::SECURITY_STATUS);
        assert!(card.is_aborted());
    }
}

#[test]
fn a_level_without_mac_takes_no_protected_command() {
    let setup = Setup {
        level: SecurityLevel::Authenticated,
        ..setup()
    };
    let (_, mut card) = setup.open();
    let (mut channel, _) = self::setup().open();
    assert_eq!(card.unwrap(&get_data()), Ok(get_data()));
    let protected = channel.wrap(&get_data()).unwrap();
    assert_eq!(card.unwrap(&protected), Err(StatusWord::SECURITY_STATUS));
    assert!(card.is_aborted());
}

#[test]
fn an_error_goes_out_alone_at_an_r_mac_level() {
    let setup = Setup {
        level: SecurityLevel::CMacRMac,
        ..setup()
    };
    let (mut channel, mut card) = setup.open();
    card.unwrap(&channel.wrap(&get_data()).unwrap()).unwrap();
    let with_data = ResponseApdu {
        data: vec![1, 2, 3],
        sw: StatusWord::WRONG_DATA,
    };
    let answer = card.wrap(with_data);
    assert_eq!(answer, StatusWord::WRONG_DATA.into());
    assert_eq!(channel.unwrap(&answer), Ok(answer));
}

#[test]
fn begin_and_end_r_mac_session_have_a_status_word_for_every_fault() {
    let begin = |p1, p2| CommandApdu::new(0x80, 0x7A, p1, p2);
    let end = |p1, p2| CommandApdu::new(0x80, 0x78, p1, p2);
    let (mut card, _) = waiting(&setup());
    assert_eq!(
        card.begin_r_mac(&begin(0x10, 0x01)).sw,
        StatusWord::CONDITIONS
    );
    assert_eq!(card.end_r_mac(&end(0x00, 0x03)).sw, StatusWord::CONDITIONS);

    let (_, mut card) = setup().open();
    for (p1, p2) in [(0x20, 0x01), (0x10, 0x00), (0x00, 0x01)] {
        assert_eq!(card.begin_r_mac(&begin(p1, p2)).sw, StatusWord::WRONG_P1P2);
    }
    let malformed = begin(0x10, 0x01).with_data([3, 0xAA]);
    assert_eq!(card.begin_r_mac(&malformed).sw, StatusWord::WRONG_DATA);
    assert_eq!(
        card.begin_r_mac(&begin(0x30, 0x01)).sw,
        StatusWord::CONDITIONS
    );
    assert_eq!(card.end_r_mac(&end(0x00, 0x03)).sw, StatusWord::CONDITIONS);
    assert_eq!(card.end_r_mac(&end(0x00, 0x00)).sw, StatusWord::WRONG_P1P2);
    assert!(card.is_authenticated());
}

#[test]
fn the_level_rises_only_with_the_answer_that_says_so() {
    let (mut channel, mut card) = setup().open();
    let begin = CommandApdu::new(0x80, 0x7A, 0x10, 0x01);
    let plain = card.unwrap(&channel.wrap(&begin).unwrap()).unwrap();
    assert_eq!(card.begin_r_mac(&plain), ResponseApdu::ok());
    assert_eq!(card.level(), SecurityLevel::CMac);
    let answer = card.wrap(StatusWord::NO_MEMORY.into());
    assert_eq!(card.level(), SecurityLevel::CMac);
    channel.unwrap(&answer).unwrap();
    assert_eq!(channel.level(), Some(SecurityLevel::CMac));
}
