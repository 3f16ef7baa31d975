//! Commands and responses to exchanges: GET RESPONSE, 6Cxx and command chaining are joined, so that
//! an exchange is what the two ends meant.
//!
//! Commands are chained by CLA b5 (ISO/IEC 7816-4 5.1.1) or by P1 b8 (G 11.1.5.1). In both, secure
//! messaging covers the whole, so that joining comes before it is taken off.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::chaining;
use globalplatform::status_word::StatusWord;

const INS_GET_RESPONSE: u8 = 0xC0;
/// Longest joined data field, in bytes; a chain that outgrows it is not followed.
const MAX_JOINED: usize = 256 * 1024;

/// A command and its response, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub command_line: usize,
    pub response_line: Option<usize>,
    pub command: CommandApdu,
    pub response: Option<ResponseApdu>,
    /// How it was joined.
    pub remarks: Vec<String>,
}

/// What comes out of pairing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Paired {
    Pair(Pair),
    /// A line that does not fit.
    Odd(usize, String),
}

#[derive(Debug, Default)]
pub(crate) struct Pairing {
    /// A command without response yet.
    pending: Option<Pair>,
    /// An answered command that may go on.
    held: Option<Pair>,
}

impl Pairing {
    pub(crate) fn command(&mut self, line: usize, bytes: &[u8]) -> Vec<Paired> {
        let mut out = self.flush_pending();
        let command = match CommandApdu::decode(bytes) {
            Ok(command) => command,
            Err(error) => {
                out.extend(self.flush());
                out.push(Paired::Odd(line, format!("no command APDU: {error}")));
                return out;
            }
        };
        let held = self.held.take();
        let (done, pending) = match held {
            Some(held) => held.go_on(line, command),
            None => (None, Pair::new(line, command)),
        };
        out.extend(done.map(Paired::Pair));
        self.pending = Some(pending);
        out
    }

    pub(crate) fn response(&mut self, line: usize, bytes: &[u8]) -> Vec<Paired> {
        let mut out = Vec::new();
        let response = match ResponseApdu::decode(bytes) {
            Ok(response) => response,
            Err(error) => {
                out.extend(self.flush());
                out.push(Paired::Odd(line, format!("no response APDU: {error}")));
                return out;
            }
        };
        let Some(mut pair) = self.pending.take() else {
            out.extend(self.flush());
            let text = format!("a response without a command: {}", response.sw);
            out.push(Paired::Odd(line, text));
            return out;
        };
        pair.answer(line, response);
        if pair.may_go_on() {
            self.held = Some(pair);
        } else {
            out.push(Paired::Pair(pair));
        }
        out
    }

    /// Whether a command waits for what comes next.
    pub(crate) fn is_waiting(&self) -> bool {
        self.pending.is_some() || self.held.is_some()
    }

    /// Ends everything that is held back.
    pub(crate) fn flush(&mut self) -> Vec<Paired> {
        let held = self.held.take();
        let mut out: Vec<_> = held.into_iter().map(Paired::Pair).collect();
        out.extend(self.flush_pending());
        out
    }

    fn flush_pending(&mut self) -> Vec<Paired> {
        self.pending.take().into_iter().map(Paired::Pair).collect()
    }
}

impl Pair {
    fn new(line: usize, command: CommandApdu) -> Self {
        Self {
            command_line: line,
            response_line: None,
            command,
            response: None,
            remarks: Vec::new(),
        }
    }

    /// Takes a response, behind what came before.
    fn answer(&mut self, line: usize, response: ResponseApdu) {
        self.response_line = Some(line);
        let mut data = self
            .response
            .take()
            .map_or_else(Vec::new, |earlier| earlier.data);
        data.extend(response.data);
        let sw = response.sw;
        self.response = Some(ResponseApdu { data, sw });
    }

    fn status(&self) -> Option<StatusWord> {
        self.response.as_ref().map(|response| response.sw)
    }

    fn may_go_on(&self) -> bool {
        self.more_to_fetch()
            || self.wants_another_le()
            || (self.goes_on() && self.status() == Some(StatusWord::OK))
    }

