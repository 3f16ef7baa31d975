//! One fault on the way of one command or one response: a bit flipped, a byte lost, a byte more.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use proptest::prelude::*;
use proptest::sample::Index;
use scp03::{ChannelError, Mode, SecurityLevel};

use crate::ends::{CardEnd, HostEnd, Setup};
use crate::traffic::{Step, any_traffic, play_all};

/// What can happen to bytes on the way. Whatever it is, the bytes are other ones afterwards.
#[derive(Debug, Clone)]
pub enum Fault {
    Flip(Index, u8),
    Drop(Index),
    Insert(Index, u8),
    Cut(Index),
}

impl Fault {
    pub fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Drop(at) => _ = bytes.remove(at.index(bytes.len())),
            Self::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), *byte),
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
        }
        bytes
    }
}

pub fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Fault::Flip(at, bit)),
        1 => any::<Index>().prop_map(Fault::Drop),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Fault::Insert(at, byte)),
        1 => any::<Index>().prop_map(Fault::Cut),
    ]
}

/// Gives the card a command that was changed on the way at a level with C-MAC.
fn card_hears_changed(card: &mut CardEnd, sent: &[u8], changed: &[u8]) {
    let genuine = CommandApdu::decode(sent).unwrap();
    let Ok(decoded) = CommandApdu::decode(changed) else {
        // Bytes that are no command APDU carry no MAC.
        assert_eq!(card.hears(changed), Err(StatusWord::SECURITY_STATUS));
        card.assert_dead(sent);
        return;
    };
    let only_le = CommandApdu {
        le: genuine.le,
        ..decoded.clone()
    } == genuine;
    let heard = card.hears(changed);
    if only_le {
        assert_eq!(heard.map(|plain| plain.le), Ok(decoded.le));
        assert!(card.0.is_authenticated());
    } else {
        assert_eq!(heard, Err(StatusWord::SECURITY_STATUS));
        card.assert_dead(sent);
    }
}

/// Gives the host a response that was changed on the way; `level` is that of the response.
fn host_hears_changed(host: &mut HostEnd, level: SecurityLevel, sent: &[u8], changed: &[u8]) {
    let Ok(decoded) = ResponseApdu::decode(changed) else {
        // Less than a status word is no response, whatever the level.
        assert_eq!(host.hears(changed), Err(ChannelError::NotGenuine));
        host.assert_dead(sent);
        return;
    };
    let heard = host.hears(changed);
    let is_bare_error = decoded.data.is_empty() && !decoded.sw.is_ok_or_warning();
    if changed == sent || is_bare_error || !level.r_mac() {
        assert_eq!(heard.as_ref().map(|response| response.sw), Ok(decoded.sw));
        if changed != sent {
            assert_eq!(heard, Ok(decoded));
        }
        assert!(host.0.level().is_some());
    } else {
        assert_eq!(heard, Err(ChannelError::NotGenuine));
        host.assert_dead(sent);
    }
}

const WITH_C_MAC: &[SecurityLevel] = &[
    SecurityLevel::CMac,
    SecurityLevel::CMacCDec,
    SecurityLevel::CMacRMac,
    SecurityLevel::CMacCDecRMac,
    SecurityLevel::Full,
];

