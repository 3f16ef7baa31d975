//! Lines to commands and responses: directions of lines that do not tell theirs, dumps over many
//! lines, and hosts that log a command before and after its protection.

use globalplatform::apdu::CommandApdu;

use crate::line::{Line, Part, dump_columns, dump_line, ends_with_status};

mod part;
mod raw;

use part::Cut;
use raw::Encoding;

/// Longest line that is read, in bytes: an extended APDU with a blank between its bytes fits twice.
pub(crate) const MAX_LINE: usize = 512 * 1024;

/// Something that a trace says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Command(Vec<u8>),
    Response(Vec<u8>),
    Reset,
    Comment(String),
    Malformed(String),
}

#[derive(Debug)]
struct Dump {
    line: usize,
    is_command: bool,
    /// Bytes that are still to come, when that is known.
    missing: Option<usize>,
    bytes: Vec<u8>,
    /// What follows the bytes.
    status: Vec<u8>,
}

/// Reads a trace line by line.
#[derive(Debug, Default)]
pub(crate) struct Input {
    line: usize,
    /// A command is waiting for its response.
    open: bool,
    encoding: Encoding,
    dump: Option<Dump>,
    /// A command or response that may go on in the next line.
    cut: Option<Cut>,
    unprotected: Option<(usize, Vec<u8>)>,
}

impl Input {
    /// The events of the next line, each with the number of its line.
    pub(crate) fn push(&mut self, line: &[u8]) -> Vec<(usize, Event)> {
        self.line += 1;
        let mut events = Vec::new();
        if line.len() > MAX_LINE {
            let why = format!("line of {} bytes, at most {MAX_LINE} are read", line.len());
            events.push((self.line, Event::Malformed(why)));
            return events;
        }
        let text = self.encoding.text(line, self.line == 1);
        if !self.continue_cut(&text, &mut events) && !self.continue_dump(&text, &mut events) {
            self.interpret(&text, &mut events);
        }
        events
    }

    /// What is still held back at the end of the trace.
    pub(crate) fn finish(&mut self) -> Vec<(usize, Event)> {
        let mut events = Vec::new();
        self.end_cut(&mut events);
        self.end_dump(&mut events);
        self.release(&mut events);
        events
    }

    fn interpret(&mut self, text: &str, events: &mut Vec<(usize, Event)>) {
        let line = Line::parse(text);
        let is_command = matches!(line, Line::Command(_));
        if !matches!(
            line,
            Line::Command(_) | Line::Part(_) | Line::Blank | Line::Comment
        ) {
            self.release(events);
        }
        let event = match line {
            Line::Blank => return,
            Line::Comment => Event::Comment(printable(text)),
            Line::Reset => {
                self.open = false;
                Event::Reset
            }
            Line::Malformed(why) => {
                self.open = false;
                Event::Malformed(why)
            }
            Line::Command(bytes) | Line::Response(bytes)
                if Cut::may_go_on(is_command, text, &bytes) =>
            {
                let part = Part::whole(is_command, &bytes);
                self.unprotected = None;
                self.cut = Some(Cut::new(self.line, text, part));
                return;
            }
            Line::Part(part) => {
                self.unprotected = None;
                self.cut = Some(Cut::new(self.line, text, part));
                return;
            }
            Line::Command(bytes) => {
                // The same command once more, as it was sent.
                self.unprotected = None;
                self.command(bytes)
            }
            Line::Unprotected(bytes) => {
                self.unprotected = Some((self.line, bytes));
                return;
            }
            Line::Response(bytes) => self.response(bytes),
            Line::Bytes(bytes) if self.is_response(&bytes) => self.response(bytes),
            Line::Bytes(bytes) => self.command(bytes),
            Line::Both(command, response) => {
                events.push((self.line, self.command(command)));
                self.response(response)
            }
            Line::Dump { is_command, length } => {
                self.dump = Some(Dump {
                    line: self.line,
                    is_command,
                    missing: Some(length),
                    bytes: Vec::new(),
                    status: Vec::new(),
                });
                return;
            }
            Line::DumpAfter(status) => {
                self.dump = Some(Dump {
                    line: self.line,
                    is_command: false,
                    missing: None,
                    bytes: Vec::new(),
                    status: status.to_vec(),
                });
                return;
            }
        };
        events.push((self.line, event));
    }

    fn command(&mut self, bytes: Vec<u8>) -> Event {
        self.open = true;
        Event::Command(bytes)
    }

    fn response(&mut self, bytes: Vec<u8>) -> Event {
        self.open = false;
        Event::Response(bytes)
    }

    /// Whether bytes without a sign are a response: one is due, and they end as responses do; or
    /// they are no command at all.
    fn is_response(&self, bytes: &[u8]) -> bool {
        let ends_with_status = ends_with_status(bytes);
        let is_command = CommandApdu::decode(bytes).is_ok();
        if self.open {
            ends_with_status || !is_command
        } else {
            ends_with_status && !is_command
        }
    }

    /// A command that was logged before its protection, and never after it.
    fn release(&mut self, events: &mut Vec<(usize, Event)>) {
        if let Some((line, bytes)) = self.unprotected.take() {
            events.push((line, self.command(bytes)));
        }
    }

