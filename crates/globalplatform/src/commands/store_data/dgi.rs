//! Data groupings (G 11.11.2.3 after EMV CPS): a tag of two bytes, a length of one or three, data.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    error::{DecodeError, EncodeError},
    tlv::Reader,
};

/// Introduces a length of two further bytes.
const LONG_LENGTH: u8 = 0xFF;
/// The longest data that fit a length of one byte.
const MAX_SHORT: usize = 0xFE;
/// The shortest data that do not.
const FIRST_LONG: usize = 0xFF;
/// The longest data that fit at all.
const MAX_LONG: usize = 0xFFFF;

/// A data grouping.
///
/// ```
/// use globalplatform::commands::store_data::{Dgi, DgiReader};
///
/// let mut payload = Vec::new();
/// Dgi::new(0x9F05, [7; 16]).encode_into(&mut payload)?;
/// Dgi::new(0x9F02, [0; 300]).encode_into(&mut payload)?;
/// assert_eq!(payload[..3], [0x9F, 0x05, 0x10]);
/// assert_eq!(payload[19..24], [0x9F, 0x02, 0xFF, 0x01, 0x2C]);
///
/// let mut groupings = DgiReader::new(&payload);
/// assert_eq!(groupings.next().unwrap()?.data, [7; 16]);
/// assert_eq!(groupings.next().unwrap()?.offset, 19);
/// assert!(groupings.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Dgi {
    /// Its identifier.
    pub tag: u16,
    /// Its data, at most 65535 bytes.
    pub data: Vec<u8>,
}

impl Dgi {
    /// A data grouping.
    pub fn new(tag: u16, data: impl Into<Vec<u8>>) -> Self {
        Self {
            tag,
            data: data.into(),
        }
    }

    /// The encoded grouping.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] above 65535 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(self.data.len() + 5);
        self.encode_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the encoded grouping.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] above 65535 bytes; nothing is appended then.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
        let length = self.data.len();
        let tag = self.tag.to_be_bytes();
        match length {
            0..=MAX_SHORT => {
                bytes.extend_from_slice(&tag);
                bytes.push(length as u8);
            }
            FIRST_LONG..=MAX_LONG => {
                bytes.extend_from_slice(&tag);
                bytes.push(LONG_LENGTH);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                return Err(EncodeError::TooLong {
                    field: "data grouping",
                    length,
                    limit: MAX_LONG,
                });
            }
        }
        bytes.extend_from_slice(&self.data);
        Ok(())
    }
}

impl fmt::Debug for Dgi {
    /// Tag and length; the data may be a key or a PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dgi({:04X}, {} bytes)", self.tag, self.data.len())
    }
}

/// A data grouping inside a payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DgiRef<'a> {
    /// Its identifier.
    pub tag: u16,
    /// Its data.
    pub data: &'a [u8],
    /// Where its identifier begins in the payload.
    pub offset: usize,
    /// Where its data begin in the payload.
    pub data_offset: usize,
}

impl DgiRef<'_> {
    /// A copy that owns its data.
    #[must_use]
    pub fn to_dgi(&self) -> Dgi {
        Dgi::new(self.tag, self.data)
    }
}

impl fmt::Debug for DgiRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_dgi(), f)
    }
}

/// Iterates over the data groupings of a payload (the joined data of all blocks); ends after the
/// first error.
#[derive(Clone)]
pub struct DgiReader<'a> {
    reader: Reader<'a>,
}

impl<'a> DgiReader<'a> {
    /// Reads a payload from its beginning.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(payload),
        }
    }

    fn read(&mut self) -> Result<DgiRef<'a>, DecodeError> {
        let offset = self.reader.offset();
        let tag = self.reader.u16()?;
        let length = match self.reader.u8()? {
            LONG_LENGTH => usize::from(self.reader.u16()?),
            short => usize::from(short),
        };
        let data_offset = self.reader.offset();
        Ok(DgiRef {
            tag,
            data: self.reader.take(length)?,
            offset,
            data_offset,
        })
    }
}

impl<'a> Iterator for DgiReader<'a> {
    type Item = Result<DgiRef<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.reader.rest();
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use alloc::{format, vec};
    use proptest::prelude::*;

    #[test]
    fn reports_where_a_grouping_is_cut_off() {
        for (hex, offset, needed) in [
            ("9F", 1, 1),
            ("9F01", 2, 1),
            ("9F01FF01", 4, 1),
            ("9F0100 9F0203AA", 7, 2),
        ] {
            let payload = bytes(hex);
            let last = DgiReader::new(&payload).last().unwrap();
            assert_eq!(
                last,
                Err(DecodeError::Truncated { offset, needed }),
                "{hex}"
            );
        }
    }

    #[test]
    fn refuses_to_encode_too_much() {
        let mut out = vec![1];
        assert!(
            Dgi::new(1, vec![0; 0x1_0000])
                .encode_into(&mut out)
                .is_err()
        );
        assert_eq!(out, [1]);
        assert_eq!(
            Dgi::new(1, vec![0; 0xFFFF]).encode().unwrap().len(),
            0xFFFF + 5
        );
        assert_eq!(Dgi::new(1, vec![0; 0xFF]).encode().unwrap()[2], 0xFF);
        assert_eq!(Dgi::new(1, vec![0; 0xFE]).encode().unwrap()[2], 0xFE);
    }

    #[test]
    fn debug_shows_no_data() {
        assert_eq!(
            format!("{:?}", Dgi::new(0x9F03, *b"1234")),
            "Dgi(9F03, 4 bytes)"
        );
        let read = DgiRef {
            tag: 0x9F03,
            data: b"1234",
            offset: 0,
            data_offset: 3,
        };
        assert_eq!(format!("{read:?}"), "Dgi(9F03, 4 bytes)");
    }

    proptest! {
        #[test]
        fn round_trips(groupings in proptest::collection::vec(
            (any::<u16>(), any_bytes(0..600)).prop_map(|(tag, data)| Dgi { tag, data }), 0..5)) {
            let mut payload = Vec::new();
            for grouping in &groupings {
                grouping.encode_into(&mut payload).unwrap();
            }
            let read: Result<Vec<_>, _> =
                DgiReader::new(&payload).map(|item| item.map(|dgi| dgi.to_dgi())).collect();
            prop_assert_eq!(read, Ok(groupings));
        }

        #[test]
        fn nothing_panics(payload in any_bytes(0..40)) {
            for item in DgiReader::new(&payload) {
                match item {
                    Ok(dgi) => prop_assert!(dgi.data_offset + dgi.data.len() <= payload.len()),
                    Err(error) => prop_assert!(error.offset() <= payload.len()),
                }
            }
        }
    }
}
