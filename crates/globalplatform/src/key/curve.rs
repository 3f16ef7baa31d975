//! References to the parameters of elliptic curves (G Table B-2).

use alloc::vec::Vec;
use core::fmt;

use crate::error::DecodeError;

/// Set in the first byte of a reference of two bytes.
const TWO_BYTES: u8 = 0x80;

/// A reference to curve parameters that the card already has: one byte, or two with b8 of the first
/// one set.
///
/// ```
/// use globalplatform::key::CurveReference;
///
/// assert_eq!(CurveReference::P256.to_bytes(), [0x00]);
/// assert_eq!(CurveReference::decode(&[0x05])?.name(), Some("brainpoolP384r1"));
/// assert!(CurveReference::decode(&[0x80]).is_err());
/// # Ok::<(), globalplatform::error::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurveReference(u16);

impl CurveReference {
    /// P-256 of FIPS 186-4.
    pub const P256: Self = Self(0x00);
    /// P-384.
    pub const P384: Self = Self(0x01);
    /// P-521.
    pub const P521: Self = Self(0x02);
    /// brainpoolP256r1 of RFC 5639.
    pub const BRAINPOOL_P256R1: Self = Self(0x03);
    /// brainpoolP256t1.
    pub const BRAINPOOL_P256T1: Self = Self(0x04);
    /// brainpoolP384r1.
    pub const BRAINPOOL_P384R1: Self = Self(0x05);
    /// brainpoolP384t1.
    pub const BRAINPOOL_P384T1: Self = Self(0x06);
    /// brainpoolP512r1.
    pub const BRAINPOOL_P512R1: Self = Self(0x07);
    /// brainpoolP512t1.
    pub const BRAINPOOL_P512T1: Self = Self(0x08);

    /// Decodes one byte below 80, or two bytes of which the first is 80 or above.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] at offset 0 for anything else.
    pub const fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_at(bytes, 0)
    }

    pub(crate) const fn decode_at(bytes: &[u8], offset: usize) -> Result<Self, DecodeError> {
        match *bytes {
            [low] if low < TWO_BYTES => Ok(Self(low as u16)),
            [high, low] if high >= TWO_BYTES => Ok(Self(u16::from_be_bytes([high, low]))),
            _ => Err(DecodeError::InvalidLength { offset }),
        }
    }

    /// The reference as sent: one byte or two.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self.0.to_be_bytes() {
            [0, low] => Vec::from([low]),
            bytes => bytes.into(),
        }
    }

    /// The number: 00 to 7F, or 8000 to FFFF.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The name of a curve that the table names.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00 => "P-256",
            0x01 => "P-384",
            0x02 => "P-521",
            0x03 => "brainpoolP256r1",
            0x04 => "brainpoolP256t1",
            0x05 => "brainpoolP384r1",
            0x06 => "brainpoolP384t1",
            0x07 => "brainpoolP512r1",
            0x08 => "brainpoolP512t1",
            _ => return None,
        })
    }

    /// How many bytes a coordinate has on a curve that the table names: 32, 48, 64 or 66.
    #[must_use]
    pub const fn coordinate_length(self) -> Option<usize> {
        Some(match self.0 {
            0x00 | 0x03 | 0x04 => 32,
            0x01 | 0x05 | 0x06 => 48,
            0x07 | 0x08 => 64,
            0x02 => 66,
            _ => return None,
        })
    }

    /// Whether the parameters belong to one security domain and those below it, and not to the card.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self.0, 0x60..=0x7F | 0xE000..=0xFFFF)
    }
}

impl fmt::Display for CurveReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None if self.is_local() => write!(f, "local curve {:02X}", self.0),
            None => write!(f, "curve {:02X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn knows_the_curves_of_the_table() {
        for (reference, byte, name, length) in [
            (CurveReference::P256, 0, "P-256", 32),
            (CurveReference::P384, 1, "P-384", 48),
            (CurveReference::P521, 2, "P-521", 66),
            (CurveReference::BRAINPOOL_P256R1, 3, "brainpoolP256r1", 32),
            (CurveReference::BRAINPOOL_P256T1, 4, "brainpoolP256t1", 32),
            (CurveReference::BRAINPOOL_P384R1, 5, "brainpoolP384r1", 48),
            (CurveReference::BRAINPOOL_P384T1, 6, "brainpoolP384t1", 48),
            (CurveReference::BRAINPOOL_P512R1, 7, "brainpoolP512r1", 64),
            (CurveReference::BRAINPOOL_P512T1, 8, "brainpoolP512t1", 64),
        ] {
            assert_eq!(CurveReference::decode(&[byte]), Ok(reference));
            assert_eq!(reference.number(), byte.into());
            assert_eq!(reference.to_string(), name);
            assert_eq!(reference.coordinate_length(), Some(length));
            assert!(!reference.is_local());
        }
    }

    #[test]
    fn tells_local_from_global_parameters() {
        let read = |bytes: &[u8]| CurveReference::decode(bytes).unwrap();
        for (bytes, local, text) in [
            (&[0x09][..], false, "curve 09"),
            (&[0x5F], false, "curve 5F"),
            (&[0x60], true, "local curve 60"),
            (&[0x7F], true, "local curve 7F"),
            (&[0x80, 0x00], false, "curve 8000"),
            (&[0xDF, 0xFF], false, "curve DFFF"),
            (&[0xE0, 0x00], true, "local curve E000"),
            (&[0xFF, 0xFF], true, "local curve FFFF"),
        ] {
            assert_eq!(read(bytes).is_local(), local, "{text}");
            assert_eq!(read(bytes).to_string(), text);
            assert_eq!(read(bytes).coordinate_length(), None);
            assert_eq!(read(bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn refuses_other_lengths() {
        for bytes in [&[][..], &[0x80], &[0x7F, 0x00], &[0x80, 0, 0]] {
            let error = CurveReference::decode(bytes);
            assert_eq!(error, Err(DecodeError::InvalidLength { offset: 0 }));
        }
    }

    proptest! {
        #[test]
        fn round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..4)) {
            if let Ok(reference) = CurveReference::decode(&bytes) {
                prop_assert_eq!(reference.to_bytes(), bytes);
            }
        }
    }
}
