//! Commands and responses that a terminal or a program has broken over several lines.

use globalplatform::apdu::CommandApdu;

use super::MAX_LINE;
use crate::line::{Part, bare_digits, bytes, ends_with_status, odd};

/// A command or a response whose rest may stand in the next line.
#[derive(Debug)]
pub(super) struct Cut {
    /// Where it began.
    pub line: usize,
    /// Width of the line on which it began, in characters: lines that are broken are full.
    width: usize,
    /// Width of the latest line.
    latest: usize,
    part: Part,
}

/// As wide as terminals are.
fn is_full(text: &str) -> bool {
    matches!(text.chars().count(), 80 | 100 | 120 | 132)
}

impl Part {
    /// What is complete as hex.
    pub(super) fn whole(is_command: bool, bytes: &[u8]) -> Self {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
        Self {
            is_command,
            digits: digits.collect(),
            length: None,
        }
    }
}

impl Cut {
    /// Whether bytes with a sign of direction look like the beginning of more. A command without
    /// its Le and a response may be whole by chance, where a terminal of the usual width broke them.
    pub(super) fn may_go_on(is_command: bool, text: &str, bytes: &[u8]) -> bool {
        match is_command {
            true => bytes.len() > 5 && (CommandApdu::decode(bytes).is_err() || is_full(text)),
            false => bytes.len() > 2 && (!ends_with_status(bytes) || is_full(text)),
        }
    }

    pub(super) fn new(line: usize, text: &str, part: Part) -> Self {
        let width = text.chars().count();
        Self {
            line,
            width,
            latest: width,
            part,
        }
    }

    /// Takes the rest, if the line is nothing but hex.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let Some(digits) = bare_digits(text) else {
            return false;
        };
        if self.part.digits.len() + digits.len() > 2 * MAX_LINE {
            return false;
        }
        if self.is_whole() && self.is_next(&digits) {
            return false;
        }
        self.latest = text.chars().count();
        self.part.digits.extend(digits);
        true
    }

    /// Whether what is there could be all of it.
    fn is_whole(&self) -> bool {
        let known = bytes(&self.part.digits);
        self.part.digits.len().is_multiple_of(2)
            && match self.part.is_command {
                true => CommandApdu::decode(&known).is_ok(),
                false => ends_with_status(&known),
            }
    }

    /// Whether bytes behind what could be all of it are something of their own.
    fn is_next(&self, digits: &[u8]) -> bool {
        let next = bytes(digits);
        if self.part.is_command {
            let joined = [self.part.digits.as_slice(), digits].concat();
            return CommandApdu::decode(&bytes(&joined)).is_err();
        }
        CommandApdu::decode(&next).is_ok() && !ends_with_status(&next)
    }

    /// Whether the next line need not be looked at.
    pub(super) fn is_complete(&self) -> bool {
        let digits = &self.part.digits;
        if !digits.len().is_multiple_of(2) {
            return false;
        }
        match self.part.length {
            Some(length) => digits.len() / 2 >= length,
            None => self.latest < self.width,
        }
    }

    /// Whether it is a command, and its bytes; or why it cannot be read.
    pub(super) fn end(self) -> Result<(bool, Vec<u8>), String> {
        let Part {
            is_command,
            digits,
            length,
        } = self.part;
        let whole = digits.len() / 2;
        match length {
            Some(length) if whole < length => {
                Err(format!("cut off: {whole} of {length} bytes are there"))
            }
            _ if !digits.len().is_multiple_of(2) => Err(odd(&digits)),
            _ => Ok((is_command, bytes(&digits))),
        }
    }
}