    /// Takes a line as part of a dump; tells whether it was one.
    fn continue_dump(&mut self, text: &str, events: &mut Vec<(usize, Event)>) -> bool {
        let Some(dump) = &mut self.dump else {
            return false;
        };
        let bytes = match dump.missing {
            Some(missing) => dump_line(text, missing),
            None => dump_columns(text).filter(|_| dump.bytes.len() < MAX_LINE),
        };
        let Some(bytes) = bytes else {
            self.end_dump(events);
            return false;
        };
        dump.missing = dump.missing.map(|missing| missing - bytes.len());
        dump.bytes.extend(bytes);
        if dump.missing == Some(0) {
            self.end_dump(events);
        }
        true
    }

    /// Takes a line as the rest of the one before; tells whether it was that.
    fn continue_cut(&mut self, text: &str, events: &mut Vec<(usize, Event)>) -> bool {
        let Some(cut) = &mut self.cut else {
            return false;
        };
        let is_taken = cut.take(text);
        if !is_taken || cut.is_complete() {
            self.end_cut(events);
        }
        is_taken
    }

    fn end_cut(&mut self, events: &mut Vec<(usize, Event)>) {
        let Some(cut) = self.cut.take() else { return };
        let line = cut.line;
        let event = match cut.end() {
            Ok((true, bytes)) => self.command(bytes),
            Ok((false, bytes)) => self.response(bytes),
            Err(why) => {
                self.open = false;
                Event::Malformed(why)
            }
        };
        events.push((line, event));
    }

    fn end_dump(&mut self, events: &mut Vec<(usize, Event)>) {
        let Some(mut dump) = self.dump.take() else {
            return;
        };
        dump.bytes.extend(dump.status);
        let event = match dump.missing {
            Some(missing @ 1..) => {
                self.open = false;
                Event::Malformed(format!("dump ends {missing} bytes too early"))
            }
            _ if dump.is_command => self.command(dump.bytes),
            _ => self.response(dump.bytes),
        };
        events.push((dump.line, event));
    }
}

/// Text that cannot steer a terminal, at most 300 characters of it.
fn printable(text: &str) -> String {
    const MOST: usize = 300;
    let shown = text
        .trim()
        .trim_start_matches(['#', ' '])
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() || is_direction_control(c) => '\u{FFFD}',
            c => c,
        });
    let mut line: String = shown.clone().take(MOST).collect();
    if shown.count() > MOST {
        line.push('…');
    }
    line
}

