//! GlobalPlatform command chaining (G 11.1.5.1): the data of a DELETE, INSTALL or PUT KEY command in
//! several commands, of which all but the last have P1 b8 set.
//!
//! Secure messaging comes first and the cutting second: one MAC over the whole command, with its
//! length as `00 hi lo` when it is above 255. A card joins first and removes secure messaging then.

use alloc::vec::Vec;

use super::{delete, install, put_key};
use crate::{apdu::CommandApdu, error::EncodeError, status_word::StatusWord};

/// P1 b8: more commands follow.
const MORE: u8 = 0x80;
/// P1 of PUT KEY that replaces initial keys; not the bit above with version 7F.
const INITIAL_KEYS: u8 = 0xFF;

/// Whether the command can be one of several that belong together, and says that more follow.
#[must_use]
pub const fn more_follow(command: &CommandApdu) -> bool {
    is_chainable(command) && command.p1 & MORE != 0
}

const fn is_chainable(command: &CommandApdu) -> bool {
    match command.ins {
        delete::INS | install::INS => true,
        put_key::INS => command.p1 != INITIAL_KEYS,
        _ => false,
    }
}

/// Cuts a command into short commands with at most `max_data` bytes of data each. A command that
/// fits comes back alone.
///
/// # Errors
/// [`EncodeError::EmptyBlocks`] when `max_data` is zero, and [`EncodeError::NotChainable`] when the
/// command does not fit and is no DELETE, INSTALL or PUT KEY.
///
/// ```
/// use globalplatform::{apdu::CommandApdu, commands::chaining};
///
/// let long = CommandApdu::new(0x80, 0xE6, 0x0C, 0x00).with_data([7; 300]);
/// let parts = chaining::split(&long, 255)?;
/// assert_eq!((parts[0].p1, parts[0].data.len()), (0x8C, 255));
/// assert_eq!((parts[1].p1, parts[1].data.len()), (0x0C, 45));
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
pub fn split(command: &CommandApdu, max_data: usize) -> Result<Vec<CommandApdu>, EncodeError> {
    if max_data == 0 {
        return Err(EncodeError::EmptyBlocks);
    }
    let whole = CommandApdu {
        extended: false,
        ..command.clone()
    };
    if command.data.len() <= max_data {
        return Ok(Vec::from([whole]));
    }
    if !is_chainable(command) {
        return Err(EncodeError::NotChainable { ins: command.ins });
    }
    let mut parts: Vec<CommandApdu> = command
        .data
        .chunks(max_data)
        .map(|data| CommandApdu {
            p1: command.p1 | MORE,
            data: data.to_vec(),
            ..CommandApdu::new(command.cla, command.ins, command.p1, command.p2)
        })
        .map(|part| CommandApdu {
            le: command.le,
            ..part
        })
        .collect();
    if let Some(last) = parts.last_mut() {
        last.p1 &= !MORE;
    }
    Ok(parts)
}

/// A sequence of commands that do not make one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Another command came in between; the data received so far are gone.
    #[error("the chain of commands was interrupted")]
    Interrupted,
    /// The data are longer than the receiver takes; the data received so far are gone.
    #[error("the chain of commands has more than {limit} bytes of data")]
    TooLong {
        /// How many bytes it takes.
        limit: usize,
    },
}

impl ChainError {
    /// What a card answers.
    #[must_use]
    pub const fn status_word(&self) -> StatusWord {
        match self {
            Self::Interrupted => StatusWord::CONDITIONS,
            Self::TooLong { .. } => StatusWord::WRONG_P1P2,
        }
    }
}

/// Joins what [`split`] cut, at the card end.
///
/// ```
/// use globalplatform::{apdu::CommandApdu, commands::chaining::{Joiner, split}};
///
/// let long = CommandApdu::new(0x80, 0xE6, 0x0C, 0x00).with_data([7; 300]);
/// let mut joiner = Joiner::new(1024);
/// let mut joined = None;
/// for part in split(&long, 255)? {
///     // `None` is answered with a bare 9000.
///     joined = joiner.take(part)?;
/// }
/// assert_eq!(joined, Some(long.with_extended_length()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Joiner {
    limit: usize,
    begun: Option<CommandApdu>,
}

