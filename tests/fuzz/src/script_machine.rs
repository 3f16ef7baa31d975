//! A script judged by its answers, which are the genuine ones in any order, damaged or replaced.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::{ScriptError, SecurityLevel};

use crate::ends::{Setup, choose_command, choose_response};
use crate::input::Input;

/// What the card says to a script, and what the host must read of it.
struct Played {
    /// Answers as sent; those to INITIALIZE UPDATE and EXTERNAL AUTHENTICATE come first.
    answers: Vec<ResponseApdu>,
    /// Clear answers to the pushed commands, with the level under which each was sent.
    clear: Vec<(ResponseApdu, SecurityLevel)>,
}

fn play(setup: &Setup, commands: &[Vec<u8>], input: &mut Input<'_>) -> Option<Played> {
    let (mut card, answer) = setup.card()?;
    let authenticate = CommandApdu::decode(commands.get(1)?).ok()?;
    let authenticated = card.session.external_authenticate(&authenticate);
    let mut played = Played {
        answers: vec![answer, authenticated],
        clear: Vec::new(),
    };
    for command in commands.get(2..)? {
        let plain = card.hears(command)?;
        let response = choose_response(input);
        let level = card.session.level();
        let answer = card.answers(&plain, &response);
        let answer = ResponseApdu::decode(&answer).ok()?;
        let own = plain.is_proprietary() && matches!(plain.ins, 0x78 | 0x7A);
        let clear = if own {
            ResponseApdu::status(answer.sw)
        } else {
            response
        };
        let stops = !answer.sw.is_ok_or_warning();
        played.clear.push((clear, level));
        played.answers.push(answer);
        if stops {
            break;
        }
    }
    Some(played)
}

/// The answers as somebody between card and host gives them.
fn tampered(answers: &[ResponseApdu], input: &mut Input<'_>) -> Vec<ResponseApdu> {
    let mut given = answers.to_vec();
    for _ in 0..input.u8() % 4 {
        if given.is_empty() {
            break;
        }
        let at = input.place(given.len());
        match input.u8() % 6 {
            0 => {
                let with = input.place(given.len());
                given.swap(at, with);
            }
            1 => _ = given.remove(at),
            2 => given.insert(at, answers[input.place(answers.len())].clone()),
            3 if !given[at].data.is_empty() => {
                let byte = input.place(given[at].data.len());
                given[at].data[byte] ^= input.u8();
            }
            4 => given[at].sw = StatusWord(input.u16()),
            _ => given.truncate(at),
        }
    }
    given
}

/// Runs one script.
pub fn script_machine(data: &[u8]) {
    let mut input = Input::new(data);
    let setup = Setup::choose(&mut input).predictable();
    let Some(mut script) = setup.script() else {
        return;
    };
    let mut plain = Vec::new();
    for _ in 0..input.u8() % 6 {
        let command = choose_command(&mut input);
        if script.push(&command).is_ok() {
            plain.push(command);
        }
    }
    let (commands, mut verifier) = script.finish();
    let commands = commands.iter().map(|command| command.as_bytes().to_vec());
    let commands: Vec<_> = commands.collect();
    // A command that fits no APDU is the caller's mistake, at a level that changes nothing.
    if commands.len() != plain.len() + 2 {
        return;
    }
    let Some(played) = play(&setup, &commands, &mut input) else {
        return;
    };
    let given = tampered(&played.answers, &mut input);
    let verdict = verifier.verify(&given);
    if given == played.answers {
        let clear: Vec<_> = played
            .clear
            .iter()
            .map(|(clear, _)| clear.clone())
            .collect();
        assert_eq!(verdict.map(|verified| verified.responses), Ok(clear));
        return;
    }
    match verdict {
        Ok(verified) => judge(&setup, &plain, &played, &given, &verified.responses),
        Err(ScriptError::TooManyResponses { .. }) => assert!(given.len() > commands.len()),
        Err(_) => {}
    }
    if !given.is_empty() {
        assert!(verifier.verify(&played.answers).is_err(), "judged twice");
    }
}

/// What was believed although something was changed: at levels with R-MAC nothing but bare errors
/// and genuine answers in their place, and always a proven opening.
fn judge(
    setup: &Setup,
    plain: &[CommandApdu],
    played: &Played,
    given: &[ResponseApdu],
    read: &[ResponseApdu],
) {
    let proven = 10..13 + 2 * setup.mode().length() + 3;
    assert_eq!(
        given[0].data[proven.clone()],
        played.answers[0].data[proven]
    );
    assert_eq!(given[1].sw, StatusWord::OK);
    assert_eq!(read.len() + 2, given.len());
    let complete = given.len() == plain.len() + 2;
    assert!(complete || read.last().is_some_and(|last| !last.sw.is_ok_or_warning()));
    if !setup.level.r_mac() {
        return;
    }
    for (n, (read, given)) in read.iter().zip(&given[2..]).enumerate() {
        if given.sw.is_ok_or_warning() {
            assert_eq!(played.answers.get(2 + n), Some(given));
            let (clear, level) = &played.clear[n];
            assert!(level.r_mac());
            assert_eq!(read, clear);
        } else {
            assert!(given.data.is_empty());
            assert_eq!(read, given);
        }
    }
}
