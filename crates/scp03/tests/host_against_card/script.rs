//! Scripts built before the card was heard, and everything that can come back instead of their
//! answers.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use proptest::collection::vec;
use proptest::prelude::*;
use scp03::{
    CardSession, HostError, Protected, ScpParameters, ScriptBuilder, ScriptError, ScriptVerifier,
    SecurityLevel, StaticKeys, WrapError,
};

use crate::setup::{AID, KVN, Setup, any_setup};

fn setup() -> Setup {
    Setup::new(16, 0x70, SecurityLevel::Full)
}

fn builder(setup: &Setup) -> ScriptBuilder {
    ScriptBuilder::start(
        &setup.keys,
        KVN,
        setup.parameters,
        &AID,
        setup.counter + 1,
        setup.level,
        setup.host_challenge(),
    )
    .and_then(|script| script.on_channel(setup.channel))
    .unwrap()
}

/// A script of `count` commands whose data is their number.
fn script(setup: &Setup, count: u8) -> (Vec<CommandApdu>, ScriptVerifier) {
    let mut script = builder(setup);
    for n in 0..count {
        script
            .push(
                &CommandApdu::new(0x80, 0xE2, 0x00, n)
                    .with_data([n])
                    .with_le(256),
            )
            .unwrap();
    }
    finish(script)
}

/// The commands as they arrive at the card.
fn finish(script: ScriptBuilder) -> (Vec<CommandApdu>, ScriptVerifier) {
    let (script, verifier) = script.finish();
    let decode = |command: Protected<'_>| CommandApdu::decode(command.as_bytes()).unwrap();
    (script.iter().map(decode).collect(), verifier)
}

/// Plays the commands to the card as a phone does: stops at the first error. Every command answers
/// its own data, but for number `fails`, which answers 6A80.
fn play(
    setup: &Setup,
    commands: &[CommandApdu],
    fails: Option<u8>,
) -> (CardSession, Vec<ResponseApdu>) {
    let (mut card, answer) = setup.card();
    let authenticate = card.external_authenticate(&commands[1]);
    let mut responses = vec![answer, authenticate];
    if responses[1].sw == StatusWord::OK {
        play_protected(&mut card, &commands[2..], fails, &mut responses);
    }
    (card, responses)
}

fn play_protected(
    card: &mut CardSession,
    commands: &[CommandApdu],
    fails: Option<u8>,
    responses: &mut Vec<ResponseApdu>,
) {
    for command in commands {
        let plain = card.unwrap(command).unwrap();
        let response = if fails == Some(plain.p2) {
            ResponseApdu::status(StatusWord::WRONG_DATA)
        } else {
            ResponseApdu::with_data(plain.data)
        };
        let error = response.sw != StatusWord::OK;
        responses.push(card.wrap(response));
        if error {
            return;
        }
    }
}

#[test]
fn a_whole_script_is_verified_and_its_channel_goes_on() {
    let setup = setup();
    let (commands, mut verifier) = script(&setup, 3);
    assert_eq!(commands.len(), 5);
    let (mut card, responses) = play(&setup, &commands, None);
    let verified = verifier.verify(&responses).unwrap();
    let expected: Vec<_> = (0..3).map(|n| ResponseApdu::with_data([n])).collect();
    assert_eq!(verified.responses, expected);
    assert_eq!(verifier.verify(&responses).unwrap_err(), ScriptError::Spent);

    let mut script = ScriptBuilder::go_on(verified.channel.unwrap()).unwrap();
    script
        .push(&CommandApdu::new(0x80, 0xE2, 0x80, 9).with_data([9]))
        .unwrap();
    let (commands, mut verifier) = finish(script);
    assert_eq!(commands.len(), 1);
    let mut responses = Vec::new();
    play_protected(&mut card, &commands, None, &mut responses);
    let verified = verifier.verify(&responses).unwrap();
    assert_eq!(verified.responses, [ResponseApdu::with_data([9])]);

    let mut channel = verified.channel.unwrap();
    let wrapped = channel
        .wrap(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02))
        .unwrap();
    assert!(card.unwrap(&wrapped).is_ok());
}

