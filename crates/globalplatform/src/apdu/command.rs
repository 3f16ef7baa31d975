//! Command APDUs: the four cases, short and extended.

use alloc::vec::Vec;
use core::fmt;

use super::CommandRef;
use crate::{
    error::{DecodeError, EncodeError},
    tlv::Reader,
};

/// A command APDU.
///
/// ```
/// use globalplatform::apdu::CommandApdu;
///
/// let command = CommandApdu::new(0x80, 0xF2, 0x40, 0x02).with_data([0x4F, 0x00]).with_le(256);
/// assert_eq!(command.encode()?, [0x80, 0xF2, 0x40, 0x02, 2, 0x4F, 0x00, 0x00]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CommandApdu {
    /// Class: origin, secure messaging, chaining and logical channel.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// The data field, without Lc.
    pub data: Vec<u8>,
    /// How many bytes of response are expected at most; `None` leaves Le out. 256 is written as 00
    /// in a short APDU, 65536 as 0000 in an extended one, and 0 like these largest values.
    pub le: Option<u32>,
    /// Whether Lc and Le are written in their extended form.
    pub extended: bool,
}

impl CommandApdu {
    /// A short command without data and without Le.
    #[must_use]
    pub const fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            cla,
            ins,
            p1,
            p2,
            data: Vec::new(),
            le: None,
            extended: false,
        }
    }

    /// The same command with this data field.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// The same command that expects up to `le` bytes in response.
    #[must_use]
    pub const fn with_le(mut self, le: u32) -> Self {
        self.le = Some(le);
        self
    }

    /// The same command in the extended form.
    #[must_use]
    pub const fn with_extended_length(mut self) -> Self {
        self.extended = true;
        self
    }

    /// The same command, borrowed.
    #[must_use]
    pub const fn view(&self) -> CommandRef<'_> {
        CommandRef {
            cla: self.cla,
            ins: self.ins,
            p1: self.p1,
            p2: self.p2,
            data: self.data.as_slice(),
            le: self.le,
            extended: self.extended,
        }
    }

    /// CLA, INS, P1, P2.
    #[must_use]
    pub const fn header(&self) -> [u8; 4] {
        self.view().header()
    }

    /// Where the data field begins in the encoded command.
    #[must_use]
    pub const fn data_offset(&self) -> usize {
        self.view().data_offset()
    }

    /// Reads the data field with offsets of the encoded command.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        self.view().reader()
    }

    /// Length of the bytes as sent.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] or [`EncodeError::LeTooLarge`] when data or Le do not fit the form;
    /// a short command never becomes extended by itself.
    pub const fn encoded_length(&self) -> Result<usize, EncodeError> {
        self.view().encoded_length()
    }

    /// Writes the bytes as sent to the beginning of `out`; gives their number.
    ///
    /// # Errors
    /// Those of [`CommandApdu::encoded_length`], and [`EncodeError::BufferTooSmall`].
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.view().encode_into(out)
    }

    /// The bytes as sent.
    ///
    /// # Errors
    /// Those of [`CommandApdu::encoded_length`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        self.view().encode()
    }

    /// Decodes a command in any of the four cases, short or extended.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], [`DecodeError::TrailingBytes`], or [`DecodeError::InvalidLength`]
    /// for an extended Lc of zero.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        CommandRef::decode(bytes).map(|command| command.to_owned())
    }
}

impl fmt::Debug for CommandApdu {
    /// Header and length, never data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommandApdu")?;
        self.view().describe(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};
    use proptest::prelude::*;

    fn decode(hex: &str) -> Result<CommandApdu, DecodeError> {
        CommandApdu::decode(&hex::decode(hex).unwrap())
    }

