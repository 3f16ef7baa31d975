//! Levels as types, and the legal changes between them.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::levels::{self, Level, Raises};
use scp03::{
    CardSession, Channel, Host, LevelError, NotChanged, ProtectedApdu, SecurityLevel, WrapError,
};

use crate::setup::{AID, KVN, Setup};

/// Both ends, the host's level in its type.
fn open<L: Level>(i: u8, level: L) -> (Channel<L>, CardSession) {
    let setup = Setup::new(16, i, level.into());
    let host = Host::start(&setup.keys, KVN, setup.mode(), setup.host_challenge()).unwrap();
    let (mut card, response) = setup.card();
    let host = host.receive(&response, level, Some(&AID)).unwrap();
    let response = card.external_authenticate(&host.command());
    (host.receive(&response).unwrap(), card)
}

/// What the card answers to BEGIN or END R-MAC SESSION.
fn answer(card: &mut CardSession, command: &ProtectedApdu) -> ResponseApdu {
    let plain = card.unwrap(command).unwrap();
    let own = match plain.ins {
        0x7A => card.begin_r_mac(&plain),
        _ => card.end_r_mac(&plain),
    };
    card.wrap(own)
}

fn exchange<L: Level>(channel: &mut Channel<L>, card: &mut CardSession) {
    let command = CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256);
    let wrapped = channel.wrap(&command).unwrap();
    assert_eq!(card.unwrap(&wrapped), Ok(command));
    let response = ResponseApdu::with_data([1, 2, 3]);
    let sent = card.wrap(response.clone());
    assert_eq!(channel.unwrap(&sent), Ok(response));
}

fn up_and_back<L: Level, R: Raises<L>>(base: L, raised: R, p1: u8) {
    for challenge in [&[][..], &[1, 2, 3]] {
        let (channel, mut card) = open(0x70, base);
        let begin = channel.begin_r_mac(raised, challenge).unwrap();
        assert_eq!(begin.command().header(), [0x84, 0x7A, p1, 0x01]);
        let response = answer(&mut card, begin.command());
        let mut channel = begin.receive(&response).unwrap();
        assert_eq!(channel.level(), Some(raised.into()));
        assert_eq!(channel.opened_at(), Some(base.into()));
        exchange(&mut channel, &mut card);

        let end = channel.end_r_mac(base).unwrap();
        assert_eq!(end.command().header(), [0x84, 0x78, 0x00, 0x03]);
        assert_eq!(end.command().le, Some(256));
        let response = answer(&mut card, end.command());
        assert!(!response.data.is_empty(), "still protected");
        let mut channel = end.receive(&response).unwrap();
        assert_eq!(channel.level(), Some(base.into()));
        exchange(&mut channel, &mut card);
    }
}

#[test]
fn every_legal_change_goes_up_and_back() {
    up_and_back(levels::CMac, levels::CMacRMac, 0x10);
    up_and_back(levels::CMacCDec, levels::CMacCDecRMac, 0x10);
    up_and_back(levels::CMacCDec, levels::Full, 0x30);
    up_and_back(levels::CMacCDecRMac, levels::Full, 0x30);
    up_and_back(SecurityLevel::CMac, SecurityLevel::CMacRMac, 0x10);
}

#[test]
fn every_other_change_is_refused_and_leaves_the_channel() {
    let legal = [(0x01, 0x11), (0x03, 0x13), (0x03, 0x33), (0x13, 0x33)];
    for from in SecurityLevel::ALL {
        for to in SecurityLevel::ALL {
            let (channel, mut card) = open(0x70, from);
            match channel.begin_r_mac(to, &[]) {
                Ok(_) => assert!(legal.contains(&(from.byte(), to.byte())), "{from:?} {to:?}"),
                Err(NotChanged {
                    reason,
                    mut channel,
                }) => {
                    assert!(
                        !legal.contains(&(from.byte(), to.byte())),
                        "{from:?} {to:?}"
                    );
                    assert_eq!(reason, LevelError::CannotRaise { from, to });
                    exchange(&mut channel, &mut card);
                }
            }
        }
    }
}

#[test]
fn what_the_card_does_not_offer_is_not_asked_for() {
    for (i, level) in [(0x10, levels::CMacCDec), (0x30, levels::CMacCDec)] {
        let (channel, _) = open(i, level);
        let refused = channel.begin_r_mac(levels::Full, &[]).unwrap_err();
        let level = SecurityLevel::Full;
        assert_eq!(refused.reason, LevelError::NotOffered { level });
    }
    let (channel, _) = open(0x30, levels::CMacCDec);
    assert!(channel.begin_r_mac(levels::CMacCDecRMac, &[]).is_ok());
}

