//! Faults while a session opens.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use proptest::prelude::*;
use scp03::{HostError, Mode, ScpParameters, SecurityLevel};

use crate::ends::{AID, KVN, Setup, any_setup};
use crate::faults::any_fault;

/// What a host that asked for `key_version` must say to an answer with one flipped bit. Offsets are
/// those of the answer to INITIALIZE UPDATE (section 7.1.1 of Amendment D).
fn expected(
    setup: &Setup,
    position: usize,
    changed: &ResponseApdu,
    key_version: u8,
    knows_the_aid: bool,
) -> Expected {
    let mode = setup.mode().length();
    let fields = [10, 11, 12, 13, 13 + mode, 13 + 2 * mode];
    match fields.iter().filter(|start| position >= **start).count() {
        // Key diversification data.
        0 => Expected::Accepted,
        1 if key_version == 0 => Expected::Accepted,
        1 => Expected::OtherKeyVersion,
        // The protocol.
        2 => Expected::Refused,
        // What the card offers: believed as long as it is possible and enough.
        3 => match ScpParameters::new(changed.data[12]) {
            Ok(offer)
                if offer.mode() == setup.mode()
                    && offer.pseudo_random() == setup.parameters.pseudo_random()
                    && setup.level.is_offered_by(offer) =>
            {
                Expected::Accepted
            }
            _ => Expected::Refused,
        },
        4 | 5 => Expected::NotGenuine,
        // The counter, or the status word when there is none.
        _ if position >= changed.data.len() => Expected::Refused,
        _ if knows_the_aid => Expected::NotGenuine,
        _ => Expected::Accepted,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Accepted,
    NotGenuine,
    OtherKeyVersion,
    Refused,
}

fn check_answer_bit(setup: &Setup, position: usize, key_version: u8, aid: Option<&[u8]>) {
    let (_, answer) = setup.card();
    let mut bytes = answer.encode();
    bytes[position / 8] ^= 0x80 >> (position % 8);
    let changed = ResponseApdu::decode(&bytes).unwrap();
    let expected = expected(setup, position / 8, &changed, key_version, aid.is_some());
    let outcome = match setup.host(key_version).receive(&changed, setup.level, aid) {
        Ok(host) => {
            // Taken as it came.
            let mut reported = host.key_diversification_data().to_vec();
            reported.extend([host.key_version(), 0x03, host.parameters().byte()]);
            assert_eq!(reported, changed.data[..13]);
            Expected::Accepted
        }
        Err(HostError::NotGenuine) => Expected::NotGenuine,
        Err(HostError::OtherKeyVersion { asked: KVN, .. }) => Expected::OtherKeyVersion,
        Err(_) => Expected::Refused,
    };
    assert_eq!(outcome, expected, "bit {position}");
}

/// A fixed setup for each mode and each kind of challenge.
fn setups() -> impl Iterator<Item = Setup> {
    [Mode::S8, Mode::S16].into_iter().flat_map(|mode| {
        [0x10, 0x00].map(|pseudo_random| {
            let setup = Setup::at(SecurityLevel::CMacRMac, mode);
            let i = setup.parameters.byte() & !0x10 | pseudo_random;
            Setup {
                parameters: ScpParameters::new(i).unwrap(),
                channel: 6,
                ..setup
            }
        })
    })
}

#[test]
fn every_single_bit_of_the_answer_to_initialize_update_is_judged() {
    for setup in setups() {
        for position in 0..setup.card().1.encode().len() * 8 {
            for key_version in [KVN, 0] {
                check_answer_bit(&setup, position, key_version, Some(&AID));
                check_answer_bit(&setup, position, key_version, None);
            }
        }
    }
}

#[test]
fn every_single_bit_of_the_host_challenge_counts() {
    for setup in setups() {
        for position in 0..setup.mode().length() * 8 {
            let mut heard = setup.host_challenge().to_vec();
            heard[position / 8] ^= 0x80 >> (position % 8);
            let (_, answer) = setup.card_hears(&heard);
            let host = setup.host(KVN).receive(&answer, setup.level, Some(&AID));
            assert_eq!(host.unwrap_err(), HostError::NotGenuine);
        }
    }
}

#[test]
fn every_single_bit_of_external_authenticate_counts() {
    for setup in setups() {
        let (_, answer) = setup.card();
        let command = || {
            let host = setup.host(KVN).receive(&answer, setup.level, Some(&AID));
            host.unwrap().command().encode().unwrap()
        };
        for position in 0..command().len() * 8 {
            let (mut card, _) = setup.card();
            let sent = command();
            let mut changed = sent.clone();
            changed[position / 8] ^= 0x80 >> (position % 8);
            let Ok(decoded) = CommandApdu::decode(&changed) else {
                continue;
            };
            let answer = card.authenticates(&changed);
            let other_channel = decoded.is_secured() && decoded.logical_channel() != 6;
            if other_channel && changed[1..] == sent[1..] && changed[0] & 0xF0 == sent[0] & 0xF0 {
                // The MAC leaves out the channel, and the card learns it here: the session is then
                // on the wrong channel and hears nothing of ours.
                assert_eq!(answer, ResponseApdu::ok());
                let (mut host, _) = setup.open();
                let next = host.sends(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02));
                assert_eq!(card.hears(&next), Err(StatusWord::SECURITY_STATUS));
                card.assert_dead(&next);
                continue;
            }
            let is_length = position / 8 == 4;
            let refused = if is_length {
                StatusWord::WRONG_LENGTH
            } else {
                StatusWord::SECURITY_STATUS
            };
            assert_eq!(answer, refused.into(), "bit {position}");
            // There is one attempt for one INITIALIZE UPDATE.
            assert_eq!(card.authenticates(&sent), StatusWord::CONDITIONS.into());
            let next = setup.open().0.sends(&CommandApdu::new(0x80, 0xF2, 0, 0));
            assert_eq!(card.hears(&next), Err(StatusWord::SECURITY_STATUS));
        }
    }
}

