//! Chains of commands (G 11.1.5.1): bit 8 of P1 says that more commands follow.

use core::fmt;

use alloc::vec::Vec;
use globalplatform::apdu::{CommandApdu, CommandRef, MAX_EXTENDED_DATA, MAX_SHORT_DATA};
use globalplatform::commands::{delete, install, put_key};
use globalplatform::status_word::StatusWord;

use crate::protected::ProtectedApdu;

const MORE: u8 = 0x80;

/// Whether a command has bit 8 of P1 for chaining: DELETE, INSTALL and PUT KEY.
const fn has_more_bit(command: &CommandRef<'_>) -> bool {
    command.is_proprietary() && matches!(command.ins, delete::INS | install::INS | put_key::INS)
}

/// Whether a whole command can be sent in pieces.
pub(crate) const fn is_chainable(command: &CommandRef<'_>) -> bool {
    has_more_bit(command) && command.p1 & MORE == 0
}

/// Cuts a protected command into short ones.
pub(crate) fn cut(whole: ProtectedApdu) -> Vec<ProtectedApdu> {
    let whole = whole.into_command();
    if whole.data.len() <= MAX_SHORT_DATA {
        return Vec::from([ProtectedApdu(whole)]);
    }
    let CommandApdu {
        cla,
        ins,
        p1,
        p2,
        le,
        ..
    } = whole;
    let pieces = whole.data.chunks(MAX_SHORT_DATA);
    let last = pieces.len().saturating_sub(1);
    let piece = |(i, data): (usize, &[u8])| {
        let is_last = i == last;
        let p1 = if is_last { p1 } else { p1 | MORE };
        let command = CommandApdu::new(cla, ins, p1, p2).with_data(data);
        let le = le.filter(|_| is_last);
        ProtectedApdu(CommandApdu { le, ..command })
    };
    pieces.enumerate().map(piece).collect()
}

/// What one command makes of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// More follow: the card answers a bare 9000, and checks nothing yet.
    More,
    /// The whole command, as it was protected.
    Whole(CommandApdu),
}

/// Joins chains of commands, on the card: one for each logical channel.
#[derive(Default)]
pub struct CommandChain {
    so_far: Option<CommandApdu>,
}

impl CommandChain {
    /// No chain has begun.
    pub const fn new() -> Self {
        Self { so_far: None }
    }

    /// Takes the next command as it came over the contacts.
    ///
    /// # Errors
    /// 6985 for another header in the middle of a chain, 6700 when the whole gets longer than 65535
    /// bytes. The chain is forgotten; the secure channel has not heard of it.
    pub fn join(&mut self, command: CommandApdu) -> Result<Joined, StatusWord> {
        let view = command.view();
        let more = has_more_bit(&view) && command.p1 & MORE != 0;
        let Some(so_far) = self.so_far.take() else {
            if !more {
                return Ok(Joined::Whole(command));
            }
            self.so_far = Some(command);
            return Ok(Joined::More);
        };
        let header = |command: &CommandApdu| {
            let [cla, ins, p1, p2] = command.header();
            [cla, ins, p1 & !MORE, p2]
        };
        if header(&so_far) != header(&command) {
            return Err(StatusWord::CONDITIONS);
        }
        let mut data = so_far.data;
        data.extend_from_slice(&command.data);
        if data.len() > MAX_EXTENDED_DATA {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let whole = CommandApdu {
            data,
            extended: true,
            ..command
        };
        if more {
            self.so_far = Some(whole);
            return Ok(Joined::More);
        }
        Ok(Joined::Whole(whole))
    }
}

impl fmt::Debug for CommandChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.so_far {
            Some(so_far) => write!(f, "CommandChain({} bytes)", so_far.data.len()),
            None => f.write_str("CommandChain(none)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn piece(p1: u8, length: usize) -> CommandApdu {
        CommandApdu::new(0x84, install::INS, p1, 0x00).with_data(vec![p1; length])
    }

    #[test]
    fn cuts_behind_every_255th_byte_and_joins_to_the_same() {
        for (length, pieces) in [
            (0, 1),
            (255, 1),
            (256, 2),
            (510, 2),
            (511, 3),
            (65_535, 257),
        ] {
            let extended = length > 255;
            let whole = CommandApdu {
                extended,
                ..piece(0x02, length).with_le(256)
            };
            let cut = cut(ProtectedApdu(whole.clone()));
            assert_eq!(cut.len(), pieces, "{length}");
            let mut chain = CommandChain::new();
            for (i, command) in cut.iter().enumerate() {
                let is_last = i + 1 == pieces;
                assert_eq!(command.p1, if is_last { 0x02 } else { 0x82 });
                assert_eq!(command.le.is_some(), is_last);
                assert!(!command.extended && command.data.len() <= 255);
                let joined = chain.join((**command).clone()).unwrap();
                let expected = is_last.then_some(whole.clone());
                assert_eq!(joined, expected.map_or(Joined::More, Joined::Whole));
            }
        }
    }

    #[test]
    fn only_three_commands_are_chained_by_their_p1() {
        for (command, chained) in [
            (CommandApdu::new(0x84, 0xE6, 0x80, 0), true),
            (CommandApdu::new(0x84, 0xE4, 0x80, 0), true),
            (CommandApdu::new(0x84, 0xD8, 0x80, 0), true),
            (CommandApdu::new(0x84, 0xE8, 0x80, 0), false),
            (CommandApdu::new(0x84, 0xE2, 0x80, 0), false),
            (CommandApdu::new(0x04, 0xE6, 0x80, 0), false),
            (CommandApdu::new(0x84, 0xE6, 0x00, 0), false),
        ] {
            let joined = CommandChain::new().join(command.clone());
            assert_eq!(joined == Ok(Joined::More), chained, "{command:?}");
            assert!(!is_chainable(&command.view()) || command.p1 == 0x00);
        }
    }

    #[test]
    fn another_header_in_between_ends_the_chain() {
        let first = piece(0x82, 3);
        for (field, value) in [(0, 0x85), (1, 0xE4), (2, 0x04), (3, 0x01)] {
            let mut header = [0x84, install::INS, 0x02, 0x00];
            header[field] = value;
            let [cla, ins, p1, p2] = header;
            let mut chain = CommandChain::new();
            assert_eq!(chain.join(first.clone()), Ok(Joined::More));
            let other = CommandApdu::new(cla, ins, p1, p2);
            assert_eq!(chain.join(other.clone()), Err(StatusWord::CONDITIONS));
            assert_eq!(chain.join(other.clone()), Ok(Joined::Whole(other)));
        }
    }

    #[test]
    fn a_chain_has_no_more_than_65535_bytes() {
        let mut chain = CommandChain::new();
        for _ in 0..257 {
            assert_eq!(chain.join(piece(0x82, 255)), Ok(Joined::More));
        }
        let mut longer = CommandChain {
            so_far: chain.so_far.clone(),
        };
        assert!(chain.join(piece(0x02, 0)).is_ok());
        assert_eq!(longer.join(piece(0x02, 1)), Err(StatusWord::WRONG_LENGTH));
        assert!(longer.so_far.is_none());
    }

    #[test]
    fn debug_shows_no_data() {
        let mut chain = CommandChain::new();
        assert_eq!(alloc::format!("{chain:?}"), "CommandChain(none)");
        chain.join(piece(0x82, 3)).unwrap();
        assert_eq!(alloc::format!("{chain:?}"), "CommandChain(3 bytes)");
    }
}
