//! Response APDUs.

use alloc::vec::Vec;
use core::fmt;

use super::ResponseRef;
use crate::error::{DecodeError, EncodeError};
use crate::status_word::StatusWord;

/// A response APDU: data and status word.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseApdu {
    /// The data field.
    pub data: Vec<u8>,
    /// The status word.
    pub sw: StatusWord,
}

impl ResponseApdu {
    /// 9000 without data.
    #[must_use]
    pub const fn ok() -> Self {
        Self::status(StatusWord::OK)
    }

    /// A status word without data.
    #[must_use]
    pub const fn status(sw: StatusWord) -> Self {
        Self {
            data: Vec::new(),
            sw,
        }
    }

    /// Data and 9000.
    pub fn with_data(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: data.into(),
            sw: StatusWord::OK,
        }
    }

    /// The same response, borrowed.
    #[must_use]
    pub const fn view(&self) -> ResponseRef<'_> {
        ResponseRef {
            data: self.data.as_slice(),
            sw: self.sw,
        }
    }

    /// Writes the bytes as sent to the beginning of `out`; gives their number.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`].
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.view().encode_into(out)
    }

    /// The bytes as sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.view().encode()
    }

    /// Splits a response into data and status word.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there are fewer than two bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        ResponseRef::decode(bytes).map(|response| response.to_owned())
    }
}

impl From<StatusWord> for ResponseApdu {
    fn from(sw: StatusWord) -> Self {
        Self::status(sw)
    }
}

impl fmt::Debug for ResponseApdu {
    /// Length and status word, never data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseApdu({} bytes, {:?})", self.data.len(), self.sw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    #[test]
    fn refuses_half_a_status_word() {
        for (bytes, needed) in [(&[][..], 2), (&[0x90][..], 1)] {
            assert_eq!(
                ResponseApdu::decode(bytes),
                Err(DecodeError::Truncated {
                    offset: bytes.len(),
                    needed
                })
            );
        }
    }

    #[test]
    fn says_of_itself_what_its_view_says() {
        let response = ResponseApdu::with_data([1, 2, 3]);
        let mut out = [0xEE; 6];
        assert_eq!(response.encode_into(&mut out), Ok(5));
        assert_eq!(out, [1, 2, 3, 0x90, 0x00, 0xEE]);
        assert_eq!(
            ResponseApdu::from(StatusWord::NOT_FOUND).encode(),
            [0x6A, 0x82]
        );
    }

    #[test]
    fn debug_shows_no_data() {
        let response = ResponseApdu::with_data([0xDE, 0xAD]);
        assert_eq!(format!("{response:?}"), "ResponseApdu(2 bytes, 9000)");
    }

    proptest! {
        #[test]
        fn round_trips(data in proptest::collection::vec(any::<u8>(), 0..300), sw: u16) {
            let response = ResponseApdu { data, sw: StatusWord(sw) };
            prop_assert_eq!(ResponseApdu::decode(&response.encode()).unwrap(), response);
        }
    }
}
