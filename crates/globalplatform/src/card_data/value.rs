//! Data objects of one plain value (G 11.3.2.1): numbers of issuer and card, counters, the manager's
//! URL, the current security level.

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    tlv::{Reader, Tag, Writer},
};

/// A data object with this tag and a value without inner structure.
///
/// ```
/// use globalplatform::card_data::{ManagerUrl, SequenceCounter};
///
/// let counter = SequenceCounter::decode(&[0xC1, 3, 0, 1, 2])?;
/// assert_eq!(counter.number(), Some(0x102));
/// let url = ManagerUrl::new(*b"https://tsm.example/");
/// assert_eq!(url.encode()[..3], [0x5F, 0x50, 20]);
/// assert_eq!(url.text(), Some("https://tsm.example/"));
/// # Ok::<(), globalplatform::error::DecodeError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PlainValue<const TAG: u32> {
    /// The value.
    pub value: Vec<u8>,
}

/// Issuer identification number of the card, or provider number of a supplementary security domain
/// (42).
pub type ProviderNumber = PlainValue<0x42>;
/// Card image number, or image number of a supplementary security domain (45).
pub type ImageNumber = PlainValue<0x45>;
/// Sequence counter of the default key version (C1): 3 bytes with SCP03, 2 with SCP02.
pub type SequenceCounter = PlainValue<0xC1>;
/// Confirmation counter of receipts (C2), 2 bytes.
pub type ConfirmationCounter = PlainValue<0xC2>;
/// Current security level of the session (D3), 1 byte.
pub type CurrentSecurityLevel = PlainValue<0xD3>;
/// URL of the security domain's manager (5F50).
pub type ManagerUrl = PlainValue<0x5F50>;

impl<const TAG: u32> PlainValue<TAG> {
    /// A data object with this value.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self {
            value: value.into(),
        }
    }

    /// The value as a big-endian number, if it has one to four bytes.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        match self.value.len() {
            1..=4 => Some(
                self.value
                    .iter()
                    .fold(0, |number, byte| number << 8 | u32::from(*byte)),
            ),
            _ => None,
        }
    }

    /// The value as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        core::str::from_utf8(&self.value).ok()
    }

    /// The whole data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.tlv(Tag(TAG), &self.value);
        writer.into_vec()
    }

    /// Decodes the whole data object.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let tlv = reader.expect(Tag(TAG))?;
        reader.finish()?;
        Ok(Self::new(tlv.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    #[test]
    fn every_object_has_its_tag() {
        assert_eq!(ProviderNumber::new([1]).encode(), bytes("420101"));
        assert_eq!(ImageNumber::new([1]).encode(), bytes("450101"));
        assert_eq!(SequenceCounter::new([1]).encode(), bytes("C10101"));
        assert_eq!(ConfirmationCounter::new([1]).encode(), bytes("C20101"));
        assert_eq!(CurrentSecurityLevel::new([0x33]).encode(), bytes("D30133"));
        assert_eq!(ManagerUrl::new([]).encode(), bytes("5F5000"));
    }

    #[test]
    fn numbers_have_one_to_four_bytes() {
        assert_eq!(SequenceCounter::new([]).number(), None);
        assert_eq!(SequenceCounter::new([7]).number(), Some(7));
        assert_eq!(
            SequenceCounter::new([1, 2, 3, 4]).number(),
            Some(0x0102_0304)
        );
        assert_eq!(SequenceCounter::new([0; 5]).number(), None);
        assert_eq!(ManagerUrl::new([0xFF]).text(), None);
    }

    #[test]
    fn refuses_malformed_objects_with_offsets() {
        for (hex, offset) in [("", 0), ("C20101", 0), ("C10201", 3), ("C1010100", 3)] {
            let error = SequenceCounter::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(value in any_bytes(0..200)) {
            let object = ManagerUrl::new(value);
            prop_assert_eq!(ManagerUrl::decode(&object.encode()), Ok(object));
        }
    }
}
