//! Playing a script on a card: one command after the other, until a status word that was not accepted.

use tsm_proto::types::ScriptCommand;

use crate::contacts::{CardContacts, NoAnswer};

/// GET RESPONSE without its logical channel and Le.
const GET_RESPONSE: [u8; 3] = [0xC0, 0x00, 0x00];
/// Pieces of one response at most: 64 KiB in steps of one byte would be no response but an attack.
const MOST_PIECES: usize = 512;

/// What came of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The answers in order; the last one may be the one at which the script stopped.
    pub responses: Vec<Vec<u8>>,
    /// The card went away before the answer to the next command.
    pub card_lost: bool,
}

/// Plays commands until the end, until a status word that the command does not accept, or until the card is gone.
pub fn play(card: &mut dyn CardContacts, commands: &[ScriptCommand]) -> Played {
    let mut played = Played {
        responses: Vec::with_capacity(commands.len()),
        card_lost: false,
    };
    for command in commands {
        let Ok(response) = transmit_whole(card, &command.apdu) else {
            played.card_lost = true;
            break;
        };
        let accepted = is_accepted(&response, &command.accepted_status_words);
        played.responses.push(response);
        if !accepted {
            break;
        }
    }
    played
}

/// Whether the script goes on after this answer; only after 9000 when nothing is said.
fn is_accepted(response: &[u8], accepted: &[u32]) -> bool {
    let Some([high, low]) = response.last_chunk() else {
        return false;
    };
    let sw = u32::from(u16::from_be_bytes([*high, *low]));
    match accepted {
        [] => sw == 0x9000,
        accepted => accepted.contains(&sw),
    }
}

/// Sends a command and fetches what remains of its response (61xx), as a phone's card interface does.
fn transmit_whole(card: &mut dyn CardContacts, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
    let mut response = card.transmit(command)?;
    for _ in 0..MOST_PIECES {
        let Some([0x61, le]) = response.last_chunk().copied() else {
            break;
        };
        let class = command.first().map_or(0, |cla| channel_bits(*cla));
        let [ins, p1, p2] = GET_RESPONSE;
        let next = card.transmit(&[class, ins, p1, p2, le])?;
        response.truncate(response.len() - 2);
        response.extend_from_slice(&next);
    }
    Ok(response)
}

/// The class of a plain ISO command on the same logical channel.
const fn channel_bits(cla: u8) -> u8 {
    if cla & 0x40 == 0 {
        cla & 0x03
    } else {
        cla & 0x4F
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays back answers and remembers the commands.
    struct Recorded {
        answers: Vec<Result<Vec<u8>, NoAnswer>>,
        heard: Vec<Vec<u8>>,
    }

    impl CardContacts for Recorded {
        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
            self.heard.push(command.to_vec());
            self.answers.remove(0)
        }
        fn reset(&mut self) {}
        fn iccid(&self) -> String {
            String::new()
        }
        fn atr(&self) -> Vec<u8> {
            Vec::new()
        }
    }

    fn card(answers: &[Result<&[u8], NoAnswer>]) -> Recorded {
        Recorded {
            answers: answers.iter().map(|a| a.map(<[u8]>::to_vec)).collect(),
            heard: Vec::new(),
        }
    }

    fn command(apdu: &[u8], accepted: &[u32]) -> ScriptCommand {
        ScriptCommand {
            apdu: apdu.to_vec().into(),
            accepted_status_words: accepted.to_vec(),
        }
    }

    #[test]
    fn stops_after_a_status_word_that_was_not_accepted() {
        let mut card = card(&[Ok(&[0x6A, 0x88]), Ok(&[0x90, 0x00]), Ok(&[0x6A, 0x82])]);
        let script = [
            command(&[0x80, 0xF2], &[0x9000, 0x6A88]),
            command(&[0x80, 0xE4], &[]),
            command(&[0x80, 0xE6], &[]),
            command(&[0x80, 0xE8], &[]),
        ];
        let played = play(&mut card, &script);
        assert_eq!(played.responses, [[0x6A, 0x88], [0x90, 0x00], [0x6A, 0x82]]);
        assert!(!played.card_lost);
        assert_eq!(card.heard.len(), 3);
    }

    #[test]
    fn says_so_when_the_card_goes() {
        let mut card = card(&[Ok(&[0x90, 0x00]), Err(NoAnswer::CardGone)]);
        let script = [
            command(&[0x00; 4], &[]),
            command(&[0x00; 4], &[]),
            command(&[0x00; 4], &[]),
        ];
        let played = play(&mut card, &script);
        assert_eq!(played.responses.len(), 1);
        assert!(played.card_lost);
    }

    #[test]
    fn fetches_the_rest_of_a_long_response_on_the_same_channel() {
        let mut card = card(&[
            Ok(&[1, 0x61, 0x00]),
            Ok(&[2, 0x61, 0x02]),
            Ok(&[3, 4, 0x90, 0x00]),
        ]);
        let played = play(&mut card, &[command(&[0xC1, 0xCA, 0x00, 0x66], &[])]);
        assert_eq!(played.responses, [[1, 2, 3, 4, 0x90, 0x00]]);
        assert_eq!(card.heard[1], [0x41, 0xC0, 0x00, 0x00, 0x00]);
        assert_eq!(card.heard[2], [0x41, 0xC0, 0x00, 0x00, 0x02]);
    }

    #[test]
    fn an_answer_without_status_word_stops_the_script() {
        let mut card = card(&[Ok(&[])]);
        let played = play(&mut card, &[command(&[0; 4], &[]), command(&[0; 4], &[])]);
        assert_eq!(played.responses, [Vec::<u8>::new()]);
    }
}