/// Characters that reorder what stands around them.
const fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(trace: &str) -> Vec<(usize, Event)> {
        let mut input = Input::default();
        let mut events: Vec<_> = trace
            .lines()
            .flat_map(|line| input.push(line.as_bytes()))
            .collect();
        events.extend(input.finish());
        events
    }

    fn command(line: usize, hex: &str) -> (usize, Event) {
        (line, Event::Command(hex::decode(hex).unwrap()))
    }

    fn response(line: usize, hex: &str) -> (usize, Event) {
        (line, Event::Response(hex::decode(hex).unwrap()))
    }

    #[test]
    fn lines_that_a_terminal_broke_are_joined() {
        let long = "A>> T=1 (4+0000) 00A40400 00\n\
            A<< (0018+2) (16ms) 6F108408A000000151  \n000000A5049F6501FF 9000  \n";
        assert_eq!(
            read(long),
            [
                command(1, "00A4040000"),
                response(2, "6F108408A000000151000000A5049F6501FF9000"),
            ]
        );
        // Bytes cut in two, the second line as wide as the first.
        assert_eq!(
            read("< 6F 10 8\n408A00000\n0151 90 00\n> 80CA0066\n"),
            [
                response(1, "6F108408A0000001519000"),
                command(4, "80CA0066")
            ]
        );
        assert_eq!(
            read("> 80CA0066021\n122\n< 9000"),
            [command(1, "80CA0066021122"), response(3, "9000")]
        );
        assert_eq!(
            read("> 80E2000004AABB\nCCDD\n< 9000"),
            [command(1, "80E2000004AABBCCDD"), response(3, "9000")]
        );
        assert_eq!(
            read("> 80CA0066\n< 6600AA\nBB9000"),
            [command(1, "80CA0066"), response(2, "6600AABB9000")]
        );
    }

    #[test]
    fn a_response_that_ends_like_one_by_chance_goes_on() {
        let first = format!("< {}6147", "AB".repeat(37));
        assert_eq!(first.len(), 80);
        let whole = format!("{}614700AA9000", "AB".repeat(37));
        assert_eq!(
            read(&format!("> 80CA0066\n{first}\n00AA9000\n")),
            [command(1, "80CA0066"), response(2, &whole)]
        );
        // The next command, without a sign.
        assert_eq!(
            read(&format!("> 80CA0066\n{first}\n80CA006600\n")),
            [
                command(1, "80CA0066"),
                response(2, &format!("{}6147", "AB".repeat(37))),
                command(3, "80CA006600"),
            ]
        );
    }

    #[test]
    fn a_command_that_could_do_without_its_le_goes_on() {
        let first = format!("Command:    00A40400{:02X}{}", 29, "AB".repeat(29));
        assert_eq!(first.len(), 80);
        let whole = format!("00A40400{:02X}{}", 29, "AB".repeat(29));
        assert_eq!(
            read(&format!("{first}\n00\n< 9000")),
            [command(1, &format!("{whole}00")), response(3, "9000")]
        );
        // Its response, without a sign.
        assert_eq!(
            read(&format!("{first}\n6F009000\n")),
            [command(1, &whole), response(2, "6F009000")]
        );
    }

    #[test]
    fn what_stays_cut_off_is_named() {
        let why = |text: &str| Event::Malformed(text.to_owned());
        assert_eq!(
            read("A<< (0018+2) (1ms) 6F108408 9000"),
            [(1, why("cut off: 6 of 20 bytes are there"))]
        );
        assert_eq!(
            read("> 80CA006\n< 9000"),
            [
                (1, why("odd number of hex digits (7)")),
                response(2, "9000")
            ]
        );
        assert_eq!(
            read("> 80E2000004AABB\n< 6700\n"),
            [command(1, "80E2000004AABB"), response(2, "6700")]
        );
    }

    #[test]
    fn a_dump_follows_a_status_word() {
        let dump = "Sending: 00 CA 00 66 00\nReceived (SW1=0x90, SW2=0x00):\n\
            66 03 73 01 2A 41 41 41 41 41 41 41 41 41 41 41 f.s.*AAAAAAAAAAA\n\
            42 43                                           BC\n\
            Sending: 00 CA 00 67 00\nReceived (SW1=0x6A, SW2=0x88)\n";
        assert_eq!(
            read(dump),
            [
                command(1, "00CA006600"),
                response(2, "660373012A414141414141414141414142439000"),
                command(5, "00CA006700"),
                response(6, "6A88"),
            ]
        );
    }

    #[test]
    fn plain_hex_alternates() {
        assert_eq!(
            read("00A4040000\n6F009000\n\n80CA006600\n6A88"),
            [
                command(1, "00A4040000"),
                response(2, "6F009000"),
                command(4, "80CA006600"),
                response(5, "6A88"),
            ]
        );
    }

    #[test]
    fn a_list_of_commands_has_no_responses() {
        assert_eq!(
            read("00A4040000\n80CA006600\n80F28002024F0000"),
            [
                command(1, "00A4040000"),
                command(2, "80CA006600"),
                command(3, "80F28002024F0000"),
            ]
        );
    }

    #[test]
    fn after_a_wrong_line_the_order_is_found_again() {
        assert_eq!(
            read("00A4040000\n6F0090\n6F00900\n80CA006600\n6A88")[2..],
            [
                (
                    3,
                    Event::Malformed("odd number of hex digits (7)".to_owned())
                ),
                command(4, "80CA006600"),
                response(5, "6A88"),
            ]
        );
    }

    #[test]
    fn dumps_are_joined() {
        let trace = "Outgoing APDU (17 bytes):\n\
            00 A4 04 00 0B E8 2B 06 01 04 01 81 C3 1F 02 01 ......+.........\n\
            00                                              .\n\
            noise\nIncoming APDU (2 bytes):\n6A 82 j.\nIncoming APDU (4 bytes):\n6A 82\n===";
        assert_eq!(
            read(trace),
            [
                command(1, "00A404000BE82B0601040181C31F020100"),
                (4, Event::Comment("noise".to_owned())),
                response(5, "6A82"),
                (
                    7,
                    Event::Malformed("dump ends 2 bytes too early".to_owned())
                ),
                (9, Event::Comment("===".to_owned())),
            ]
        );
    }

    #[test]
    fn of_a_command_logged_twice_the_one_on_the_wire_counts() {
        assert_eq!(
            read("Command --> 80F22002\nWrapped command --> 84F22002089122\nResponse <-- 9000"),
            [command(2, "84F22002089122"), response(3, "9000")]
        );
        assert_eq!(
            read("Command --> 80F22002\nResponse <-- 9000\nCommand --> 80CA0066"),
            [
                command(1, "80F22002"),
                response(2, "9000"),
                command(3, "80CA0066")
            ]
        );
    }

    #[test]
    fn comments_cannot_steer_the_terminal() {
        assert_eq!(
            read("hi\u{1b}[2Jthere\u{202E}x\ty"),
            [(
                1,
                Event::Comment("hi\u{FFFD}[2Jthere\u{FFFD}x y".to_owned())
            )]
        );
        let Event::Comment(long) = &read(&"z".repeat(301))[0].1 else {
            panic!("a comment")
        };
        assert_eq!(long.chars().count(), 301);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_line_too_long_is_named_and_left_out() {
        let mut input = Input::default();
        assert_eq!(
            input.push(&vec![b'0'; MAX_LINE + 1]),
            [(
                1,
                Event::Malformed("line of 524289 bytes, at most 524288 are read".to_owned())
            )]
        );
        assert_eq!(input.push(b"> 80CA0066"), [command(2, "80CA0066")]);
    }
}
