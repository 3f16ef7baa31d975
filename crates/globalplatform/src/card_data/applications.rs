//! The list of applications, tag 2F00 (G 11.3.3.1.3): a series of 61 with the AID in 4F.

use alloc::vec::Vec;

use crate::{
    aid::Aid,
    error::DecodeError,
    tlv::{Reader, Tag, Writer},
};

const APPLICATION: Tag = Tag(0x61);
const AID: Tag = Tag(0x4F);

/// The applications that a security domain knows.
///
/// ```
/// use globalplatform::card_data::ApplicationList;
///
/// let data = [0x61, 7, 0x4F, 5, 0xA0, 0, 0, 1, 0x51];
/// let list = ApplicationList::decode(&data)?;
/// assert_eq!(list.aids[0].to_string(), "A000000151");
/// assert_eq!(list.encode(), data);
/// # Ok::<(), globalplatform::error::DecodeError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationList {
    /// Their AIDs, in the card's order.
    pub aids: Vec<Aid>,
}

impl ApplicationList {
    /// The data field of the response.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for aid in &self.aids {
            writer.nested(APPLICATION, |template| template.tlv(AID, aid.as_bytes()));
        }
        writer.into_vec()
    }

    /// Decodes the data field; other data objects inside a template (a label, for example) are
    /// skipped.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`; each template must have an AID.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let mut aids = Vec::new();
        while !reader.is_empty() {
            let template = reader.expect(APPLICATION)?;
            let mut aid = None;
            for tlv in template.reader().tlvs() {
                let tlv = tlv?;
                if tlv.tag == AID {
                    aid = Some(Aid::decode(tlv.value, tlv.value_offset)?);
                }
            }
            aids.push(aid.ok_or(DecodeError::MissingField {
                offset: reader.offset(),
                field: "AID",
            })?);
        }
        Ok(Self { aids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_bytes, bytes};
    use proptest::prelude::*;

    #[test]
    fn skips_labels_and_refuses_malformed_lists_with_offsets() {
        let labelled = bytes("610A 500131 4F05A000000151");
        assert_eq!(ApplicationList::decode(&labelled).unwrap().aids.len(), 1);
        for (hex, offset) in [
            ("E300", 0),
            ("6101", 2),
            ("61014F", 3),
            ("6106 4F04A0000001", 4),
            ("6103 500131", 5),
            ("6107 4F05A000000151 6100", 11),
        ] {
            let error = ApplicationList::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(aids in proptest::collection::vec(any_aid(), 0..5)) {
            let list = ApplicationList { aids };
            prop_assert_eq!(ApplicationList::decode(&list.encode()), Ok(list));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            if let Err(error) = ApplicationList::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
