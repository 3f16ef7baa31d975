//! The host end as a state machine: it believes exactly what the card sent for the command that it
//! sent last, and is dead after the first response that is not genuine.

use globalplatform::apdu::ResponseApdu;

use crate::ends::{CardEnd, HostEnd, Setup, choose_command, choose_response};
use crate::input::Input;

/// How many exchanges one input may hold.
const MOST_EXCHANGES: usize = 16;

/// One command: the clear answer, the genuine one on its way, and whether the session gave it by
/// itself; nothing when the host could not send it.
fn exchange(
    host: &mut HostEnd,
    card: &mut CardEnd,
    input: &mut Input<'_>,
) -> Option<(ResponseApdu, Vec<u8>, bool)> {
    let bytes = host.sends(&choose_command(input))?;
    let plain = card.hears(&bytes)?;
    let response = choose_response(input);
    let answer = card.answers(&plain, &response);
    let own = plain.is_proprietary() && matches!(plain.ins, 0x78 | 0x7A);
    // What the session answers by itself has no data.
    let clear = if own {
        let sw = ResponseApdu::decode(&answer).ok()?.sw;
        ResponseApdu::status(sw)
    } else {
        response
    };
    Some((clear, answer, own))
}

/// Whether the host must believe `given` instead of the genuine `answer`; what it then reads is
/// what was given, unless that is genuine.
fn is_believed(host: &HostEnd, given: &[u8], answer: &[u8]) -> bool {
    let Ok(decoded) = ResponseApdu::decode(given) else {
        return false;
    };
    let bare_error = decoded.data.is_empty() && !decoded.sw.is_ok_or_warning();
    let protected = host.channel.level().is_some_and(|level| level.r_mac());
    !protected || bare_error || given == answer
}

/// Runs the exchanges that the input holds.
pub fn host_machine(data: &[u8]) {
    let mut input = Input::new(data);
    let Some((mut host, mut card)) = Setup::choose(&mut input).open() else {
        return;
    };
    let mut earlier: Vec<Vec<u8>> = Vec::new();
    for _ in 0..MOST_EXCHANGES {
        if input.is_empty() {
            break;
        }
        let Some((clear, answer, own)) = exchange(&mut host, &mut card, &mut input) else {
            continue;
        };
        let mut given = answer.clone();
        match input.u8() % 8 {
            0 => given = input.bytes().to_vec(),
            1 if !earlier.is_empty() => given = earlier[input.place(earlier.len())].clone(),
            2 => {
                let at = input.place(given.len());
                given[at] ^= input.u8();
            }
            3 => given.truncate(input.place(given.len())),
            4 => given.insert(input.place(given.len()), input.u8()),
            _ => {}
        }
        // Less than a status word is no response, whatever the level.
        if given.len() < 2 {
            assert_eq!(host.hears(&given), None);
            host.assert_dead();
            return;
        }
        let believed = is_believed(&host, &given, &answer);
        let protected = host.channel.level().is_some_and(|level| level.r_mac());
        let heard = host.hears(&given);
        if !believed {
            assert_eq!(heard, None);
            host.assert_dead();
            return;
        }
        if given == answer && protected {
            assert_eq!(heard, Some(clear));
        } else {
            assert_eq!(heard, ResponseApdu::decode(&given).ok());
        }
        // Answers that nothing proves can hide from the host that the level is another one now.
        if given != answer && (own || !protected) {
            return;
        }
        earlier.push(answer);
    }
}