proptest! {
    #[test]
    fn a_damaged_opening_never_panics_and_opens_for_nobody_else(
        setup in any_setup(),
        fault in any_fault(),
        knows_the_aid: bool,
    ) {
        let (mut card, answer) = setup.card();
        let aid = knows_the_aid.then_some(&AID[..]);
        let sent = answer.encode();
        let changed = fault.apply(&sent);
        if let Ok(response) = ResponseApdu::decode(&changed)
            && let Ok(host) = setup.host(KVN).receive(&response, setup.level, aid)
        {
            // Challenge and cryptogram are those of the card.
            let mode = setup.mode().length();
            prop_assert_eq!(&response.data[13..13 + 2 * mode], &answer.data[13..13 + 2 * mode]);
            prop_assert_eq!(host.key_version(), KVN);
            prop_assert!(setup.level.is_offered_by(host.parameters()));
        }

        let host = setup.host(KVN).receive(&answer, setup.level, aid).unwrap();
        let sent = host.command().encode().unwrap();
        let changed = fault.apply(&sent);
        if let Ok(command) = CommandApdu::decode(&changed) {
            let answer = card.authenticates(&changed);
            let genuine = CommandApdu::decode(&sent).unwrap();
            let covered = |command: &CommandApdu| {
                (command.header()[1..].to_vec(), command.data.clone(), command.extended)
            };
            if covered(&command) != covered(&genuine) {
                prop_assert_ne!(answer, ResponseApdu::ok());
            }
        }
    }

    #[test]
    fn only_9000_opens_the_channel(setup in any_setup(), sw: u16) {
        let (_, answer) = setup.card();
        let host = setup.host(KVN).receive(&answer, setup.level, None).unwrap();
        let sw = StatusWord(sw);
        let opened = host.receive(&sw.into());
        prop_assert_eq!(opened.is_ok(), sw == StatusWord::OK);
        if let Err(error) = opened {
            prop_assert_eq!(error, HostError::Refused { sw });
        }
    }

    #[test]
    fn other_keys_open_nothing(setup in any_setup(), other in any_setup()) {
        let ours = [setup.keys.enc.danger_bytes(), setup.keys.mac.danger_bytes()];
        let theirs = [other.keys.enc.danger_bytes(), other.keys.mac.danger_bytes()];
        prop_assume!(ours != theirs);
        let wrong = Setup { keys: other.keys, ..setup.clone() };
        let (_, answer) = wrong.card();
        let host = setup.host(KVN).receive(&answer, setup.level, Some(&AID));
        prop_assert_eq!(host.unwrap_err(), HostError::NotGenuine);
    }
}
