//! Whole scripts: built ahead, played to the card, judged afterwards.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use proptest::prelude::*;
use proptest::sample::Index;
use scp03::{ScpParameters, ScriptBuilder, ScriptError, ScriptVerifier, SecurityLevel};

use crate::ends::{AID, CardEnd, KVN, Setup, any_setup_at};
use crate::faults::{Fault, any_fault};
use crate::order::any_disorder;
use crate::traffic::{Levels, Step, any_step};

/// A script as bytes, and what judges its answers.
fn built(setup: &Setup, steps: &[Step]) -> (Vec<Vec<u8>>, ScriptVerifier) {
    let script = ScriptBuilder::start(
        &setup.keys,
        KVN,
        setup.parameters,
        &AID,
        setup.counter + 1,
        setup.level,
        setup.host_challenge(),
    );
    let mut script = script
        .and_then(|script| script.on_channel(setup.channel))
        .unwrap();
    if setup.grows {
        script.allow_extended_length();
    }
    push_all(script, steps)
}

fn push_all(mut script: ScriptBuilder, steps: &[Step]) -> (Vec<Vec<u8>>, ScriptVerifier) {
    for step in steps {
        script.push(&step.command()).unwrap();
    }
    let (commands, verifier) = script.finish();
    let joined: Vec<u8> = commands
        .iter()
        .flat_map(|command| command.as_bytes())
        .copied()
        .collect();
    assert_eq!(commands.as_bytes(), joined);
    assert!(commands.apdu(commands.len()).is_none());
    let encoded = commands
        .iter()
        .map(|command| command.as_bytes().to_vec())
        .collect();
    (encoded, verifier)
}

/// Plays protected commands as a phone does: it stops at the first error.
fn play(card: &mut CardEnd, commands: &[Vec<u8>], steps: &[Step]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for (command, step) in commands.iter().zip(steps) {
        let answer = match card.hears(command) {
            Ok(plain) => card.answers(&plain, &step.response()),
            Err(sw) => ResponseApdu::status(sw).encode(),
        };
        let sw = ResponseApdu::decode(&answer).unwrap().sw;
        answers.push(answer);
        if !sw.is_ok_or_warning() {
            break;
        }
    }
    answers
}

/// Plays a script that opens its session.
fn play_whole(setup: &Setup, commands: &[Vec<u8>], steps: &[Step]) -> (CardEnd, Vec<Vec<u8>>) {
    let (mut card, answer) = setup.card();
    let authenticated = card.authenticates(&commands[1]);
    let mut answers = vec![answer.encode(), authenticated.encode()];
    if card.0.is_authenticated() {
        answers.extend(play(&mut card, &commands[2..], steps));
    }
    (card, answers)
}

fn decoded(answers: &[Vec<u8>]) -> Vec<ResponseApdu> {
    answers
        .iter()
        .map(|bytes| ResponseApdu::decode(bytes).unwrap())
        .collect()
}

/// What the host must read, up to and with the first error.
fn expected(setup: &Setup, steps: &[Step]) -> (Vec<ResponseApdu>, SecurityLevel) {
    let mut levels = Levels::of(setup);
    let mut answers: Vec<ResponseApdu> = Vec::new();
    for step in steps {
        answers.push(levels.follow(step, setup));
        if answers
            .last()
            .is_some_and(|last| !last.sw.is_ok_or_warning())
        {
            break;
        }
    }
    (answers, levels.now)
}

/// Predictable cards with at least `fewest` steps for a script, and some for what follows it.
fn any_script_at(
    levels: &[SecurityLevel],
    fewest: usize,
) -> impl Strategy<Value = (Setup, Vec<Step>, Vec<Step>)> + use<> {
    any_setup_at(levels).prop_flat_map(move |setup| {
        let parameters = ScpParameters::new(setup.parameters.byte() | 0x10).unwrap();
        let setup = Setup {
            parameters,
            ..setup
        };
        let steps = |fewest| prop::collection::vec(any_step(&setup), fewest..6);
        (Just(setup.clone()), steps(fewest), steps(0))
    })
}

fn any_script() -> impl Strategy<Value = (Setup, Vec<Step>, Vec<Step>)> {
    any_script_at(&SecurityLevel::ALL, 0)
}

