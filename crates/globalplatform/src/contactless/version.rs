//! Version and update counter of the Contactless Registry Service (C Tables 3-30 and 3-32): the
//! response to GET DATA 00A5, and what SELECT returns in A5.

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    tlv::{Reader, Tag, Writer},
};

const PROPRIETARY: Tag = Tag(0xA5);
const VERSION: Tag = Tag(0x9F08);
const UPDATE_COUNTER: Tag = Tag(0x80);

/// `A5{9F08 version, 80 counter}`.
///
/// ```
/// use globalplatform::contactless::RegistryVersion;
///
/// let data = hex::decode("A5099F0802010080020007")?;
/// let version = RegistryVersion::decode(&data)?;
/// assert_eq!((version.version, version.update_counter), ((1, 0), 7));
/// assert_eq!(version.encode(), data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryVersion {
    /// Major and minor version: 1, 0.
    pub version: (u8, u8),
    /// Changes with every update of any entry, cyclically.
    pub update_counter: u16,
}

impl RegistryVersion {
    /// The whole data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(PROPRIETARY, |template| {
            template.tlv(VERSION, &[self.version.0, self.version.1]);
            template.tlv(UPDATE_COUNTER, &self.update_counter.to_be_bytes());
        });
        writer.into_vec()
    }

    /// Decodes the whole data object; other data objects in it are skipped.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`; both values must be there.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let template = reader.expect(PROPRIETARY)?;
        reader.finish()?;
        let (mut version, mut counter) = (None, None);
        for tlv in template.reader().tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                VERSION => version = Some(tlv.array().map(|[major, minor]| (major, minor))?),
                UPDATE_COUNTER => counter = Some(tlv.array().map(u16::from_be_bytes)?),
                _ => {}
            }
        }
        let missing = |field| DecodeError::MissingField {
            offset: data.len(),
            field,
        };
        Ok(Self {
            version: version.ok_or_else(|| missing("version"))?,
            update_counter: counter.ok_or_else(|| missing("update counter"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    #[test]
    fn refuses_malformed_data_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("6F00", 0),
            ("A50000", 2),
            ("A500", 2),
            ("A5059F08020100", 7),
            ("A50480020007", 6),
            ("A5049F080101", 5),
            ("A503800107", 4),
        ] {
            let error = RegistryVersion::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
        assert!(RegistryVersion::decode(&bytes("A50B9F08020100 910080020007")).is_ok());
    }

    proptest! {
        #[test]
        fn round_trips(version: (u8, u8), update_counter: u16) {
            let version = RegistryVersion { version, update_counter };
            prop_assert_eq!(RegistryVersion::decode(&version.encode()), Ok(version));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            let _ = RegistryVersion::decode(&data);
        }
    }
}
