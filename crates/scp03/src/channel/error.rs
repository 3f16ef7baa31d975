//! What can go wrong on an open channel.

use globalplatform::error::EncodeError;
use thiserror::Error;

/// A command cannot be protected. Nothing has changed: the channel can go on with another command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WrapError {
    /// An earlier check failed, and the channel is gone.
    #[error("the secure channel is closed")]
    Closed,
    /// The class byte already says that the command is protected.
    #[error("the command is already protected")]
    AlreadySecured,
    /// The class byte asks for chaining or for a kind of secure messaging that is not SCP03's.
    #[error("class {cla:02X} cannot be protected")]
    UnsupportedClass {
        /// The class byte.
        cla: u8,
    },
    /// The command names another logical channel than that of the session.
    #[error("the command is for logical channel {command}, the session is on {session}")]
    OtherChannel {
        /// Logical channel of the command.
        command: u8,
        /// Logical channel of the session.
        session: u8,
    },
    /// The protected data field does not fit.
    #[error("{length} bytes of protected data do not fit {limit}")]
    TooLong {
        /// Length of the data field after protection.
        length: usize,
        /// What an APDU of this form holds.
        limit: usize,
    },
    /// The expected response length does not fit the form of the command.
    #[error("expected response length {le} is above {limit}")]
    LeTooLarge {
        /// The expected response length.
        le: u32,
        /// What an APDU of this form can ask for.
        limit: u32,
    },
    /// The caller's buffer is too small for the protected command.
    #[error("{needed} bytes of buffer needed")]
    BufferTooSmall {
        /// Length of the protected command.
        needed: usize,
    },
    /// END R-MAC SESSION would lower the level below what the type of the channel promises: use
    /// [`Channel::end_r_mac`](super::Channel::end_r_mac).
    #[error("the end of the R-MAC session would lower the level that the channel promises")]
    LowersLevel,
    /// Only DELETE, INSTALL and PUT KEY can be chained, and without their own "more commands follow" bit.
    #[error("instruction {ins:02X} cannot be sent in pieces")]
    NotChainable {
        /// The instruction.
        ins: u8,
    },
}

impl From<EncodeError> for WrapError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::LeTooLarge { le, limit } => Self::LeTooLarge { le, limit },
            EncodeError::BufferTooSmall { needed, .. } => Self::BufferTooSmall { needed },
            EncodeError::TooLong { length, limit, .. } => Self::TooLong { length, limit },
            EncodeError::NotChainable { ins } => Self::NotChainable { ins },
            // Encoding and cutting an APDU have no other error.
            _ => Self::TooLong {
                length: 0,
                limit: 0,
            },
        }
    }
}

/// A response cannot be believed, or was not expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The response is not what the card sent for this command. The channel is closed and its keys
    /// are gone.
    #[error("the response is not genuine")]
    NotGenuine,
    /// An earlier check failed, and the channel is gone.
    #[error("the secure channel is closed")]
    Closed,
    /// No command is waiting for a response.
    #[error("no command is waiting for a response")]
    NothingOutstanding,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_error_keeps_its_figures() {
        let (le, limit, needed, ins) = (257, 256, 40, 0xCA);
        for (error, expected) in [
            (
                EncodeError::LeTooLarge { le, limit },
                WrapError::LeTooLarge { le, limit },
            ),
            (
                EncodeError::NotChainable { ins },
                WrapError::NotChainable { ins },
            ),
            (
                EncodeError::BufferTooSmall {
                    needed,
                    available: 3,
                },
                WrapError::BufferTooSmall { needed },
            ),
        ] {
            assert_eq!(WrapError::from(error), expected);
        }
    }
}