proptest! {
    #[test]
    fn a_script_is_verified_and_its_session_goes_on((setup, steps, further) in any_script()) {
        let (commands, mut verifier) = built(&setup, &steps);
        prop_assert_eq!(commands.len(), 2 + steps.len());
        let (mut card, answers) = play_whole(&setup, &commands, &steps);
        let verified = verifier.verify(&decoded(&answers)).unwrap();
        let (clear, level) = expected(&setup, &steps);
        prop_assert_eq!(verified.responses, clear);
        prop_assert_eq!(verifier.verify(&decoded(&answers)).unwrap_err(), ScriptError::Spent);
        prop_assert_eq!(verified.channel.is_some(), answers.len() == commands.len());
        let Some(channel) = verified.channel else {
            return Ok(());
        };
        prop_assert_eq!((channel.level(), card.0.level()), (Some(level), level));

        // What follows is a script of its own. A raised level is lowered first, so that the model
        // of the levels can start anew.
        let mut further = further;
        if level != setup.level {
            further = vec![Step::End];
        }
        let script = ScriptBuilder::go_on(channel).unwrap();
        let (commands, mut verifier) = push_all(script, &further);
        let answers = play(&mut card, &commands, &further);
        let (clear, level) = match further[..] {
            [Step::End] if level != setup.level => (vec![ResponseApdu::ok()], setup.level),
            _ => expected(&setup, &further),
        };
        let verified = verifier.verify(&decoded(&answers));
        if further.is_empty() {
            prop_assert!(verified.unwrap().responses.is_empty());
            return Ok(());
        }
        let verified = verified.unwrap();
        prop_assert_eq!(verified.responses, clear);
        if let Some(channel) = verified.channel {
            prop_assert_eq!((channel.level(), card.0.level()), (Some(level), level));
        }
    }

    #[test]
    fn a_changed_command_stops_the_script_there(
        (setup, steps, _) in any_script_at(&SecurityLevel::ALL[1..], 1),
        which in any::<Index>(),
        fault in any_fault(),
    ) {
        let (mut commands, mut verifier) = built(&setup, &steps);
        let (_, untouched) = play_whole(&setup, &commands, &steps);
        let which = which.index(steps.len());
        let changed = fault.apply(&commands[2 + which]);
        let genuine = CommandApdu::decode(&commands[2 + which]).unwrap();
        let covered = CommandApdu::decode(&changed).map_or(true, |heard| {
            (heard.header(), &heard.data, heard.extended)
                != (genuine.header(), &genuine.data, genuine.extended)
        });
        commands[2 + which] = changed;
        let (_, answers) = play_whole(&setup, &commands, &steps);
        let reached = untouched.len() > 2 + which;
        let (mut clear, _) = expected(&setup, &steps);
        if covered && reached {
            clear.truncate(which);
            clear.push(StatusWord::SECURITY_STATUS.into());
        }
        prop_assert_eq!(verifier.verify(&decoded(&answers)).unwrap().responses, clear);
    }

    #[test]
    fn a_changed_answer_is_never_believed(
        (setup, steps, _) in any_script(),
        which in any::<Index>(),
        position in any::<Index>(),
        bit in 0u8..8,
    ) {
        let (commands, mut verifier) = built(&setup, &steps);
        let (_, mut answers) = play_whole(&setup, &commands, &steps);
        let which = which.index(answers.len());
        let sent = decoded(&answers);
        answers[which] = Fault::Flip(position, bit).apply(&answers[which]);
        let changed = decoded(&answers);
        let outcome = verifier.verify(&changed);
        match which {
            0 => {
                // The key version was asked for; key diversification data are not covered.
                let only_kdd = changed[0].data.get(10..) == sent[0].data.get(10..)
                    && changed[0].sw == StatusWord::OK;
                prop_assert_eq!(outcome.is_ok(), only_kdd);
            }
            1 => {
                let sw = changed[1].sw;
                let refused = outcome.unwrap_err();
                prop_assert_eq!(refused, ScriptError::Refused { index: 1, sw });
            }
            _ => {
                let expected = verdict(&setup, &steps, &sent, &changed);
                prop_assert_eq!(outcome.map(|verified| verified.responses), expected);
            }
        }
    }

    #[test]
    fn answers_out_of_order_are_never_believed(
        (setup, steps, _) in any_script_at(&SecurityLevel::ALL[3..], 1),
        disorder in any_disorder(),
    ) {
        let (commands, mut verifier) = built(&setup, &steps);
        let (_, answers) = play_whole(&setup, &commands, &steps);
        let mut other = setup.clone();
        other.host_random[0] ^= 1;
        let (other_commands, _) = built(&other, &steps);
        let (_, other_answers) = play_whole(&other, &other_commands, &steps);
        let pool = [&answers[2..], &other_answers[2..]].concat();
        let mut given = answers[..2].to_vec();
        let places = disorder.apply(answers.len() - 2);
        given.extend(places.iter().map(|place| pool[*place].clone()));
        let (sent, given) = (decoded(&answers), decoded(&given));
        let expected = verdict(&setup, &steps, &sent, &given);
        prop_assert_eq!(verifier.verify(&given).map(|verified| verified.responses), expected);
    }

    #[test]
    fn no_answers_are_believed_or_panic(
        (setup, steps, _) in any_script(),
        answers in prop::collection::vec(prop::collection::vec(any::<u8>(), 2..60), 0..8),
    ) {
        let (_, mut verifier) = built(&setup, &steps);
        prop_assert!(verifier.verify(&decoded(&answers)).is_err());
    }
}

/// What the host must say to `given` instead of the answers that the card has `sent`.
fn verdict(
    setup: &Setup,
    steps: &[Step],
    sent: &[ResponseApdu],
    given: &[ResponseApdu],
) -> Result<Vec<ResponseApdu>, ScriptError> {
    let received = given.len();
    if received > steps.len() + 2 {
        let sent = steps.len() + 2;
        return Err(ScriptError::TooManyResponses { received, sent });
    }
    let mut card = Levels::of(setup);
    let mut host = setup.level;
    let mut clear = Vec::new();
    for (n, (step, given)) in steps.iter().zip(&given[2..]).enumerate() {
        let genuine = card.follow(step, setup);
        let is_bare_error = given.data.is_empty() && !given.sw.is_ok_or_warning();
        let opened = if !host.r_mac() || is_bare_error {
            given.clone()
        } else if sent.get(2 + n) == Some(given) {
            genuine
        } else {
            return Err(ScriptError::ResponseForged { index: 2 + n });
        };
        if opened.sw == StatusWord::OK {
            host = match step {
                Step::Exchange(..) => host,
                Step::Begin(p1) => SecurityLevel::try_from(host.byte() | p1).unwrap_or(host),
                Step::End => setup.level,
            };
        }
        clear.push(opened);
    }
    let ends_well = clear.last().is_none_or(|last| last.sw.is_ok_or_warning());
    if received < steps.len() + 2 && ends_well {
        return Err(ScriptError::Truncated { received });
    }
    Ok(clear)
}