#[test]
fn a_script_that_stopped_ends_with_the_refusal_and_its_session_ends() {
    let setup = setup();
    let (commands, mut verifier) = script(&setup, 4);
    let (_, responses) = play(&setup, &commands, Some(1));
    assert_eq!(responses.len(), 4);
    let verified = verifier.verify(&responses).unwrap();
    assert_eq!(verified.responses.len(), 2);
    assert_eq!(
        verified.responses[1],
        ResponseApdu::status(StatusWord::WRONG_DATA)
    );
    assert!(verified.channel.is_none());
}

#[test]
fn the_session_goes_on_when_only_the_last_command_was_refused() {
    let setup = setup();
    let (commands, mut verifier) = script(&setup, 2);
    let (mut card, responses) = play(&setup, &commands, Some(1));
    assert_eq!(responses.len(), commands.len());
    let verified = verifier.verify(&responses).unwrap();
    let mut channel = verified.channel.unwrap();
    let wrapped = channel
        .wrap(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02))
        .unwrap();
    let response = {
        card.unwrap(&wrapped).unwrap();
        card.wrap(ResponseApdu::with_data([7]))
    };
    assert_eq!(channel.unwrap(&response), Ok(ResponseApdu::with_data([7])));
}

#[test]
fn a_counter_that_moved_is_told_and_nothing_else_is_believed() {
    let (commands, mut verifier) = script(&setup(), 2);
    for counter in [0, 40, 42, 5000] {
        let moved = Setup { counter, ..setup() };
        let (_, responses) = play(&moved, &commands, None);
        assert_eq!(responses[1].sw, StatusWord::SECURITY_STATUS);
        let (_, mut verifier) = script(&setup(), 2);
        assert_eq!(
            verifier.verify(&responses).unwrap_err(),
            ScriptError::CounterMoved {
                counter: counter + 1
            }
        );
    }
    // It is told even when the phone says that everything went well.
    let (_, mut responses) = play(
        &Setup {
            counter: 7,
            ..setup()
        },
        &commands,
        None,
    );
    responses[1] = ResponseApdu::ok();
    responses.extend([ResponseApdu::ok(), ResponseApdu::ok()]);
    assert_eq!(
        verifier.verify(&responses).unwrap_err(),
        ScriptError::CounterMoved { counter: 8 }
    );
}

#[test]
fn a_moved_counter_must_be_proven() {
    let (commands, _) = script(&setup(), 1);
    let (_, genuine) = play(
        &Setup {
            counter: 7,
            ..setup()
        },
        &commands,
        None,
    );
    // Counter, challenge and cryptogram, one byte each.
    for position in [13, 21, 31] {
        let mut responses = genuine.clone();
        responses[0].data[position] ^= 1;
        let (_, mut verifier) = script(&setup(), 1);
        assert_eq!(
            verifier.verify(&responses).unwrap_err(),
            ScriptError::NotGenuine,
            "{position}"
        );
    }
}

#[test]
fn a_card_with_other_keys_is_not_genuine() {
    let (commands, mut verifier) = script(&setup(), 1);
    let other = StaticKeys::from_bytes(&[7; 16], &[8; 16], &[9; 16]).unwrap();
    let (_, responses) = play(
        &Setup {
            keys: other,
            ..setup()
        },
        &commands,
        None,
    );
    assert_eq!(
        verifier.verify(&responses).unwrap_err(),
        ScriptError::NotGenuine
    );
}

#[test]
fn refusals_while_opening_name_the_command() {
    let (commands, mut verifier) = script(&setup(), 1);
    let sw = StatusWord::REFERENCED_DATA_NOT_FOUND;
    assert_eq!(
        verifier.verify(&[sw.into()]).unwrap_err(),
        ScriptError::Refused { index: 0, sw }
    );
    let (_, mut verifier) = script(&setup(), 1);
    let (_, responses) = play(&setup(), &commands, None);
    let sw = StatusWord::AUTH_FAILED;
    assert_eq!(
        verifier
            .verify(&[responses[0].clone(), sw.into()])
            .unwrap_err(),
        ScriptError::Refused { index: 1, sw }
    );
}