#[test]
fn a_challenge_has_at_most_24_bytes() {
    let begin = |length| {
        let (channel, _) = open(0x70, levels::CMac);
        let begun = channel.begin_r_mac(levels::CMacRMac, &vec![7; length]);
        begun.map(|_| ()).map_err(|refused| refused.reason)
    };
    assert_eq!(begin(24), Ok(()));
    let length = 25;
    assert_eq!(begin(length), Err(LevelError::ChallengeTooLong { length }));
}

#[test]
fn nothing_ends_that_has_not_begun_and_it_ends_where_it_began() {
    let (channel, _) = open(0x70, levels::CMacCDec);
    let refused = channel.end_r_mac(levels::CMacCDec).unwrap_err();
    assert_eq!(refused.reason, LevelError::NotRaised);

    let begin = refused.channel.begin_r_mac(levels::Full, &[]).unwrap();
    let (_, mut card) = open(0x70, levels::CMacCDec);
    let response = answer(&mut card, begin.command());
    let channel = begin.receive(&response).unwrap();
    let refused = channel.end_r_mac(levels::CMac).unwrap_err();
    let (opened_at, asked) = (SecurityLevel::CMacCDec, SecurityLevel::CMac);
    assert_eq!(refused.reason, LevelError::EndsAt { opened_at, asked });
}

#[test]
fn a_refusal_of_the_card_leaves_the_level_and_a_forgery_ends_the_channel() {
    let sw = StatusWord::CONDITIONS;
    let (channel, mut card) = open(0x70, levels::CMacCDec);
    let change = channel.begin_r_mac(levels::Full, &[]).unwrap();
    card.unwrap(change.command()).unwrap();
    let refused = change.receive(&card.wrap(sw.into())).unwrap_err();
    assert_eq!(refused.reason, LevelError::Refused { sw });
    let mut channel = *refused.channel;
    assert_eq!(channel.level(), Some(SecurityLevel::CMacCDec));
    exchange(&mut channel, &mut card);

    let (channel, _) = open(0x70, levels::CMacCDecRMac);
    let change = channel.begin_r_mac(levels::Full, &[]).unwrap();
    let forged = change.receive(&ResponseApdu::ok()).unwrap_err();
    assert_eq!(forged.reason, LevelError::NotGenuine);
    let gone = forged.channel.begin_r_mac(levels::Full, &[]).unwrap_err();
    assert_eq!(gone.reason, LevelError::Closed);
    let gone = gone.channel.end_r_mac(levels::CMac).unwrap_err();
    assert_eq!(gone.reason, LevelError::Closed);
}

#[test]
fn a_refusal_that_may_hide_a_change_between_two_mac_levels_ends_the_channel() {
    let sw = StatusWord::CONDITIONS;
    // The card has raised its level, and somebody has replaced its answer.
    let (channel, mut card) = open(0x70, levels::CMacCDecRMac);
    let change = channel.begin_r_mac(levels::Full, &[]).unwrap();
    answer(&mut card, change.command());
    let refused = change.receive(&sw.into()).unwrap_err();
    assert_eq!(refused.reason, LevelError::Refused { sw });
    assert_eq!(refused.channel.level(), None);

    // The same on the way back, and with plain commands.
    let (channel, mut card) = open(0x70, SecurityLevel::CMacCDecRMac);
    let change = channel.begin_r_mac(SecurityLevel::Full, &[]).unwrap();
    let response = answer(&mut card, change.command());
    let mut channel = change.receive(&response).unwrap();
    let end = CommandApdu::new(0x80, 0x78, 0x00, 0x03).with_le(256);
    channel.wrap(&end).unwrap();
    assert_eq!(channel.unwrap(&ResponseApdu::from(sw)), Ok(sw.into()));
    assert_eq!(channel.wrap(&end), Err(WrapError::Closed));

    // A card without R-ENCRYPTION means what it says.
    let (mut channel, mut card) = open(0x30, SecurityLevel::CMacCDecRMac);
    let begin = CommandApdu::new(0x80, 0x7A, 0x30, 0x01);
    let wrapped = channel.wrap(&begin).unwrap();
    let refused = channel.unwrap(&answer(&mut card, &wrapped));
    assert_eq!(refused, Ok(sw.into()));
    exchange(&mut channel, &mut card);

    // A refusal that could change nothing, or a warning, which carries an R-MAC, does no harm.
    let (mut channel, mut card) = open(0x70, SecurityLevel::CMacCDecRMac);
    for (p1, sw) in [(0x10, sw), (0x30, StatusWord(0x6300))] {
        let begin = CommandApdu::new(0x80, 0x7A, p1, 0x01);
        card.unwrap(&channel.wrap(&begin).unwrap()).unwrap();
        channel.unwrap(&card.wrap(sw.into())).unwrap();
        exchange(&mut channel, &mut card);
    }
}

