//! The line protocol: one request a line, one answer a line, in text.
//!
//! A request is a command APDU in hexadecimal, blanks allowed, or one of the words below, in any case. The answer is
//! hexadecimal in capitals, without blanks, or one line of text. A request that is neither is answered by `error: ` and
//! a reason, and the next one counts again.
//!
//! | request | answer |
//! |---|---|
//! | `00A4040000` | the response APDU: data and status word |
//! | `atr` | the answer to reset |
//! | `reset` | a warm reset, also switches on; the answer to reset |
//! | `power-off` | `ok`; commands are refused until `power-on` or `reset` |
//! | `power-on` | as `reset` |
//! | `iccid` | the card's number, decimal |
//! | `show` | what `uicc-sim show --json` prints, on one line |
//! | `quit` | `ok`, and the connection ends; the card stays as it is |

use zeroize::Zeroizing;

use crate::Uicc;
use crate::contacts::CardContacts;

/// Longest line, in bytes: the longest APDU with a blank behind every byte, and some more.
pub const LONGEST_LINE: usize = 256 * 1024;

/// A card at the other end of a line.
pub trait LineCard: CardContacts {
    /// What is on the card, as JSON on one line.
    fn json(&self) -> String;
}

impl LineCard for Uicc {
    fn json(&self) -> String {
        serde_json::to_string(&self.inventory()).unwrap_or_else(|error| format!("error: {error}"))
    }
}

/// What is answered to a request, and whether that is the end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// This line; the next request may come.
    Line(String),
    /// This line is the last.
    Last(String),
}

/// Answers requests, and knows whether the card has power.
#[derive(Debug, Default)]
pub struct LineReader {
    is_off: bool,
}

impl LineReader {
    /// A reader whose card is switched on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers one request; its line end does not count.
    ///
    /// ```
    /// use uicc_sim::reader::line::{Answer, LineReader};
    /// use uicc_sim::{CardConfig, Uicc};
    ///
    /// let mut card = Uicc::new(CardConfig::from_profile("default")?)?;
    /// let mut reader = LineReader::new();
    /// let mut ask = |request: &str| reader.answer(request, &mut card);
    /// assert_eq!(ask("00 20 00 80"), Answer::Line("6D00".into()));
    /// assert_eq!(ask("hello"), Answer::Line("error: neither hexadecimal nor a request".into()));
    /// # Ok::<(), uicc_sim::ConfigError>(())
    /// ```
    pub fn answer(&mut self, request: &str, card: &mut dyn LineCard) -> Answer {
        let word = request.trim().to_ascii_lowercase();
        let word = Zeroizing::new(word);
        Answer::Line(match word.as_str() {
            "atr" => hex::encode_upper(card.atr()),
            "reset" | "power-on" => {
                self.is_off = false;
                card.reset();
                hex::encode_upper(card.atr())
            }
            "power-off" => {
                self.is_off = true;
                card.reset();
                "ok".into()
            }
            "iccid" => card.iccid(),
            "show" => card.json(),
            "quit" => return Answer::Last("ok".into()),
            "" => "error: the line is empty".into(),
            digits => self.transmit(digits, card),
        })
    }

    fn transmit(&self, digits: &str, card: &mut dyn LineCard) -> String {
        let digits: Zeroizing<String> = digits
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .collect::<String>()
            .into();
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return "error: neither hexadecimal nor a request".into();
        }
        let Ok(command) = hex::decode(&*digits).map(Zeroizing::new) else {
            return "error: an odd number of hexadecimal digits".into();
        };
        if command.len() < 4 {
            return "error: a command APDU has 4 bytes at least".into();
        }
        if self.is_off {
            return "error: the card is switched off".into();
        }
        match card.transmit(&command) {
            Ok(response) => hex::encode_upper(response),
            Err(gone) => format!("error: {gone}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contacts::NoAnswer;

    /// Answers its commands with what they were; goes at INS FF.
    #[derive(Default)]
    struct Echo {
        resets: u8,
    }

    impl CardContacts for Echo {
        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
            if command[1] == 0xFF {
                return Err(NoAnswer::CardGone);
            }
            Ok([command, &[0x90, 0x00]].concat())
        }
        fn reset(&mut self) {
            self.resets += 1;
        }
        fn iccid(&self) -> String {
            "8981".into()
        }
        fn atr(&self) -> Vec<u8> {
            vec![0x3B, self.resets]
        }
    }

    impl LineCard for Echo {
        fn json(&self) -> String {
            "{}".into()
        }
    }

    #[test]
    fn one_line_for_each_request() {
        let (mut reader, mut card) = (LineReader::new(), Echo::default());
        for (request, answer) in [
            ("00a4040C", "00A4040C9000"),
            (" 00 A4 04 0C\t\r\n", "00A4040C9000"),
            ("atr", "3B00"),
            ("RESET", "3B01"),
            ("iccid", "8981"),
            ("show", "{}"),
            ("power-off", "ok"),
            ("00A4040C", "error: the card is switched off"),
            ("power-on", "3B03"),
            ("00A4040C", "00A4040C9000"),
            ("power-off", "ok"),
            ("reset", "3B05"),
            ("00A4040C", "00A4040C9000"),
            ("", "error: the line is empty"),
            (" \r\n", "error: the line is empty"),
            ("00A", "error: an odd number of hexadecimal digits"),
            ("00A404", "error: a command APDU has 4 bytes at least"),
            ("00A4040G", "error: neither hexadecimal nor a request"),
            ("00FF0000", "error: the card does not answer"),
        ] {
            let given = reader.answer(request, &mut card);
            assert_eq!(given, Answer::Line(answer.into()), "{request}");
        }
        assert_eq!(
            reader.answer("quit\n", &mut card),
            Answer::Last("ok".into())
        );
        assert_eq!(card.resets, 5);
    }
}
