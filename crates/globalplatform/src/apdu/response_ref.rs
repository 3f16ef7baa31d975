//! A response APDU whose data field lies elsewhere.

use alloc::vec::Vec;
use core::fmt;

use super::ResponseApdu;
use crate::error::{DecodeError, EncodeError};
use crate::status_word::StatusWord;

/// A response APDU that borrows its data field, where [`ResponseApdu`] owns it. Cheap to copy.
///
/// ```
/// use globalplatform::apdu::ResponseRef;
/// use globalplatform::status_word::StatusWord;
///
/// let response = ResponseRef::decode(&[0xAA, 0x90, 0x00])?;
/// assert_eq!((response.data, response.sw), (&[0xAA][..], StatusWord::OK));
/// # Ok::<(), globalplatform::error::DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResponseRef<'a> {
    /// The data field.
    pub data: &'a [u8],
    /// The status word.
    pub sw: StatusWord,
}

impl<'a> ResponseRef<'a> {
    /// A status word without data.
    #[must_use]
    pub const fn status(sw: StatusWord) -> Self {
        Self { data: &[], sw }
    }

    /// Data and 9000.
    #[must_use]
    pub const fn with_data(data: &'a [u8]) -> Self {
        Self {
            data,
            sw: StatusWord::OK,
        }
    }

    /// Length of the bytes as sent.
    #[must_use]
    pub const fn encoded_length(&self) -> usize {
        self.data.len().saturating_add(2)
    }

    /// Writes the bytes as sent to the beginning of `out`; gives their number.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`].
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let needed = self.encoded_length();
        let available = out.len();
        let (data, sw) = out
            .get_mut(..needed)
            .and_then(<[u8]>::split_last_chunk_mut)
            .ok_or(EncodeError::BufferTooSmall { needed, available })?;
        data.copy_from_slice(self.data);
        *sw = self.sw.to_bytes();
        Ok(needed)
    }

    /// The bytes as sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [self.data, &self.sw.to_bytes()].concat()
    }

    /// Splits a response into data and status word.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there are fewer than two bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (data, sw) = bytes
            .split_last_chunk()
            .ok_or_else(|| DecodeError::Truncated {
                offset: bytes.len(),
                needed: 2 - bytes.len(),
            })?;
        Ok(Self {
            data,
            sw: StatusWord::from(*sw),
        })
    }

    /// The same response with a data field of its own.
    #[must_use]
    pub fn to_owned(&self) -> ResponseApdu {
        ResponseApdu {
            data: self.data.to_vec(),
            sw: self.sw,
        }
    }
}

impl<'a> From<&'a ResponseApdu> for ResponseRef<'a> {
    fn from(response: &'a ResponseApdu) -> Self {
        response.view()
    }
}

impl From<StatusWord> for ResponseRef<'_> {
    fn from(sw: StatusWord) -> Self {
        Self::status(sw)
    }
}

impl fmt::Debug for ResponseRef<'_> {
    /// Length and status word, never data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseRef({} bytes, {:?})", self.data.len(), self.sw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn encodes_into_the_beginning_of_a_buffer_or_not_at_all() {
        let response = ResponseRef::with_data(&[1, 2, 3]);
        assert_eq!(response.encoded_length(), 5);
        let mut out = [0xEE; 6];
        assert_eq!(response.encode_into(&mut out), Ok(5));
        assert_eq!(out, [1, 2, 3, 0x90, 0x00, 0xEE]);
        let needed = EncodeError::BufferTooSmall {
            needed: 5,
            available: 4,
        };
        assert_eq!(response.encode_into(&mut [0; 4]), Err(needed));
        let mut exact = [0; 2];
        let status = ResponseRef::from(StatusWord::NOT_FOUND);
        assert_eq!(status.encode_into(&mut exact), Ok(2));
        assert_eq!(exact, [0x6A, 0x82]);
    }

    #[test]
    fn looks_at_the_bytes_it_was_decoded_from() {
        let bytes = [0xAA, 0xBB, 0x63, 0x10];
        let response = ResponseRef::decode(&bytes).unwrap();
        assert!(core::ptr::eq(response.data, &bytes[..2]));
        assert_eq!(response.sw, StatusWord::MORE_DATA);
        assert_eq!(response.encode(), bytes);
        assert_eq!(ResponseRef::from(&response.to_owned()), response);
    }

    #[test]
    fn debug_shows_no_data() {
        let response = ResponseRef::with_data(&[0xDE, 0xAD]);
        assert_eq!(format!("{response:?}"), "ResponseRef(2 bytes, 9000)");
    }
}
