//! Why bytes could not be decoded, or a value could not be encoded.
//!
//! Offsets count from the first byte of what was handed to the decoder. For a command that is the
//! encoded APDU: CLA is at 0, P1 at 2, the data field begins at 5 (short) or 7 (extended). For a
//! response it is the data field, which comes first in a response APDU.

/// Bytes do not have the form that the decoder expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends too early.
    #[error("input ends at offset {offset}, at least {needed} more byte(s) needed")]
    Truncated {
        /// Where the input ends.
        offset: usize,
        /// How many bytes are missing, at least.
        needed: usize,
    },
    /// Something follows where the input should have ended.
    #[error("unexpected bytes from offset {offset}")]
    TrailingBytes {
        /// Where the first superfluous byte lies.
        offset: usize,
    },
    /// Another data object was found than the one that has to be here.
    #[error("tag {found:02X} at offset {offset}, expected {expected:02X}")]
    UnexpectedTag {
        /// Where the tag begins.
        offset: usize,
        /// The tag that has to be here.
        expected: u32,
        /// The tag that is here.
        found: u32,
    },
    /// A tag that is longer than three bytes.
    #[error("malformed tag at offset {offset}")]
    InvalidTag {
        /// Where the tag begins.
        offset: usize,
    },
    /// A length field that is malformed, or does not fit what it measures.
    #[error("invalid length at offset {offset}")]
    InvalidLength {
        /// Where the length, or the value of wrong length, begins.
        offset: usize,
    },
    /// A field has a value that its table does not allow.
    #[error("invalid {field} at offset {offset}")]
    InvalidValue {
        /// Where the value begins.
        offset: usize,
        /// The name of the field.
        field: &'static str,
    },
    /// A mandatory field is absent.
    #[error("{field} missing at offset {offset}")]
    MissingField {
        /// Where the structure that should hold it ends.
        offset: usize,
        /// The name of the field.
        field: &'static str,
    },
    /// The class byte does not suit the command.
    #[error("class {found:02X} at offset {offset} does not suit the command")]
    WrongClass {
        /// Always 0.
        offset: usize,
        /// The class byte.
        found: u8,
    },
    /// The APDU is another command.
    #[error("instruction {found:02X} at offset {offset}, expected {expected:02X}")]
    WrongInstruction {
        /// Always 1.
        offset: usize,
        /// The instruction byte of the command.
        expected: u8,
        /// The instruction byte of the APDU.
        found: u8,
    },
}

impl DecodeError {
    /// Where in the input the fault lies.
    #[must_use]
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Truncated { offset, .. }
            | Self::TrailingBytes { offset }
            | Self::UnexpectedTag { offset, .. }
            | Self::InvalidTag { offset }
            | Self::InvalidLength { offset }
            | Self::InvalidValue { offset, .. }
            | Self::MissingField { offset, .. }
            | Self::WrongClass { offset, .. }
            | Self::WrongInstruction { offset, .. } => offset,
        }
    }
}

/// A value does not fit its encoding; always the caller's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A field holds more bytes than its encoding allows.
    #[error("{field} has {length} bytes, at most {limit} allowed")]
    TooLong {
        /// The name of the field.
        field: &'static str,
        /// How many bytes it has.
        length: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The expected response length is too large for the form of the APDU.
    #[error("expected response length {le} is above {limit}")]
    LeTooLarge {
        /// The expected response length.
        le: u32,
        /// What the form (short or extended) allows.
        limit: u32,
    },
    /// The buffer that the caller gave is too small. Nothing has been written.
    #[error("{needed} bytes of buffer needed, {available} given")]
    BufferTooSmall {
        /// How many bytes the encoding has.
        needed: usize,
        /// How many bytes the buffer has.
        available: usize,
    },
    /// A sequence of commands would need more than 256 blocks.
    #[error("{blocks} blocks needed, block numbers end at 255")]
    TooManyBlocks {
        /// How many blocks would be needed.
        blocks: usize,
    },
    /// Data cannot be cut into blocks of no bytes.
    #[error("block size is zero")]
    EmptyBlocks,
    /// Only DELETE, INSTALL and PUT KEY can be cut into several commands.
    #[error("a command with instruction {ins:02X} cannot be cut into several")]
    NotChainable {
        /// The instruction byte.
        ins: u8,
    },
    /// Logical channels are numbered 0 to 19.
    #[error("logical channel {channel} does not exist")]
    NoSuchChannel {
        /// The channel asked for.
        channel: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn messages_name_the_offset() {
        let error = DecodeError::UnexpectedTag {
            offset: 7,
            expected: 0x4F,
            found: 0x9F70,
        };
        assert_eq!(error.to_string(), "tag 9F70 at offset 7, expected 4F");
        assert_eq!(error.offset(), 7);
    }

    #[test]
    fn every_decode_error_knows_its_offset_and_says_it() {
        let offset = 9;
        let field = "P1";
        for (error, text) in [
            (
                DecodeError::Truncated { offset, needed: 2 },
                "input ends at offset 9, at least 2 more byte(s) needed",
            ),
            (
                DecodeError::TrailingBytes { offset },
                "unexpected bytes from offset 9",
            ),
            (
                DecodeError::InvalidTag { offset },
                "malformed tag at offset 9",
            ),
            (
                DecodeError::InvalidLength { offset },
                "invalid length at offset 9",
            ),
            (
                DecodeError::InvalidValue { offset, field },
                "invalid P1 at offset 9",
            ),
            (
                DecodeError::MissingField { offset, field },
                "P1 missing at offset 9",
            ),
            (
                DecodeError::WrongClass { offset, found: 0 },
                "class 00 at offset 9 does not suit the command",
            ),
            (
                DecodeError::WrongInstruction {
                    offset,
                    expected: 0xE4,
                    found: 0x0A,
                },
                "instruction 0A at offset 9, expected E4",
            ),
        ] {
            assert_eq!(error.offset(), 9, "{error}");
            assert_eq!(error.to_string(), text);
        }
    }
}