impl Joiner {
    /// Takes up to `limit` bytes of data.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, begun: None }
    }

    /// Whether a chain has begun and not ended.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.begun.is_some()
    }

    /// Takes the next command: gives back the whole one, or `None` when more follow. A command that
    /// belongs to no chain comes back as it is. A whole command of more than 255 bytes is extended, and one
    /// whose last part is.
    ///
    /// # Errors
    /// [`ChainError`] when a chain has begun and something else comes, or when it gets too long.
    pub fn take(&mut self, command: CommandApdu) -> Result<Option<CommandApdu>, ChainError> {
        let more = more_follow(&command);
        let whole = match self.begun.take() {
            None if !more => return Ok(Some(command)),
            None => command,
            Some(mut begun) => {
                if !continues(&begun, &command) {
                    return Err(ChainError::Interrupted);
                }
                begun.data.extend_from_slice(&command.data);
                CommandApdu {
                    data: begun.data,
                    ..command
                }
            }
        };
        if whole.data.len() > self.limit {
            return Err(ChainError::TooLong { limit: self.limit });
        }
        if more {
            self.begun = Some(whole);
            return Ok(None);
        }
        let extended = whole.extended || whole.data.len() > crate::apdu::MAX_SHORT_DATA;
        Ok(Some(CommandApdu { extended, ..whole }))
    }

    /// Forgets a chain that has begun: the application session or the secure channel has ended.
    pub fn reset(&mut self) {
        self.begun = None;
    }
}

