//! A command APDU whose data field lies elsewhere.

use alloc::vec::Vec;
use core::fmt;

use super::{CommandApdu, CommandFrame, MAX_EXTENDED_LE, MAX_SHORT_LE};
use crate::{
    error::{DecodeError, EncodeError},
    tlv::Reader,
};

/// A command APDU that borrows its data field, where [`CommandApdu`] owns it. Cheap to copy.
///
/// ```
/// use globalplatform::apdu::CommandRef;
///
/// let bytes = [0x80, 0xF2, 0x40, 0x02, 2, 0x4F, 0x00, 0x00];
/// let command = CommandRef::decode(&bytes)?;
/// assert_eq!((command.data, command.le), (&bytes[5..7], Some(256)));
/// let mut out = [0; 16];
/// let length = command.encode_into(&mut out)?;
/// assert_eq!(out[..length], bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CommandRef<'a> {
    /// Class: origin, secure messaging, chaining and logical channel.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// The data field, without Lc.
    pub data: &'a [u8],
    /// How many bytes of response are expected at most; `None` leaves Le out. 256 is written as 00
    /// in a short APDU, 65536 as 0000 in an extended one, and 0 like these largest values.
    pub le: Option<u32>,
    /// Whether Lc and Le are written in their extended form.
    pub extended: bool,
}

impl<'a> CommandRef<'a> {
    /// A short command without data and without Le.
    #[must_use]
    pub const fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            cla,
            ins,
            p1,
            p2,
            data: &[],
            le: None,
            extended: false,
        }
    }

    /// CLA, INS, P1, P2.
    #[must_use]
    pub const fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }

    /// Where the data field begins in the encoded command.
    #[must_use]
    pub const fn data_offset(&self) -> usize {
        if self.extended { 7 } else { 5 }
    }

    /// Reads the data field with offsets of the encoded command.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        Reader::with_base(self.data, self.data_offset())
    }

    /// Everything but the data field.
    #[must_use]
    pub const fn frame(&self) -> CommandFrame {
        CommandFrame {
            header: self.header(),
            data_length: self.data.len(),
            le: self.le,
            extended: self.extended,
        }
    }

    /// Length of the bytes as sent.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] or [`EncodeError::LeTooLarge`] when data or Le do not fit the form;
    /// a short command never becomes extended by itself.
    pub const fn encoded_length(&self) -> Result<usize, EncodeError> {
        self.frame().encoded_length()
    }

    /// Writes the bytes as sent to the beginning of `out`; gives their number.
    ///
    /// # Errors
    /// Those of [`CommandRef::encoded_length`], and [`EncodeError::BufferTooSmall`].
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame = self.frame();
        frame.encode_around(out)?.copy_from_slice(self.data);
        frame.encoded_length()
    }

    /// The bytes as sent.
    ///
    /// # Errors
    /// Those of [`CommandRef::encoded_length`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = alloc::vec![0; self.encoded_length()?];
        self.encode_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a command in any of the four cases, short or extended.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], [`DecodeError::TrailingBytes`], or [`DecodeError::InvalidLength`]
    /// for an extended Lc of zero.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let [cla, ins, p1, p2] = reader.array()?;
        let mut command = Self::new(cla, ins, p1, p2);
        match *reader.remaining() {
            [] => {}
            [le] => {
                reader.u8()?;
                command.le = Some(largest_if_zero(le.into(), MAX_SHORT_LE));
            }
            [0, ..] => command.decode_extended(&mut reader)?,
            [lc, ..] => {
                reader.u8()?;
                command.data = reader.take(lc.into())?;
                if !reader.is_empty() {
                    let le = reader.u8()?;
                    command.le = Some(largest_if_zero(le.into(), MAX_SHORT_LE));
                }
            }
        }
        reader.finish()?;
        Ok(command)
    }

    fn decode_extended(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        self.extended = true;
        reader.u8()?;
        let offset = reader.offset();
        let count = reader.u16()?;
        if reader.is_empty() {
            self.le = Some(largest_if_zero(count.into(), MAX_EXTENDED_LE));
            return Ok(());
        }
        if count == 0 {
            return Err(DecodeError::InvalidLength { offset });
        }
        self.data = reader.take(count.into())?;
        if !reader.is_empty() {
            let le = reader.u16()?;
            self.le = Some(largest_if_zero(le.into(), MAX_EXTENDED_LE));
        }
        Ok(())
    }

    /// The same command with a data field of its own.
    #[must_use]
    pub fn to_owned(&self) -> CommandApdu {
        let Self {
            cla,
            ins,
            p1,
            p2,
            data,
            le,
            extended,
        } = *self;
        CommandApdu {
            cla,
            ins,
            p1,
            p2,
            data: data.to_vec(),
            le,
            extended,
        }
    }

    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cla, ins, p1, p2] = self.header();
        write!(f, "({cla:02X} {ins:02X} {p1:02X} {p2:02X}, ")?;
        write!(f, "{} bytes", self.data.len())?;
        if let Some(le) = self.le {
            write!(f, ", le {le}")?;
        }
        f.write_str(if self.extended { ", extended)" } else { ")" })
    }
}

const fn largest_if_zero(le: u32, largest: u32) -> u32 {
    if le == 0 { largest } else { le }
}

impl<'a> From<&'a CommandApdu> for CommandRef<'a> {
    fn from(command: &'a CommandApdu) -> Self {
        command.view()
    }
}

impl fmt::Debug for CommandRef<'_> {
    /// Header and length, never data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommandRef")?;
        self.describe(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn encodes_into_the_beginning_of_a_buffer_or_not_at_all() {
        let command = CommandRef {
            data: &[0x4F, 0x00],
            le: Some(256),
            ..CommandRef::new(0x80, 0xF2, 0x40, 0x02)
        };
        let encoded = [0x80, 0xF2, 0x40, 0x02, 2, 0x4F, 0x00, 0x00];
        let mut out = [0xEE; 9];
        assert_eq!(command.encode_into(&mut out), Ok(8));
        assert_eq!((&out[..8], out[8]), (&encoded[..], 0xEE));
        let mut exact = [0; 8];
        assert_eq!(command.encode_into(&mut exact), Ok(8));
        assert_eq!(exact, encoded);
        let mut small = [0xEE; 7];
        let needed = EncodeError::BufferTooSmall {
            needed: 8,
            available: 7,
        };
        assert_eq!(command.encode_into(&mut small), Err(needed));
        assert_eq!(small, [0xEE; 7]);
    }

    #[test]
    fn looks_at_the_bytes_it_was_decoded_from() {
        let bytes = [
            0x80, 0xE2, 0x00, 0x00, 0x00, 0x00, 0x02, 0xAA, 0xBB, 0x00, 0x00,
        ];
        let command = CommandRef::decode(&bytes).unwrap();
        assert!(core::ptr::eq(command.data, &bytes[7..9]));
        assert_eq!((command.le, command.extended), (Some(65_536), true));
        assert_eq!((command.data_offset(), command.reader().offset()), (7, 7));
        assert_eq!(command.to_owned().view(), command);
        assert_eq!(CommandRef::from(&command.to_owned()), command);
    }

    #[test]
    fn debug_shows_no_data() {
        let command = CommandRef {
            data: b"1234",
            le: Some(300),
            extended: true,
            ..CommandRef::new(0, 0x20, 0, 0x80)
        };
        let text = "CommandRef(00 20 00 80, 4 bytes, le 300, extended)";
        assert_eq!(format!("{command:?}"), text);
    }
}
