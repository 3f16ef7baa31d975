//! BER-TLV as cards use it (ISO/IEC 7816-4, 5.2.2; G 11.1.5 for lengths): tags of one to three
//! bytes, definite lengths, and a reader that knows where in the input it stands.

mod once;
mod reader;
mod writer;

use alloc::vec::Vec;
use core::fmt;

pub(crate) use once::Once;
pub use reader::{Reader, Tlv, Tlvs};
pub use writer::Writer;

use crate::error::DecodeError;

/// A tag as the number that its bytes spell: `4F`, `9F70`, `7F21`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl Tag {
    /// Whether the value holds further data objects (bit 6 of the first byte).
    #[must_use]
    pub const fn is_constructed(self) -> bool {
        let first = match self.0 {
            0..=0xFF => self.0,
            0x100..=0xFFFF => self.0 >> 8,
            _ => self.0 >> 16,
        };
        first & 0x20 != 0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..=0xFF => write!(f, "{:02X}", self.0),
            0x100..=0xFFFF => write!(f, "{:04X}", self.0),
            _ => write!(f, "{:06X}", self.0),
        }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A data object that is kept as it came because its meaning is somebody else's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DataObject {
    /// Its tag.
    pub tag: Tag,
    /// Its value, without tag and length.
    pub value: Vec<u8>,
}

impl DataObject {
    /// A data object of this tag and value.
    pub fn new(tag: Tag, value: impl Into<Vec<u8>>) -> Self {
        Self {
            tag,
            value: value.into(),
        }
    }
}

impl fmt::Debug for DataObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{} bytes]", self.tag, self.value.len())
    }
}

/// The value of the first data object with this tag on the top level of `data`.
///
/// # Errors
/// When something before it is malformed, or anything if there is none.
pub fn find(data: &[u8], tag: Tag) -> Result<Option<&[u8]>, DecodeError> {
    for tlv in Reader::new(data).tlvs() {
        let tlv = tlv?;
        if tlv.tag == tag {
            return Ok(Some(tlv.value));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};
    use proptest::prelude::*;

    #[test]
    fn finds_a_value_and_reports_malformed_neighbours() {
        let data = [0x80, 1, 7, 0x9F, 0x70, 2, 1, 2, 0x81, 5];
        assert_eq!(find(&data, Tag(0x9F70)), Ok(Some(&[1, 2][..])));
        assert_eq!(
            find(&data, Tag(0x82)),
            Err(DecodeError::Truncated {
                offset: 10,
                needed: 5
            })
        );
        assert_eq!(find(&data[..8], Tag(0x82)), Ok(None));
    }

    #[test]
    fn knows_constructed_tags() {
        assert!(Tag(0xE3).is_constructed());
        assert!(Tag(0x7F21).is_constructed());
        assert!(Tag(0xFF21).is_constructed());
        assert!(!Tag(0x9F70).is_constructed());
        assert!(!Tag(0x4F).is_constructed());
        assert!(Tag(0xBF8101).is_constructed());
        assert!(!Tag(0x9F8120).is_constructed());
        assert!(!Tag(0xDF20).is_constructed());
        assert_eq!(
            format!("{} {:?}", Tag(0x9F8101), Tag(0xBF21)),
            "9F8101 BF21"
        );
        assert_eq!(format!("{} {:?}", Tag(0x5), Tag(0x9F70)), "05 9F70");
    }

    #[test]
    fn prints_a_data_object_without_its_bytes() {
        let object = DataObject::new(Tag(0xC9), vec![1, 2, 3]);
        assert_eq!(format!("{object:?}"), "C9[3 bytes]");
    }

    /// One, two and three byte tags.
    fn tag() -> impl Strategy<Value = Tag> {
        prop_oneof![
            any::<u8>()
                .prop_filter("one byte", |b| b & 0x1F != 0x1F)
                .prop_map(|b| Tag(b.into())),
            (0u8..8, 0u8..0x80)
                .prop_map(|(c, n)| Tag(u32::from(c << 5 | 0x1F) << 8 | u32::from(n))),
            (1u8..8, 0x80u8..=0xFF, 0u8..0x80).prop_map(|(c, m, n)| {
                Tag(u32::from(c << 5 | 0x1F) << 16 | u32::from(m) << 8 | u32::from(n))
            }),
        ]
    }

    proptest! {
        #[test]
        fn round_trips(objects in proptest::collection::vec(
            (tag(), proptest::collection::vec(any::<u8>(), 0..300)), 0..6)) {
            let mut writer = Writer::new();
            for (tag, value) in &objects {
                writer.tlv(*tag, value);
            }
            let bytes = writer.into_vec();
            let read: Vec<_> = Reader::new(&bytes)
                .tlvs()
                .map(|tlv| tlv.map(|tlv| (tlv.tag, tlv.value.to_vec())))
                .collect::<Result<_, _>>()
                .unwrap();
            prop_assert_eq!(read, objects);
        }

        #[test]
        fn any_bytes_decode_or_fail_inside_the_input(
            bytes in proptest::collection::vec(any::<u8>(), 0..64), base in 0usize..9) {
            for tlv in Reader::with_base(&bytes, base).tlvs() {
                match tlv {
                    Ok(tlv) => prop_assert!(tlv.value_offset + tlv.value.len() <= base + bytes.len()),
                    Err(error) => prop_assert!((base..=base + bytes.len()).contains(&error.offset())),
                }
            }
        }
    }
}
