//! The control reference template for digital signature (B6), which says whose token a command
//! carries (G Tables 11-25 and 11-53).

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    tlv::{Once, Tag, Tlv, Writer},
};

/// Tag of the template.
pub const TAG: Tag = Tag(0xB6);
const PROVIDER: Tag = Tag(0x42);
const IMAGE_NUMBER: Tag = Tag(0x45);
const APPLICATION_PROVIDER: Tag = Tag(0x5F20);
const TOKEN_IDENTIFIER: Tag = Tag(0x93);

/// Who issued a token, and which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlReference {
    /// Identification number of the security domain provider (42).
    pub provider: Option<Vec<u8>>,
    /// Image number of the security domain (45).
    pub image_number: Option<Vec<u8>>,
    /// Application provider identifier (5F20).
    pub application_provider: Option<Vec<u8>>,
    /// Token identifier (93).
    pub token_identifier: Option<Vec<u8>>,
}

impl ControlReference {
    /// Writes the template.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.nested(TAG, |template| {
            template.optional(PROVIDER, self.provider.as_ref());
            template.optional(IMAGE_NUMBER, self.image_number.as_ref());
            template.optional(APPLICATION_PROVIDER, self.application_provider.as_ref());
            template.optional(TOKEN_IDENTIFIER, self.token_identifier.as_ref());
        });
    }

    /// Reads the template; unknown data objects are an error since they might restrict the token.
    pub(super) fn read(template: &Tlv<'_>) -> Result<Self, DecodeError> {
        let mut reference = Self::default();
        let mut once = Once::default();
        for tlv in template.reader().tlvs() {
            let tlv = tlv?;
            once.note(&tlv)?;
            let field = match tlv.tag {
                PROVIDER => &mut reference.provider,
                IMAGE_NUMBER => &mut reference.image_number,
                APPLICATION_PROVIDER => &mut reference.application_provider,
                TOKEN_IDENTIFIER => &mut reference.token_identifier,
                _ => {
                    return Err(DecodeError::InvalidValue {
                        offset: tlv.offset,
                        field: "control reference tag",
                    });
                }
            };
            *field = Some(tlv.value.to_vec());
        }
        Ok(reference)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{commands::testing::any_bytes, tlv::Reader};
    use proptest::{option::of, prelude::*};

    pub(crate) fn any_reference() -> impl Strategy<Value = ControlReference> {
        let field = || of(any_bytes(0..12));
        (field(), field(), field(), field()).prop_map(
            |(provider, image_number, application_provider, token_identifier)| ControlReference {
                provider,
                image_number,
                application_provider,
                token_identifier,
            },
        )
    }

    #[test]
    fn refuses_repeated_data() {
        let bytes = [0xB6, 6, 0x42, 1, 1, 0x42, 1, 1];
        let template = Reader::new(&bytes).tlv().unwrap();
        assert_eq!(ControlReference::read(&template).unwrap_err().offset(), 5);
    }

    #[test]
    fn refuses_unknown_data() {
        let bytes = [0xB6, 5, 0x42, 1, 1, 0x99, 0];
        let template = Reader::new(&bytes).tlv().unwrap();
        assert_eq!(ControlReference::read(&template).unwrap_err().offset(), 5);
    }

    proptest! {
        #[test]
        fn round_trips(reference in any_reference()) {
            let mut writer = Writer::new();
            reference.write(&mut writer);
            let bytes = writer.into_vec();
            let template = Reader::new(&bytes).expect(TAG).unwrap();
            prop_assert_eq!(ControlReference::read(&template), Ok(reference));
        }
    }
}