/// Whether both have the same header but for P1 b8.
fn continues(begun: &CommandApdu, next: &CommandApdu) -> bool {
    is_chainable(next)
        && (begun.cla, begun.ins, begun.p2) == (next.cla, next.ins, next.p2)
        && begun.p1 | MORE == next.p1 | MORE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::any_bytes;
    use alloc::{string::ToString, vec};
    use proptest::prelude::*;

    fn command(ins: u8, p1: u8, data: usize) -> CommandApdu {
        CommandApdu::new(0x80, ins, p1, 0x01)
            .with_data(vec![7; data])
            .with_le(256)
    }

    #[test]
    fn a_chain_is_extended_when_its_last_part_is() {
        let whole = command(0xE6, 0x02, 200);
        let parts = split(&whole, 150).unwrap();
        for extended in [false, true] {
            let mut joiner = Joiner::new(1000);
            let last = CommandApdu {
                extended,
                ..parts[1].clone()
            };
            assert_eq!(joiner.take(parts[0].clone()), Ok(None));
            let joined = joiner.take(last).unwrap().unwrap();
            assert_eq!(
                joined,
                CommandApdu {
                    extended,
                    ..whole.clone()
                }
            );
        }
    }

    #[test]
    fn cuts_only_what_does_not_fit() {
        let fits = command(0xE6, 0x02, 10).with_extended_length();
        assert_eq!(split(&fits, 10), Ok(vec![command(0xE6, 0x02, 10)]));
        let parts = split(&fits, 9).unwrap();
        assert_eq!(parts, [command(0xE6, 0x82, 9), command(0xE6, 0x02, 1)]);
        assert_eq!(split(&fits, 0), Err(EncodeError::EmptyBlocks));
    }

    #[test]
    fn cuts_only_commands_that_can_be_chained() {
        for (ins, p1) in [(0xE8, 0), (0xE2, 0), (0xD8, 0xFF), (0xF0, 0x40)] {
            assert_eq!(split(&command(ins, p1, 9), 9).unwrap().len(), 1);
            assert_eq!(
                split(&command(ins, p1, 10), 9),
                Err(EncodeError::NotChainable { ins })
            );
            assert!(!more_follow(&command(ins, p1 | 0x80, 0)) || ins == 0xD8 && p1 != 0xFF);
        }
        for ins in [0xE4, 0xE6, 0xD8] {
            assert_eq!(split(&command(ins, 0, 10), 9).unwrap().len(), 2);
            assert!(more_follow(&command(ins, 0x80, 0)));
            assert!(!more_follow(&command(ins, 0x7F, 0)));
        }
    }

    #[test]
    fn joins_up_to_the_limit() {
        let parts = split(&command(0xD8, 0x30, 300), 255).unwrap();
        let join = |limit| {
            let mut joiner = Joiner::new(limit);
            let mut joined = None;
            for part in parts.clone() {
                joined = joiner.take(part)?;
            }
            assert!(!joiner.is_waiting());
            Ok(joined)
        };
        assert_eq!(
            join(300),
            Ok(Some(command(0xD8, 0x30, 300).with_extended_length()))
        );
        let error = ChainError::TooLong { limit: 299 };
        assert_eq!(join(299), Err(error));
        assert_eq!(error.status_word(), StatusWord::WRONG_P1P2);
        assert_eq!(
            error.to_string(),
            "the chain of commands has more than 299 bytes of data"
        );
    }

    #[test]
    fn joined_commands_are_extended_only_above_255_bytes() {
        for (length, extended) in [(255, false), (256, true)] {
            let mut joiner = Joiner::new(1000);
            for part in split(&command(0xE4, 0, length), 100).unwrap() {
                if let Some(joined) = joiner.take(part).unwrap() {
                    assert_eq!((joined.data.len(), joined.extended), (length, extended));
                }
            }
        }
    }

    #[test]
    fn single_commands_pass_through() {
        let mut joiner = Joiner::new(0);
        for command in [command(0xE6, 0x02, 9), command(0xE8, 0x80, 9)] {
            assert_eq!(joiner.take(command.clone()), Ok(Some(command)));
        }
    }

    #[test]
    fn another_header_in_between_interrupts() {
        let first = command(0xE6, 0x8C, 9);
        let other_channel = CommandApdu {
            cla: 0x81,
            ..command(0xE6, 0x0C, 9)
        };
        let other_p2 = CommandApdu {
            p2: 2,
            ..command(0xE6, 0x0C, 9)
        };
        for second in [
            command(0xE4, 0x0C, 9),
            command(0xE6, 0x02, 9),
            command(0xE2, 0x0C, 9),
            other_channel,
            other_p2,
        ] {
            let mut joiner = Joiner::new(100);
            assert_eq!(joiner.take(first.clone()), Ok(None));
            assert!(joiner.is_waiting());
            assert_eq!(joiner.take(second), Err(ChainError::Interrupted));
            assert!(!joiner.is_waiting());
        }
        assert_eq!(
            ChainError::Interrupted.status_word(),
            StatusWord::CONDITIONS
        );
        // PUT KEY FF has the same header as a part of a chain for version 7F, but is none.
        let mut joiner = Joiner::new(100);
        assert_eq!(
            joiner
                .take(command(0xD8, 0x7F | 0x80, 1))
                .unwrap()
                .map(|c| c.p1),
            Some(0xFF)
        );
    }

    #[test]
    fn forgets_a_chain_when_told() {
        let mut joiner = Joiner::new(100);
        assert_eq!(joiner.take(command(0xE6, 0x82, 9)), Ok(None));
        joiner.reset();
        assert!(!joiner.is_waiting());
        let whole = command(0xE6, 0x02, 9);
        assert_eq!(joiner.take(whole.clone()), Ok(Some(whole)));
    }

    proptest! {
        #[test]
        fn joining_undoes_cutting(data in any_bytes(0..600), size in 1usize..256, p1 in 0u8..0x7F) {
            let whole = CommandApdu::new(0x84, 0xE6, p1, 0).with_data(data).with_le(256);
            let mut joiner = Joiner::new(600);
            let mut joined = None;
            let parts = split(&whole, size).unwrap();
            for (i, part) in parts.iter().enumerate() {
                prop_assert_eq!(more_follow(part), i + 1 < parts.len());
                prop_assert!(part.encode().is_ok());
                joined = joiner.take(part.clone()).unwrap();
            }
            let extended = whole.data.len() > 255;
            prop_assert_eq!(joined, Some(CommandApdu { extended, ..whole }));
        }
    }
}