    /// Whether the command says that more of it follows.
    fn goes_on(&self) -> bool {
        let command = &self.command;
        command.is_chained() || (command.cla & 0x80 != 0 && chaining::more_follow(command))
    }

    /// 61xx, or 9Fxx of a card of the second generation.
    fn more_to_fetch(&self) -> bool {
        self.status()
            .is_some_and(|sw| sw.sw1() == 0x61 || (sw.sw1() == 0x9F && self.command.cla == 0xA0))
    }

    fn wants_another_le(&self) -> bool {
        self.status().is_some_and(|sw| sw.sw1() == 0x6C)
    }

    /// What is done now that `command` follows, and what is pending.
    fn go_on(mut self, line: usize, command: CommandApdu) -> (Option<Self>, Self) {
        let room = self.command.data.len() + command.data.len() <= MAX_JOINED
            && self.response.as_ref().map_or(0, |r| r.data.len()) <= MAX_JOINED;
        let same_channel = command.logical_channel() == self.command.logical_channel();
        if room && same_channel && self.more_to_fetch() && command.ins == INS_GET_RESPONSE {
            self.remarks.push(format!(
                "the response was fetched with GET RESPONSE (line {line})"
            ));
            return (None, self);
        }
        if self.wants_another_le() && self.is_repeated_by(&command) {
            self.remarks
                .push(format!("repeated with the right Le (line {line})"));
            self.command.le = command.le;
            self.response = None;
            return (None, self);
        }
        let continues = self.goes_on() && self.is_continued_by(&command);
        if room && continues && self.status() == Some(StatusWord::OK) {
            self.remarks
                .push(format!("a chained command goes on in line {line}"));
            self.command.cla = command.cla;
            self.command.p1 = command.p1;
            self.command.data.extend(command.data);
            self.command.le = command.le;
            self.command.extended |= self.command.data.len() > 255;
            self.response = None;
            return (None, self);
        }
        (Some(self), Self::new(line, command))
    }

    fn is_repeated_by(&self, command: &CommandApdu) -> bool {
        self.command.header() == command.header() && self.command.data == command.data
    }

