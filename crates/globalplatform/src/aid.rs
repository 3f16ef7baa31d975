//! Application identifiers (ISO/IEC 7816-4, 8.2.1.2; G 2.3 "AID").

use core::{cmp::Ordering, fmt, hash, str::FromStr};

use crate::error::DecodeError;

/// An application identifier of 5 to 16 bytes: RID (5) and PIX (up to 11).
///
/// Orders and compares as its bytes; prints as upper-case hexadecimal.
///
/// ```
/// use globalplatform::aid::Aid;
///
/// const ISD: Aid = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51, 0, 0, 0]);
/// assert_eq!(ISD.to_string(), "A000000151000000");
/// assert_eq!("a000000151000000".parse(), Ok(ISD));
/// assert!("A0000001".parse::<Aid>().is_err());
/// ```
#[derive(Clone, Copy)]
pub struct Aid {
    length: u8,
    bytes: [u8; Self::MAX_LENGTH],
}

/// Bytes or text that are no application identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AidError {
    /// An AID has 5 to 16 bytes.
    #[error("an AID has 5 to 16 bytes, not {length}")]
    Length {
        /// How many bytes were given.
        length: usize,
    },
    /// The text is not hexadecimal.
    #[error("no pair of hexadecimal digits at character {position}")]
    NotHex {
        /// Where the offending pair of characters begins.
        position: usize,
    },
}

impl Aid {
    /// The shortest AID: an RID alone.
    pub const MIN_LENGTH: usize = 5;
    /// The longest AID.
    pub const MAX_LENGTH: usize = 16;

    /// An AID known at compile time; a wrong length does not compile.
    #[must_use]
    pub const fn from_slice_const<const N: usize>(aid: &[u8; N]) -> Self {
        const { assert!(N >= Self::MIN_LENGTH && N <= Self::MAX_LENGTH) };
        let mut bytes = [0; Self::MAX_LENGTH];
        let mut i = 0;
        while i < N {
            bytes[i] = aid[i];
            i += 1;
        }
        Self {
            length: N as u8,
            bytes,
        }
    }

    /// An AID of these bytes.
    ///
    /// # Errors
    /// [`AidError::Length`] unless there are 5 to 16 of them.
    pub fn new(aid: &[u8]) -> Result<Self, AidError> {
        let length = aid.len();
        let mut bytes = [0; Self::MAX_LENGTH];
        match bytes.get_mut(..length) {
            Some(start) if length >= Self::MIN_LENGTH => start.copy_from_slice(aid),
            _ => return Err(AidError::Length { length }),
        }
        Ok(Self {
            length: length as u8,
            bytes,
        })
    }

    /// Decodes a field that holds an AID and nothing else; `offset` is where the field begins.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] unless it has 5 to 16 bytes.
    pub fn decode(aid: &[u8], offset: usize) -> Result<Self, DecodeError> {
        Self::new(aid).map_err(|_| DecodeError::InvalidLength { offset })
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }

    /// The registered application provider identifier: the first five bytes.
    #[must_use]
    pub const fn rid(&self) -> [u8; 5] {
        let [a, b, c, d, e, ..] = self.bytes;
        [a, b, c, d, e]
    }

    /// Whether the AID begins with these bytes; everything begins with none.
    #[must_use]
    pub fn starts_with(&self, prefix: &[u8]) -> bool {
        self.as_bytes().starts_with(prefix)
    }
}

impl AsRef<[u8]> for Aid {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Aid {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Aid {}

impl PartialOrd for Aid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Aid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl hash::Hash for Aid {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl TryFrom<&[u8]> for Aid {
    type Error = AidError;

    fn try_from(aid: &[u8]) -> Result<Self, AidError> {
        Self::new(aid)
    }
}

impl fmt::Display for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Aid {
    type Err = AidError;

    /// Reads hexadecimal digits of either case, without separators.
    fn from_str(text: &str) -> Result<Self, AidError> {
        let pairs = text.as_bytes().chunks(2);
        let length = pairs.len();
        let mut bytes = [0; Self::MAX_LENGTH];
        if length > bytes.len() {
            return Err(AidError::Length { length });
        }
        for (i, (byte, pair)) in bytes.iter_mut().zip(pairs).enumerate() {
            *byte = hex_byte(pair).ok_or(AidError::NotHex { position: 2 * i })?;
        }
        Self::new(bytes.get(..length).unwrap_or(&[]))
    }
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};
    use proptest::prelude::*;

    #[test]
    fn refuses_four_and_seventeen_bytes() {
        assert_eq!(Aid::new(&[0; 4]), Err(AidError::Length { length: 4 }));
        assert_eq!(Aid::new(&[0; 17]), Err(AidError::Length { length: 17 }));
        assert_eq!(
            "00".repeat(17).parse::<Aid>(),
            Err(AidError::Length { length: 17 })
        );
        assert_eq!("".parse::<Aid>(), Err(AidError::Length { length: 0 }));
    }

    #[test]
    fn refuses_text_that_is_not_hexadecimal() {
        assert_eq!(
            "A0000001G1".parse::<Aid>(),
            Err(AidError::NotHex { position: 8 })
        );
        assert_eq!(
            "A0000001510".parse::<Aid>(),
            Err(AidError::NotHex { position: 10 })
        );
        assert!("+A00000151".parse::<Aid>().is_err());
        assert!("é0000001".parse::<Aid>().is_err());
    }

    #[test]
    fn compares_as_bytes_and_not_as_padded_array() {
        let short = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51]);
        let long = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51, 0]);
        assert_ne!(short, long);
        assert!(short < long);
        assert!(long.starts_with(short.as_bytes()));
        assert!(!short.starts_with(long.as_bytes()));
        assert_eq!(long.rid(), [0xA0, 0, 0, 1, 0x51]);
        assert_eq!(format!("{long:?}"), "A00000015100");
    }

    #[test]
    fn hashes_and_orders_as_its_bytes() {
        use core::hash::Hash;
        /// Keeps what it is given.
        #[derive(Default)]
        struct Recorder(alloc::vec::Vec<u8>);
        impl hash::Hasher for Recorder {
            fn write(&mut self, bytes: &[u8]) {
                self.0.extend_from_slice(bytes);
            }
            fn finish(&self) -> u64 {
                0
            }
        }
        let aid = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51]);
        let (mut of_aid, mut of_bytes) = (Recorder::default(), Recorder::default());
        aid.hash(&mut of_aid);
        aid.as_bytes().hash(&mut of_bytes);
        assert_eq!(of_aid.0, of_bytes.0);
        assert!(of_aid.0.ends_with(aid.as_bytes()));
        let next = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x52]);
        assert_eq!(aid.partial_cmp(&next), Some(Ordering::Less));
        assert_eq!(next.cmp(&aid), Ordering::Greater);
        assert_eq!(aid.cmp(&aid), Ordering::Equal);
        assert_eq!(
            Aid::try_from(&[1, 2, 3, 4, 5][..]).unwrap().as_ref(),
            [1, 2, 3, 4, 5]
        );
    }

    proptest! {
        #[test]
        fn text_round_trips(bytes in proptest::collection::vec(any::<u8>(), 5..=16)) {
            let aid = Aid::new(&bytes).unwrap();
            prop_assert_eq!(aid.as_bytes(), &bytes[..]);
            prop_assert_eq!(aid.to_string().parse::<Aid>().unwrap(), aid);
            prop_assert_eq!(aid.to_string().to_lowercase().parse::<Aid>().unwrap(), aid);
        }

        #[test]
        fn any_text_parses_or_fails(text in ".*") {
            let _ = text.parse::<Aid>();
        }
    }
}
