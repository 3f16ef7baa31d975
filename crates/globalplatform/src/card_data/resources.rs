//! Extended card resources, tag FF21 (ETSI TS 102 226, 8.2.1.7).

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    tlv::{Reader, Tag, Writer},
};

const TEMPLATE: Tag = Tag(0xFF21);
const APPLICATIONS: Tag = Tag(0x81);
const FREE_NON_VOLATILE: Tag = Tag(0x82);
const FREE_VOLATILE: Tag = Tag(0x83);

/// How many applications are on the card, and how much memory is free.
///
/// ```
/// use globalplatform::card_data::ExtendedCardResources;
///
/// let data = hex::decode("FF211081020002820400016DB483040000086A")?;
/// let resources = ExtendedCardResources::decode(&data)?;
/// assert_eq!(resources.free_non_volatile, 93_620);
/// assert_eq!(resources.encode(), data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedCardResources {
    /// Number of installed applications; written with two bytes as long as it fits.
    pub applications: u32,
    /// Free non-volatile memory in bytes.
    pub free_non_volatile: u32,
    /// Free volatile memory in bytes.
    pub free_volatile: u32,
}

impl ExtendedCardResources {
    /// The whole data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(TEMPLATE, |template| {
            match u16::try_from(self.applications) {
                Ok(count) => template.tlv(APPLICATIONS, &count.to_be_bytes()),
                Err(_) => template.tlv(APPLICATIONS, &self.applications.to_be_bytes()),
            }
            template.tlv(FREE_NON_VOLATILE, &self.free_non_volatile.to_be_bytes());
            template.tlv(FREE_VOLATILE, &self.free_volatile.to_be_bytes());
        });
        writer.into_vec()
    }

    /// Decodes the whole data object; numbers may have one to four bytes.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`; all three numbers must be there.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let template = reader.expect(TEMPLATE)?;
        reader.finish()?;
        let (mut applications, mut free_non_volatile, mut free_volatile) = (None, None, None);
        for tlv in template.reader().tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                APPLICATIONS => applications = Some(tlv.number()?),
                FREE_NON_VOLATILE => free_non_volatile = Some(tlv.number()?),
                FREE_VOLATILE => free_volatile = Some(tlv.number()?),
                _ => {}
            }
        }
        let missing = |field| DecodeError::MissingField {
            offset: data.len(),
            field,
        };
        Ok(Self {
            applications: applications.ok_or_else(|| missing("number of applications"))?,
            free_non_volatile: free_non_volatile
                .ok_or_else(|| missing("free non-volatile memory"))?,
            free_volatile: free_volatile.ok_or_else(|| missing("free volatile memory"))?,
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
            ("FF2000", 0),
            ("FF2100", 3),
            ("FF21028100", 5),
            ("FF2106810101820101", 9),
            ("FF2101", 3),
            ("FF210000", 3),
            ("FF210781050000000001", 5),
        ] {
            let error = ExtendedCardResources::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(applications: u32, free_non_volatile: u32, free_volatile: u32) {
            let resources =
                ExtendedCardResources { applications, free_non_volatile, free_volatile };
            prop_assert_eq!(ExtendedCardResources::decode(&resources.encode()), Ok(resources));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            let mut writer = Writer::new();
            writer.tlv(TEMPLATE, &data);
            let _ = ExtendedCardResources::decode(&writer.into_vec());
            let _ = ExtendedCardResources::decode(&data);
        }
    }
}