    #[test]
    fn decodes_all_seven_forms() {
        let base = || CommandApdu::new(0x80, 0xCA, 0, 0x66);
        let data = || base().with_data([1, 2, 3]);
        for (hex, expected) in [
            ("80CA0066", base()),
            ("80CA006600", base().with_le(256)),
            ("80CA006610", base().with_le(16)),
            ("80CA006603010203", data()),
            ("80CA00660301020300", data().with_le(256)),
            (
                "80CA0066000000",
                base().with_le(65_536).with_extended_length(),
            ),
            ("80CA0066000003010203", data().with_extended_length()),
            (
                "80CA0066000003010203012C",
                data().with_le(300).with_extended_length(),
            ),
        ] {
            assert_eq!(decode(hex).unwrap(), expected, "{hex}");
            assert_eq!(hex::encode_upper(expected.encode().unwrap()), hex);
        }
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, error) in [
            (
                "",
                DecodeError::Truncated {
                    offset: 0,
                    needed: 4,
                },
            ),
            (
                "80CA00",
                DecodeError::Truncated {
                    offset: 3,
                    needed: 1,
                },
            ),
            (
                "80CA006602AA",
                DecodeError::Truncated {
                    offset: 6,
                    needed: 1,
                },
            ),
            ("80CA006601AA0000", DecodeError::TrailingBytes { offset: 7 }),
            (
                "80CA00660000",
                DecodeError::Truncated {
                    offset: 6,
                    needed: 1,
                },
            ),
            ("80CA0066000000AA", DecodeError::InvalidLength { offset: 5 }),
            (
                "80CA0066000002AA",
                DecodeError::Truncated {
                    offset: 8,
                    needed: 1,
                },
            ),
            (
                "80CA0066000001AA00",
                DecodeError::Truncated {
                    offset: 9,
                    needed: 1,
                },
            ),
            (
                "80CA0066000001AA000000",
                DecodeError::TrailingBytes { offset: 10 },
            ),
        ] {
            assert_eq!(decode(hex), Err(error), "{hex}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit_the_form() {
        let long = CommandApdu::new(0, 0, 0, 0).with_data(vec![0; 256]);
        assert!(matches!(
            long.encode(),
            Err(EncodeError::TooLong {
                length: 256,
                limit: 255,
                ..
            })
        ));
        assert_eq!(long.with_extended_length().encode().unwrap().len(), 263);
        assert_eq!(
            CommandApdu::new(0, 0, 0, 0).with_le(257).encode(),
            Err(EncodeError::LeTooLarge {
                le: 257,
                limit: 256
            })
        );
        let huge = CommandApdu::new(0, 0, 0, 0).with_extended_length();
        assert!(huge.clone().with_data(vec![0; 65_536]).encode().is_err());
        assert!(huge.with_le(65_537).encode().is_err());
    }

    #[test]
    fn says_of_itself_what_its_view_says() {
        let short = CommandApdu::new(0x84, 0xE2, 0x90, 0x07)
            .with_data([1, 2, 3])
            .with_le(256);
        assert_eq!(short.header(), [0x84, 0xE2, 0x90, 0x07]);
        assert_eq!(short.view().header(), [0x84, 0xE2, 0x90, 0x07]);
        assert_eq!(short.data_offset(), 5);
        assert_eq!(short.reader().offset(), 5);
        assert_eq!(short.reader().remaining(), [1, 2, 3]);
        assert_eq!(short.encoded_length(), Ok(9));
        let mut out = [0xEE; 10];
        assert_eq!(short.encode_into(&mut out), Ok(9));
        assert_eq!(out, [0x84, 0xE2, 0x90, 0x07, 3, 1, 2, 3, 0, 0xEE]);
        let extended = short.with_extended_length();
        assert_eq!(extended.data_offset(), 7);
        assert_eq!(extended.reader().offset(), 7);
        assert_eq!(extended.encoded_length(), Ok(12));
        let error = EncodeError::BufferTooSmall {
            needed: 12,
            available: 11,
        };
        assert_eq!(extended.encode_into(&mut [0; 11]), Err(error));
    }

    #[test]
    fn debug_shows_no_data() {
        let command = CommandApdu::new(0, 0x20, 0, 0x80).with_data(*b"1234");
        assert_eq!(format!("{command:?}"), "CommandApdu(00 20 00 80, 4 bytes)");
    }

    proptest! {
        #[test]
        fn round_trips(
            header: [u8; 4],
            data in proptest::collection::vec(any::<u8>(), 0..600),
            le in proptest::option::of(1u32..=65_536),
            extended: bool,
        ) {
            let [cla, ins, p1, p2] = header;
            let mut command = CommandApdu::new(cla, ins, p1, p2).with_data(data);
            command.le = le;
            // Without data and Le there is nothing to write in the extended form.
            command.extended = extended && !(command.data.is_empty() && le.is_none());
            match command.encode() {
                Ok(bytes) => prop_assert_eq!(CommandApdu::decode(&bytes).unwrap(), command),
                Err(_) => prop_assert!(
                    !command.extended && (command.data.len() > 255 || le.is_some_and(|le| le > 256))
                ),
            }
        }

        #[test]
        fn any_bytes_decode_or_fail_inside_the_input(
            bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            match CommandApdu::decode(&bytes) {
                Ok(command) => prop_assert_eq!(command.encode().unwrap(), bytes),
                Err(error) => prop_assert!(error.offset() <= bytes.len()),
            }
        }
    }
}