    fn is_continued_by(&self, command: &CommandApdu) -> bool {
        let [cla, ins, p1, p2] = self.command.header();
        let [next_cla, next_ins, next_p1, next_p2] = command.header();
        if (ins, p2) != (next_ins, next_p2) {
            return false;
        }
        if self.command.is_chained() {
            cla & !0x10 == next_cla & !0x10 && p1 == next_p1
        } else {
            cla == next_cla && p1 | 0x80 == next_p1 | 0x80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(lines: &[&str]) -> Vec<Paired> {
        let mut pairing = Pairing::default();
        let mut out = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let (sign, hex) = line.split_at(1);
            let bytes = hex::decode(hex).unwrap();
            out.extend(if sign == ">" {
                pairing.command(index + 1, &bytes)
            } else {
                pairing.response(index + 1, &bytes)
            });
        }
        out.extend(pairing.flush());
        out
    }

    fn pair(lines: (usize, Option<usize>), command: &str, response: Option<&str>) -> Pair {
        Pair {
            command_line: lines.0,
            response_line: lines.1,
            command: CommandApdu::decode(&hex::decode(command).unwrap()).unwrap(),
            response: response.map(|r| ResponseApdu::decode(&hex::decode(r).unwrap()).unwrap()),
            remarks: Vec::new(),
        }
    }

    fn with_remarks(mut pair: Pair, remarks: &[&str]) -> Paired {
        pair.remarks = remarks.iter().map(|r| (*r).to_owned()).collect();
        Paired::Pair(pair)
    }

    #[test]
    fn commands_without_response_are_kept() {
        assert_eq!(
            pairs(&[">80CA0066", ">80CA0067", "<9000"]),
            [
                Paired::Pair(pair((1, None), "80CA0066", None)),
                Paired::Pair(pair((2, Some(3)), "80CA0067", Some("9000"))),
            ]
        );
    }

    #[test]
    fn odd_lines_are_named() {
        assert_eq!(
            pairs(&["<6A88", ">80CA", "<90"]),
            [
                Paired::Odd(
                    1,
                    "a response without a command: 6A88 (referenced data not found)".to_owned()
                ),
                Paired::Odd(
                    2,
                    "no command APDU: input ends at offset 2, at least 2 more byte(s) needed"
                        .to_owned()
                ),
                Paired::Odd(
                    3,
                    "no response APDU: input ends at offset 1, at least 1 more byte(s) needed"
                        .to_owned()
                ),
            ]
        );
    }

    #[test]
    fn get_response_is_joined() {
        let lines = [
            ">80500000081122334455667788",
            "<AA6102",
            ">00C0000002",
            "<BBCC6101",
            ">00C0000001",
            "<DD9000",
        ];
        let expected = pair(
            (1, Some(6)),
            "80500000081122334455667788",
            Some("AABBCCDD9000"),
        );
        assert_eq!(
            pairs(&lines),
            [with_remarks(
                expected,
                &[
                    "the response was fetched with GET RESPONSE (line 3)",
                    "the response was fetched with GET RESPONSE (line 5)"
                ]
            )]
        );
    }

    #[test]
    fn a_promise_of_more_data_may_be_ignored() {
        assert_eq!(
            pairs(&[">00A4040000", "<6110", ">80CA0066", "<6A88"]),
            [
                Paired::Pair(pair((1, Some(2)), "00A4040000", Some("6110"))),
                Paired::Pair(pair((3, Some(4)), "80CA0066", Some("6A88"))),
            ]
        );
    }

    #[test]
    fn a_repetition_with_the_right_le_is_joined() {
        assert_eq!(
            pairs(&[">80CA006600", "<6C02", ">80CA006602", "<11229000"]),
            [with_remarks(
                pair((1, Some(4)), "80CA006602", Some("11229000")),
                &["repeated with the right Le (line 3)"]
            )]
        );
        assert_eq!(
            pairs(&[">80CA006600", "<6C02", ">80CA006702", "<11229000"]).len(),
            2
        );
    }

    #[test]
    fn chained_commands_are_joined() {
        let lines = [">90E28000021122", "<9000", ">80E280000133", "<9000"];
        assert_eq!(
            pairs(&lines),
            [with_remarks(
                pair((1, Some(4)), "80E2800003112233", Some("9000")),
                &["a chained command goes on in line 3"]
            )]
        );
        // Another command in between, and an error, break the chain.
        assert_eq!(
            pairs(&[">90E28000021122", "<9000", ">80E281000133"]).len(),
            2
        );
        assert_eq!(
            pairs(&[">90E28000021122", "<6A80", ">80E280000133"]).len(),
            2
        );
    }

    #[test]
    fn commands_chained_by_p1_are_joined() {
        let lines = [
            ">84E68C00021122",
            "<9000",
            ">84E68C000133",
            "<9000",
            ">84E60C0001440A",
            "<009000",
        ];
        assert_eq!(
            pairs(&lines),
            [with_remarks(
                pair((1, Some(6)), "84E60C0004112233440A", Some("009000")),
                &[
                    "a chained command goes on in line 3",
                    "a chained command goes on in line 5"
                ]
            )]
        );
        for second in [
            ">80E40C000133", // other INS
            ">80E60C010133", // other P2
            ">80E604000133", // other P1
            ">84E60C000133", // other CLA
        ] {
            assert_eq!(
                pairs(&[">80E68C00021122", "<9000", second]).len(),
                2,
                "{second}"
            );
        }
        // No more follow; not GlobalPlatform's; refused.
        assert_eq!(pairs(&[">80E60C000122", "<9000", ">80E60C000133"]).len(), 2);
        assert_eq!(pairs(&[">00E68C000122", "<9000", ">00E60C000133"]).len(), 2);
        assert_eq!(pairs(&[">80E68C000122", "<6A80", ">80E60C000133"]).len(), 2);
    }
}
