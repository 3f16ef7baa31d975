//! What stands around the data field of a command: header, Lc and Le.

use super::{MAX_EXTENDED_DATA, MAX_EXTENDED_LE, MAX_SHORT_DATA, MAX_SHORT_LE};
use crate::error::EncodeError;

/// A command APDU without the bytes of its data field.
///
/// ```
/// use globalplatform::apdu::CommandFrame;
///
/// let header = [0x80, 0xF2, 0x40, 0x02];
/// let frame = CommandFrame { header, data_length: 2, le: Some(256), extended: false };
/// let mut out = [0xFF; 10];
/// frame.encode_around(&mut out)?.copy_from_slice(&[0x4F, 0x00]);
/// assert_eq!(out[..frame.encoded_length()?], [0x80, 0xF2, 0x40, 0x02, 2, 0x4F, 0x00, 0x00]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandFrame {
    /// CLA, INS, P1, P2.
    pub header: [u8; 4],
    /// Length of the data field in bytes; 0 leaves Lc out.
    pub data_length: usize,
    /// How many bytes of response are expected at most; `None` leaves Le out. Written as in
    /// [`CommandRef::le`](super::CommandRef::le).
    pub le: Option<u32>,
    /// Whether Lc and Le are written in their extended form.
    pub extended: bool,
}

impl CommandFrame {
    /// Length of the whole command in bytes, data field included.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] or [`EncodeError::LeTooLarge`] when data or Le do not fit the form;
    /// a short command never becomes extended by itself.
    pub const fn encoded_length(&self) -> Result<usize, EncodeError> {
        let (max_data, max_le) = if self.extended {
            (MAX_EXTENDED_DATA, MAX_EXTENDED_LE)
        } else {
            (MAX_SHORT_DATA, MAX_SHORT_LE)
        };
        if self.data_length > max_data {
            return Err(EncodeError::TooLong {
                field: "command data",
                length: self.data_length,
                limit: max_data,
            });
        }
        let le_length = match self.le {
            None => 0,
            Some(le) if le > max_le => {
                return Err(EncodeError::LeTooLarge { le, limit: max_le });
            }
            Some(_) if !self.extended => 1,
            // Without Lc, the zero that announces the extended form stands before Le.
            Some(_) if self.data_length == 0 => 3,
            Some(_) => 2,
        };
        Ok(self.data_offset() + self.data_length + le_length)
    }

    /// Where the data field begins in the encoded command: at 5 or 7, or at the end of the header
    /// when there is none.
    pub const fn data_offset(&self) -> usize {
        match (self.data_length, self.extended) {
            (0, _) => 4,
            (_, false) => 5,
            (_, true) => 7,
        }
    }

    /// Writes everything but the data field to the beginning of `out`; gives the data field, still
    /// to be filled.
    ///
    /// # Errors
    /// Those of [`CommandFrame::encoded_length`], and [`EncodeError::BufferTooSmall`].
    pub fn encode_around<'o>(&self, out: &'o mut [u8]) -> Result<&'o mut [u8], EncodeError> {
        let needed = self.encoded_length()?;
        let too_small = EncodeError::BufferTooSmall {
            needed,
            available: out.len(),
        };
        let command = out.get_mut(..needed).ok_or(too_small)?;
        let (front, rest) = command
            .split_at_mut_checked(self.data_offset())
            .ok_or(too_small)?;
        let (data, back) = rest
            .split_at_mut_checked(self.data_length)
            .ok_or(too_small)?;
        let [cla, ins, p1, p2] = self.header;
        let [high, low] = (self.data_length as u16).to_be_bytes();
        match front {
            [a, b, c, d] => [*a, *b, *c, *d] = self.header,
            [a, b, c, d, lc] => [*a, *b, *c, *d, *lc] = [cla, ins, p1, p2, low],
            _ => front.copy_from_slice(&[cla, ins, p1, p2, 0x00, high, low]),
        }
        // The largest value is the one whose low bytes are zero.
        let [_, _, high, low] = self.le.unwrap_or(0).to_be_bytes();
        match back {
            [] => {}
            [le] => *le = low,
            [a, b] => [*a, *b] = [high, low],
            _ => back.copy_from_slice(&[0x00, high, low]),
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: CommandFrame = CommandFrame {
        header: [0x80, 0xCA, 0x00, 0x66],
        data_length: 0,
        le: None,
        extended: false,
    };

    #[test]
    fn knows_the_length_of_every_form() {
        for (data_length, le, short, extended) in [
            (0, None, 4, 4),
            (0, Some(1), 5, 7),
            (1, None, 6, 8),
            (255, Some(256), 261, 264),
        ] {
            let frame = CommandFrame {
                data_length,
                le,
                ..SHORT
            };
            assert_eq!(frame.encoded_length(), Ok(short));
            let frame = CommandFrame {
                extended: true,
                ..frame
            };
            assert_eq!(frame.encoded_length(), Ok(extended));
        }
    }

    #[test]
    fn refuses_what_does_not_fit_the_form() {
        for (extended, limit, le_limit) in [(false, 255, 256), (true, 65_535, 65_536)] {
            let frame = CommandFrame { extended, ..SHORT };
            let long = CommandFrame {
                data_length: limit + 1,
                ..frame
            };
            let too_long = EncodeError::TooLong {
                field: "command data",
                length: limit + 1,
                limit,
            };
            assert_eq!(long.encoded_length(), Err(too_long));
            assert_eq!(long.encode_around(&mut []), Err(too_long));
            let most = CommandFrame {
                data_length: limit,
                le: Some(le_limit),
                ..frame
            };
            assert!(most.encoded_length().is_ok());
            let le = le_limit + 1;
            let greedy = CommandFrame {
                le: Some(le),
                ..frame
            };
            let limit = le_limit;
            let too_large = EncodeError::LeTooLarge { le, limit };
            assert_eq!(greedy.encoded_length(), Err(too_large));
        }
    }

    #[test]
    fn writes_nothing_into_a_buffer_that_is_too_small() {
        let frame = CommandFrame {
            data_length: 2,
            le: Some(256),
            ..SHORT
        };
        let mut out = [0xEE; 7];
        assert_eq!(
            frame.encode_around(&mut out),
            Err(EncodeError::BufferTooSmall {
                needed: 8,
                available: 7
            })
        );
        assert_eq!(out, [0xEE; 7]);
    }

    #[test]
    fn touches_neither_the_data_field_nor_what_follows_the_command() {
        let frame = CommandFrame {
            data_length: 2,
            le: Some(0x0102),
            extended: true,
            ..SHORT
        };
        let mut out = [0xEE; 13];
        assert_eq!(frame.encode_around(&mut out), Ok(&mut [0xEE, 0xEE][..]));
        let expected = [
            0x80, 0xCA, 0x00, 0x66, 0, 0, 2, 0xEE, 0xEE, 0x01, 0x02, 0xEE, 0xEE,
        ];
        assert_eq!(out, expected);
    }
}