proptest! {
    #[test]
    fn a_changed_command_is_refused_and_kills_the_session(
        (setup, steps) in any_traffic(WITH_C_MAC, 1..4),
        fault in any_fault(),
    ) {
        let (mut host, mut card) = setup.open();
        let (last, before) = steps.split_last().unwrap();
        play_all(&setup, before, &mut host, &mut card);
        let sent = host.sends(&last.command());
        let changed = fault.apply(&sent);
        if changed != sent {
            card_hears_changed(&mut card, &sent, &changed);
        }
    }

    #[test]
    fn a_changed_response_is_refused_and_kills_the_session(
        (setup, steps) in any_traffic(&SecurityLevel::ALL, 1..4),
        fault in any_fault(),
    ) {
        let (mut host, mut card) = setup.open();
        let (last, before) = steps.split_last().unwrap();
        let levels = play_all(&setup, before, &mut host, &mut card);
        let plain = card.hears(&host.sends(&last.command())).unwrap();
        let sent = card.answers(&plain, &last.response());
        host_hears_changed(&mut host, levels.now, &sent, &fault.apply(&sent));
    }

    #[test]
    fn without_protection_only_a_protected_class_is_refused(
        (setup, steps) in any_traffic(&[SecurityLevel::Authenticated], 1..3),
        fault in any_fault(),
    ) {
        let (mut host, mut card) = setup.open();
        let (last, before) = steps.split_last().unwrap();
        play_all(&setup, before, &mut host, &mut card);
        let sent = host.sends(&last.command());
        let changed = fault.apply(&sent);
        let heard = card.hears(&changed);
        let Ok(decoded) = CommandApdu::decode(&changed) else {
            prop_assert_eq!(heard, Err(StatusWord::WRONG_LENGTH));
            prop_assert!(card.0.is_authenticated());
            return Ok(());
        };
        if decoded.is_secured() || decoded.is_chained() || decoded.cla & 0x70 == 0x20 {
            prop_assert_eq!(heard, Err(StatusWord::SECURITY_STATUS));
            card.assert_dead(&sent);
        } else {
            prop_assert_eq!(heard, Ok(decoded));
            prop_assert!(card.0.is_authenticated());
        }
    }

    #[test]
    fn any_other_bytes_are_refused_by_either_end(
        (setup, steps) in any_traffic(WITH_C_MAC, 1..3),
        command in prop::collection::vec(any::<u8>(), 0..300),
        response in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (mut host, mut card) = setup.open();
        let (last, before) = steps.split_last().unwrap();
        let levels = play_all(&setup, before, &mut host, &mut card);
        let sent = host.sends(&last.command());
        card_hears_changed(&mut card, &sent, &command);
        let (mut host, mut card) = setup.open();
        play_all(&setup, before, &mut host, &mut card);
        let plain = card.hears(&host.sends(&last.command())).unwrap();
        let answer = card.answers(&plain, &last.response());
        host_hears_changed(&mut host, levels.now, &answer, &response);
    }
}

/// Commands of every shape that is short enough to try every bit of.
fn shapes() -> [CommandApdu; 4] {
    let base = || CommandApdu::new(0x80, 0xE2, 0x90, 0x01);
    [
        base(),
        base().with_data([0x5A; 3]).with_le(256),
        base().with_data([0x5A; 17]),
        base()
            .with_data([0x5A; 5])
            .with_le(300)
            .with_extended_length(),
    ]
}

/// Sessions at every level with C-MAC, in both modes and on channels of both forms of the class
/// byte; the strongest level in either.
fn sessions() -> impl Iterator<Item = Setup> {
    use SecurityLevel::{CMac, CMacCDec, CMacCDecRMac, CMacRMac, Full};
    let s8 = [CMac, CMacCDec, Full].map(|level| (level, Mode::S8, 2));
    let s16 = [CMacRMac, CMacCDecRMac, Full].map(|level| (level, Mode::S16, 17));
    [s8, s16]
        .into_iter()
        .flatten()
        .map(|(level, mode, channel)| Setup {
            channel,
            ..Setup::at(level, mode)
        })
}

#[test]
fn every_single_bit_of_a_command_counts() {
    for setup in sessions() {
        for command in shapes() {
            let length = setup.open().0.sends(&command).len();
            for position in 0..length * 8 {
                let (mut host, mut card) = setup.open();
                let sent = host.sends(&command);
                let mut changed = sent.clone();
                changed[position / 8] ^= 0x80 >> (position % 8);
                card_hears_changed(&mut card, &sent, &changed);
            }
        }
    }
}

#[test]
fn every_single_bit_of_a_response_counts() {
    let answers = [
        ResponseApdu::ok(),
        ResponseApdu::with_data([0x5A; 17]),
        ResponseApdu {
            data: vec![0x5A; 2],
            sw: StatusWord(0x6310),
        },
        StatusWord(0x6A80).into(),
        StatusWord(0x6B00).into(),
    ];
    for setup in sessions() {
        for answer in &answers {
            let step = Step::Exchange(shapes()[1].clone(), answer.clone());
            let reply = || {
                let (mut host, mut card) = setup.open();
                let plain = card.hears(&host.sends(&step.command())).unwrap();
                let sent = card.answers(&plain, answer);
                (host, sent)
            };
            for position in 0..reply().1.len() * 8 {
                let (mut host, sent) = reply();
                let mut changed = sent.clone();
                changed[position / 8] ^= 0x80 >> (position % 8);
                host_hears_changed(&mut host, setup.level, &sent, &changed);
            }
        }
    }
}
