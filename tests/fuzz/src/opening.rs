//! What a host reads while a session opens.

use globalplatform::apdu::ResponseApdu;
use scp03::{Mode, ScpParameters, SecurityLevel};

use crate::ends::{AID, Setup};
use crate::input::Input;

/// [`ScpParameters`] and [`SecurityLevel`] from every byte.
pub fn parameters(data: &[u8]) {
    for &byte in data {
        if let Ok(parameters) = ScpParameters::new(byte) {
            assert_eq!(parameters.byte(), byte);
            assert!(parameters.r_mac() || !parameters.r_encryption());
        }
        if let Ok(level) = SecurityLevel::try_from(byte) {
            assert_eq!(level.byte(), byte);
            for mode in [Mode::S8, Mode::S16] {
                assert!(level.max_command_data(mode) <= 255);
                assert!(level.max_response_data(mode) <= 256);
            }
        }
    }
}

/// The answer to INITIALIZE UPDATE as [`scp03::AwaitingChallenge::receive`] takes it. The first
/// bytes choose the session. Only the genuine card's challenge and cryptogram are ever believed.
pub fn challenge_answer(data: &[u8]) {
    let mut input = Input::new(data);
    let setup = Setup::choose(&mut input);
    let asked = input.choice(&[crate::ends::KVN, 0]);
    let aid = input.choice(&[Some(&AID[..]), None]);
    let Some((_, genuine)) = setup.card() else {
        return;
    };
    // Differences to the genuine answer: a fuzzer cannot guess a cryptogram.
    let mut answer = genuine.encode();
    for byte in &mut answer {
        *byte ^= input.u8();
    }
    while !input.is_empty() {
        answer.push(input.u8());
    }
    let (Some(host), Ok(response)) = (setup.host(asked), ResponseApdu::decode(&answer)) else {
        return;
    };
    match host.receive(&response, setup.level, aid) {
        Ok(host) => {
            let proven = 13..13 + 2 * setup.mode().length();
            assert_eq!(response.data[proven.clone()], genuine.data[proven]);
            assert!(setup.level.is_offered_by(host.parameters()));
            assert!(asked == 0 || host.key_version() == asked);
            let counter_known = aid.is_some() && setup.parameters.pseudo_random();
            assert!(
                !counter_known
                    || response
                        .data
                        .ends_with(&genuine.data[genuine.data.len() - 3..])
            );
        }
        Err(_) => assert_ne!(response, genuine),
    }
}