#[test]
fn a_level_about_to_end_is_promised_by_no_type() {
    let (mut channel, mut card) = open(0x70, SecurityLevel::CMacCDecRMac);
    let begin = CommandApdu::new(0x80, 0x7A, 0x30, 0x01);
    let wrapped = channel.wrap(&begin).unwrap();
    channel.unwrap(&answer(&mut card, &wrapped)).unwrap();
    let end = CommandApdu::new(0x80, 0x78, 0x00, 0x03).with_le(256);
    let wrapped = channel.wrap(&end).unwrap();
    let refused = channel.try_at(levels::Full).unwrap_err();
    assert_eq!(refused.found, Some(SecurityLevel::CMacCDecRMac));
    let mut channel = refused.channel.try_at(levels::CMacCDecRMac).unwrap();
    channel.unwrap(&answer(&mut card, &wrapped)).unwrap();
    assert_eq!(channel.level(), Some(SecurityLevel::CMacCDecRMac));
    exchange(&mut channel, &mut card);
}

#[test]
fn a_plain_end_does_not_break_the_promise_of_a_type() {
    let end = CommandApdu::new(0x80, 0x78, 0x00, 0x03).with_le(256);
    let (channel, mut card) = open(0x70, levels::CMac);
    let begin = channel.begin_r_mac(levels::CMacRMac, &[]).unwrap();
    let response = answer(&mut card, begin.command());
    let mut channel = begin.receive(&response).unwrap();
    assert_eq!(channel.wrap(&end), Err(WrapError::LowersLevel));
    exchange(&mut channel, &mut card);

    // Without a promise it passes.
    let mut channel = channel.forget_level();
    let wrapped = channel.wrap(&end).unwrap();
    let response = answer(&mut card, &wrapped);
    channel.unwrap(&response).unwrap();
    assert_eq!(channel.level(), Some(SecurityLevel::CMac));

    // A plain BEGIN raises above the promise, and a plain END goes back to it.
    let (mut channel, mut card) = open(0x70, levels::CMac);
    let begin = CommandApdu::new(0x80, 0x7A, 0x10, 0x01);
    for (command, level) in [(begin, SecurityLevel::CMacRMac), (end, SecurityLevel::CMac)] {
        let wrapped = channel.wrap(&command).unwrap();
        channel.unwrap(&answer(&mut card, &wrapped)).unwrap();
        assert_eq!(channel.level(), Some(level));
    }
}

#[test]
fn a_level_of_the_running_program_becomes_a_type_when_it_is_that_level() {
    let (channel, mut card) = open(0x70, SecurityLevel::Full);
    assert_eq!(channel.parameters().map(u8::from), Some(0x70));
    let refused = channel.try_at(levels::CMac).unwrap_err();
    assert_eq!(refused.asked, SecurityLevel::CMac);
    assert_eq!(refused.found, Some(SecurityLevel::Full));
    let mut channel: Channel<levels::Full> = refused.channel.try_at(levels::Full).unwrap();
    exchange(&mut channel, &mut card);
    assert!(channel.forget_level().try_at(SecurityLevel::Full).is_ok());
}

#[test]
fn a_session_tied_to_a_channel_opens_on_no_other() {
    for (tied, used, opens) in [(0, 0, true), (5, 5, true), (0, 1, false), (19, 0, false)] {
        let setup = Setup::new(16, 0x70, SecurityLevel::Full);
        let host = Host::start(&setup.keys, KVN, setup.mode(), setup.host_challenge()).unwrap();
        let host = host.on_channel(used).unwrap();
        let (card, response) = setup.card();
        let mut card = card.on_channel(tied);
        let host = host.receive(&response, setup.level, Some(&AID)).unwrap();
        let answer = card.external_authenticate(&host.command());
        assert_eq!(card.is_authenticated(), opens);
        if !opens {
            assert_eq!(answer, StatusWord::SECURITY_STATUS.into());
            let again = card.external_authenticate(&host.command());
            assert_eq!(again.sw, StatusWord::CONDITIONS);
        }
    }
}

#[test]
fn a_change_of_level_is_forgotten_with_the_next_command() {
    let (mut channel, mut card) = open(0x70, SecurityLevel::CMac);
    let begin = CommandApdu::new(0x80, 0x7A, 0x10, 0x01);
    let plain = card.unwrap(&channel.wrap(&begin).unwrap()).unwrap();
    assert_eq!(card.begin_r_mac(&plain).sw, StatusWord::OK);
    // Its answer is never wrapped.
    exchange(&mut channel, &mut card);
    assert_eq!(card.level(), SecurityLevel::CMac);
}