#[test]
fn missing_answers_are_told_and_none_at_all_can_be_made_up_for() {
    let setup = setup();
    let (commands, mut verifier) = script(&setup, 3);
    let (_, responses) = play(&setup, &commands, None);
    assert_eq!(
        verifier.verify(&[]).unwrap_err(),
        ScriptError::Truncated { received: 0 }
    );
    assert!(verifier.verify(&responses).is_ok());
    for received in 1..5 {
        let (_, mut verifier) = script(&setup, 3);
        assert_eq!(
            verifier.verify(&responses[..received]).unwrap_err(),
            ScriptError::Truncated { received }
        );
    }
}

#[test]
fn too_many_answers_are_refused() {
    let setup = setup();
    let (commands, mut verifier) = script(&setup, 1);
    let (_, mut responses) = play(&setup, &commands, None);
    responses.push(ResponseApdu::ok());
    assert_eq!(
        verifier.verify(&responses).unwrap_err(),
        ScriptError::TooManyResponses {
            received: 4,
            sent: 3
        }
    );
}

#[test]
fn swapped_answers_are_forgeries() {
    let setup = setup();
    let (commands, mut verifier) = script(&setup, 3);
    let (_, mut responses) = play(&setup, &commands, None);
    responses.swap(3, 4);
    assert_eq!(
        verifier.verify(&responses).unwrap_err(),
        ScriptError::ResponseForged { index: 3 }
    );
}

#[test]
fn a_card_that_reports_other_parameters_is_not_believed() {
    let (commands, mut verifier) = script(&setup(), 1);
    let other = Setup {
        parameters: ScpParameters::new(0x30).unwrap(),
        ..setup()
    };
    let (_, responses) = play(&other, &commands, None);
    assert_eq!(
        verifier.verify(&responses).unwrap_err(),
        ScriptError::Opening(HostError::OtherParameters {
            expected: 0x70,
            reported: 0x30
        })
    );
}

#[test]
fn refuses_to_start_what_cannot_be_predicted() {
    let setup = setup();
    let start = |i, counter, level, challenge: &[u8]| {
        let parameters = ScpParameters::new(i).unwrap();
        ScriptBuilder::start(
            &setup.keys,
            KVN,
            parameters,
            &AID,
            counter,
            level,
            challenge,
        )
        .map(|_| ())
        .unwrap_err()
    };
    let (level, challenge) = (SecurityLevel::Full, [1; 8]);
    assert_eq!(
        start(0x60, 1, level, &challenge),
        HostError::UnpredictableChallenge
    );
    assert_eq!(
        start(0x10, 1, level, &challenge),
        HostError::LevelNotOffered { level }
    );
    for counter in [0, 0x100_0000] {
        assert_eq!(
            start(0x70, counter, level, &challenge),
            HostError::InvalidCounter { counter }
        );
    }
    assert_eq!(
        start(0x70, 1, level, &[1; 16]),
        HostError::InvalidHostChallenge { length: 16 }
    );
    assert_eq!(
        builder(&setup).on_channel(20).unwrap_err(),
        HostError::NoSuchChannel { channel: 20 }
    );
}

#[test]
fn the_logical_channel_is_settled_by_the_first_command_and_by_an_open_session() {
    let setup = setup();
    let refused = HostError::NoSuchChannel { channel: 3 };
    let mut begun = builder(&setup);
    begun
        .push(&CommandApdu::new(0x80, 0xE2, 0x00, 0x00))
        .unwrap();
    assert_eq!(begun.on_channel(3).unwrap_err(), refused);
    let (channel, _) = setup.open();
    let going_on = ScriptBuilder::go_on(channel).unwrap();
    assert_eq!(going_on.on_channel(3).unwrap_err(), refused);
}

#[test]
fn a_script_knows_whether_it_is_empty() {
    let setup = setup();
    let (channel, _) = setup.open();
    let (nothing, _) = ScriptBuilder::go_on(channel).unwrap().finish();
    assert_eq!((nothing.len(), nothing.is_empty()), (0, true));
    let (opening, _) = builder(&setup).finish();
    assert_eq!((opening.len(), opening.is_empty()), (2, false));
}

