//! What INSTALL, LOAD and DELETE answer: nothing, or a receipt of delegated management
//! (G 11.1.6, Table 11-14).

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    tlv::{Reader, Writer},
};

/// Data of the response to a content management command: `00`, or a receipt with what it confirms.
///
/// ```
/// use globalplatform::commands::confirmation::ManagementResponse;
///
/// assert_eq!(ManagementResponse::NONE.encode(), [0x00]);
/// assert_eq!(ManagementResponse::decode(&[0x00]), Ok(ManagementResponse::NONE));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagementResponse {
    /// The receipt, if the command used Delegated Management.
    pub confirmation: Option<Confirmation>,
}

/// A receipt and the data that it confirms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// The receipt itself, a signature or MAC.
    pub receipt: Vec<u8>,
    /// The confirmation counter.
    pub counter: u16,
    /// Unique data of the security domain: its numbers 42 and 45, joined.
    pub unique_data: Vec<u8>,
    /// Identifies the token, if there was one with an identifier.
    pub token_identifier: Option<Vec<u8>>,
    /// Digest of the token data.
    pub token_digest: Option<Vec<u8>>,
}

/// The counter is always written with two bytes.
const COUNTER_LENGTH: u8 = 2;

impl ManagementResponse {
    /// No receipt.
    pub const NONE: Self = Self { confirmation: None };

    /// The data field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut inner = Writer::new();
        if let Some(confirmation) = &self.confirmation {
            inner.lv(&confirmation.receipt);
            confirmation.write_data(&mut inner);
        }
        let mut writer = Writer::new();
        writer.lv(&inner.into_vec());
        writer.into_vec()
    }

    /// Decodes the data field; an empty one counts as `00`.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the data field.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        if reader.is_empty() {
            return Ok(Self::NONE);
        }
        let length = reader.length()?;
        let offset = reader.offset();
        let inner = reader.take(length)?;
        reader.finish()?;
        if inner.is_empty() {
            return Ok(Self::NONE);
        }
        Confirmation::read(Reader::with_base(inner, offset)).map(|confirmation| Self {
            confirmation: Some(confirmation),
        })
    }
}

impl Confirmation {
    /// The confirmation data, which is also where the input of the receipt begins (G C.5).
    #[must_use]
    pub fn confirmation_data(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write_data(&mut writer);
        writer.into_vec()
    }

    /// The digest comes second, so that an absent token identifier before it is written as empty.
    fn write_data(&self, writer: &mut Writer) {
        writer.u8(COUNTER_LENGTH);
        writer.u16(self.counter);
        writer.lv(&self.unique_data);
        match (&self.token_identifier, &self.token_digest) {
            (None, None) => {}
            (identifier, None) => writer.lv(identifier.as_deref().unwrap_or_default()),
            (identifier, Some(digest)) => {
                writer.lv(identifier.as_deref().unwrap_or_default());
                writer.lv(digest);
            }
        }
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let receipt = reader.lv()?.to_vec();
        let offset = reader.offset();
        if reader.u8()? != COUNTER_LENGTH {
            return Err(DecodeError::InvalidLength { offset });
        }
        let counter = reader.u16()?;
        let unique_data = reader.lv()?.to_vec();
        let mut optional = || -> Result<Option<Vec<u8>>, DecodeError> {
            if reader.is_empty() {
                return Ok(None);
            }
            Ok(Some(reader.lv()?.to_vec()).filter(|value| !value.is_empty()))
        };
        let token_identifier = optional()?;
        let token_digest = optional()?;
        reader.finish()?;
        Ok(Self {
            receipt,
            counter,
            unique_data,
            token_identifier,
            token_digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::{option::of, prelude::*};

    #[test]
    fn decodes_a_receipt() {
        let data = bytes("0E 04 AABBCCDD 02 0007 05 0102030405");
        let response = ManagementResponse::decode(&data).unwrap();
        let confirmation = response.confirmation.as_ref().unwrap();
        assert_eq!(confirmation.counter, 7);
        assert_eq!(confirmation.receipt, bytes("AABBCCDD"));
        assert_eq!(
            confirmation.confirmation_data(),
            bytes("020007050102030405")
        );
        assert_eq!(response.encode(), data);
        assert_eq!(
            ManagementResponse::decode(&[]),
            Ok(ManagementResponse::NONE)
        );
    }

    #[test]
    fn refuses_malformed_responses_with_offsets() {
        for (hex, offset) in [
            ("0000", 1),
            ("01", 1),
            ("80", 0),
            ("0102", 2),
            ("0401AA0100", 3),
            ("0501AA020000", 6),
            ("0901AA02000000000000", 9),
        ] {
            let error = ManagementResponse::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(
            receipt in any_bytes(0..200), counter: u16, unique_data in any_bytes(0..20),
            token_identifier in of(any_bytes(1..20)), token_digest in of(any_bytes(1..40)),
        ) {
            let response = ManagementResponse { confirmation: Some(Confirmation {
                receipt, counter, unique_data, token_identifier, token_digest }) };
            prop_assert_eq!(ManagementResponse::decode(&response.encode()), Ok(response));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            if let Err(error) = ManagementResponse::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