#[test]
fn a_command_that_cannot_be_protected_leaves_the_script_as_it_was() {
    let setup = setup();
    let mut script = builder(&setup);
    let most = script.max_command_data();
    let store = |length| CommandApdu::new(0x80, 0xE2, 0x00, 0x00).with_data(vec![0; length]);
    let too_long = script.push(&store(most + 1));
    assert_eq!(
        too_long,
        Err(WrapError::TooLong {
            length: 264,
            limit: 255
        })
    );
    script.push(&store(most)).unwrap();
    let (commands, mut verifier) = finish(script);
    let (_, responses) = play(&setup, &commands, None);
    assert!(verifier.verify(&responses).is_ok());
}

#[test]
fn an_r_mac_session_inside_a_script_raises_what_is_demanded_of_answers() {
    let setup = Setup {
        level: SecurityLevel::CMac,
        ..setup()
    };
    let mut script = builder(&setup);
    let get_data = CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256);
    script
        .push(&CommandApdu::new(0x80, 0x7A, 0x10, 0x01))
        .unwrap();
    script.push(&get_data).unwrap();
    let (commands, mut verifier) = finish(script);
    let (mut card, answer) = setup.card();
    let authenticate = card.external_authenticate(&commands[1]);
    let plain = card.unwrap(&commands[2]).unwrap();
    let begin = card.begin_r_mac(&plain);
    let mut responses = vec![
        answer,
        authenticate,
        card.wrap(begin),
        ResponseApdu::with_data([1]),
    ];
    assert_eq!(
        verifier.verify(&responses).unwrap_err(),
        ScriptError::ResponseForged { index: 3 }
    );

    card.unwrap(&commands[3]).unwrap();
    responses[3] = card.wrap(ResponseApdu::with_data([1]));
    let mut script = builder(&setup);
    script
        .push(&CommandApdu::new(0x80, 0x7A, 0x10, 0x01))
        .unwrap();
    script.push(&get_data).unwrap();
    let verified = script.finish().1.verify(&responses).unwrap();
    assert_eq!(verified.responses[1], ResponseApdu::with_data([1]));
    assert_eq!(
        verified.channel.unwrap().level(),
        Some(SecurityLevel::CMacRMac)
    );
}

/// A card whose challenge is computed from its counter.
fn any_predictable_setup() -> impl Strategy<Value = Setup> {
    any_setup().prop_map(|setup| {
        let parameters = ScpParameters::new(setup.parameters.byte() | 0x10).unwrap();
        Setup {
            parameters,
            ..setup
        }
    })
}

proptest! {
    #[test]
    fn every_script_is_verified_and_no_damaged_one_is(
        setup in any_predictable_setup(),
        count in 0u8..5,
        which in any::<prop::sample::Index>(),
        position in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (commands, mut verifier) = script(&setup, count);
        let (_, responses) = play(&setup, &commands, None);
        let verified = verifier.verify(&responses).unwrap();
        prop_assert_eq!(verified.responses.len(), usize::from(count));
        prop_assert_eq!(verified.channel.unwrap().level(), Some(setup.level));

        if !setup.level.r_mac() {
            return Ok(());
        }
        let mut damaged = responses.clone();
        let which = which.index(damaged.len());
        let mut bytes = damaged[which].encode();
        // The first eleven bytes of the answer to INITIALIZE UPDATE are diversification data and
        // key version.
        let first = if which == 0 { 11 } else { 0 };
        let position = first + position.index(bytes.len() - first);
        bytes[position] ^= 1 << bit;
        damaged[which] = ResponseApdu::decode(&bytes).unwrap();
        let (_, mut verifier) = script(&setup, count);
        prop_assert!(verifier.verify(&damaged).is_err());
    }

    #[test]
    fn no_answers_panic(setup in any_predictable_setup(), answers in vec(vec(any::<u8>(), 2..60), 0..6)) {
        let (_, mut verifier) = script(&setup, 3);
        let answers: Vec<_> = answers.iter().map(|bytes| ResponseApdu::decode(bytes).unwrap()).collect();
        prop_assert!(verifier.verify(&answers).is_err());
    }
}
