//! Card verifiable certificates, tag 7F21, as a controlling authority security domain has one for its
//! public key. The tags are those of GSMA SGP.02 and of SCP11 (Amendment F), in any order.

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    tlv::{DataObject, Once, Reader, Tag, Writer, find},
};

const CERTIFICATE: Tag = Tag(0x7F21);
const SERIAL_NUMBER: Tag = Tag(0x93);
const AUTHORITY: Tag = Tag(0x42);
const SUBJECT: Tag = Tag(0x5F20);
const USAGE: Tag = Tag(0x95);
const EFFECTIVE_DATE: Tag = Tag(0x5F25);
const EXPIRATION_DATE: Tag = Tag(0x5F24);
const DISCRETIONARY_DATA: Tag = Tag(0x73);
const PUBLIC_KEY: Tag = Tag(0x7F49);
const EC_POINT: Tag = Tag(0xB0);
const SIGNATURE: Tag = Tag(0x5F37);

/// A certificate: its data objects in their order, so that what was signed stays as it is.
///
/// ```
/// use globalplatform::card_data::CardCertificate;
///
/// let data = hex::decode("7F211393010142022A2B7F4904B00204055F3702AABB")?;
/// let certificate = CardCertificate::decode(&data)?;
/// assert_eq!(certificate.serial_number(), Some(&[1][..]));
/// assert_eq!(certificate.ec_point(), Some(&[4, 5][..]));
/// assert_eq!(certificate.signature(), Some(&[0xAA, 0xBB][..]));
/// assert_eq!(certificate.signed_part(), data[3..17]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardCertificate {
    /// The data objects in 7F21.
    pub objects: Vec<DataObject>,
}

impl CardCertificate {
    /// The whole data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(CERTIFICATE, |certificate| {
            certificate.objects(&self.objects)
        });
        writer.into_vec()
    }

    /// Decodes the whole data object.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`; public key (7F49) and signature (5F37) must be
    /// there, each data object at most once, lengths in their shortest form (what was signed could not
    /// be put together again otherwise).
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let template = reader.expect(CERTIFICATE)?;
        reader.finish()?;
        let mut certificate = Self::default();
        let mut once = Once::default();
        for tlv in template.reader().tlvs() {
            let tlv = tlv?;
            once.note(&tlv)?;
            certificate
                .objects
                .push(DataObject::new(tlv.tag, tlv.value));
        }
        if certificate.encode() != data {
            return Err(DecodeError::InvalidValue {
                offset: 0,
                field: "length that is not in its shortest form",
            });
        }
        for (tag, field) in [(PUBLIC_KEY, "public key"), (SIGNATURE, "signature")] {
            if certificate.object(tag).is_none() {
                return Err(DecodeError::MissingField {
                    offset: data.len(),
                    field,
                });
            }
        }
        Ok(certificate)
    }

    /// The value of the data object with this tag.
    #[must_use]
    pub fn object(&self, tag: Tag) -> Option<&[u8]> {
        let mut objects = self.objects.iter();
        let found = objects.find(|object| object.tag == tag)?;
        Some(&found.value)
    }

    /// Serial number (93).
    #[must_use]
    pub fn serial_number(&self) -> Option<&[u8]> {
        self.object(SERIAL_NUMBER)
    }

    /// Identifier of the authority that signed (42).
    #[must_use]
    pub fn authority(&self) -> Option<&[u8]> {
        self.object(AUTHORITY)
    }

    /// Identifier of the subject (5F20).
    #[must_use]
    pub fn subject(&self) -> Option<&[u8]> {
        self.object(SUBJECT)
    }

    /// Key usage (95).
    #[must_use]
    pub fn usage(&self) -> Option<&[u8]> {
        self.object(USAGE)
    }

    /// First day of validity (5F25), decimal digits `YYYYMMDD`.
    #[must_use]
    pub fn effective_date(&self) -> Option<[u8; 4]> {
        self.object(EFFECTIVE_DATE)?.try_into().ok()
    }

    /// Last day of validity (5F24), decimal digits `YYYYMMDD`.
    #[must_use]
    pub fn expiration_date(&self) -> Option<[u8; 4]> {
        self.object(EXPIRATION_DATE)?.try_into().ok()
    }

    /// Discretionary data (73).
    #[must_use]
    pub fn discretionary_data(&self) -> Option<&[u8]> {
        self.object(DISCRETIONARY_DATA)
    }

    /// The value of the public key (7F49).
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8]> {
        self.object(PUBLIC_KEY)
    }

    /// The point of an EC public key (B0 in 7F49), `04 x y`.
    #[must_use]
    pub fn ec_point(&self) -> Option<&[u8]> {
        find(self.public_key()?, EC_POINT).ok()?
    }

    /// The signature (5F37).
    #[must_use]
    pub fn signature(&self) -> Option<&[u8]> {
        self.object(SIGNATURE)
    }

    /// What the signature of a self-descriptive certificate covers: all data objects before it.
    #[must_use]
    pub fn signed_part(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for object in &self.objects {
            if object.tag == SIGNATURE {
                break;
            }
            writer.tlv(object.tag, &object.value);
        }
        writer.into_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    const ALL: &str = "7F212C 930101 420102 5F200103 950104 5F250420260101 5F240420361231 730105 \
        7F4904B0020607 5F370108 910109";

    #[test]
    fn names_every_data_object() {
        let data = bytes(ALL);
        let certificate = CardCertificate::decode(&data).unwrap();
        assert_eq!(certificate.serial_number(), Some(&[1][..]));
        assert_eq!(certificate.authority(), Some(&[2][..]));
        assert_eq!(certificate.subject(), Some(&[3][..]));
        assert_eq!(certificate.usage(), Some(&[4][..]));
        assert_eq!(certificate.effective_date(), Some([0x20, 0x26, 1, 1]));
        assert_eq!(
            certificate.expiration_date(),
            Some([0x20, 0x36, 0x12, 0x31])
        );
        assert_eq!(certificate.discretionary_data(), Some(&[5][..]));
        assert_eq!(certificate.public_key(), Some(&[0xB0, 2, 6, 7][..]));
        assert_eq!(certificate.ec_point(), Some(&[6, 7][..]));
        assert_eq!(certificate.signature(), Some(&[8][..]));
        assert_eq!(certificate.object(Tag(0x91)), Some(&[9][..]));
        assert_eq!(certificate.object(Tag(0x92)), None);
        assert_eq!(certificate.encode(), data);
        assert_eq!(certificate.signed_part(), data[3..data.len() - 7]);
    }

    #[test]
    fn refuses_malformed_certificates_with_offsets() {
        for (hex, offset) in [
            ("7F2200", 0),
            ("7F2100", 3),
            ("7F210000", 3),
            ("7F2104 5F370108", 7),
            ("7F2103 7F4900", 6),
            ("7F2106 7F4900 7F4900", 6),
            ("7F2102 9301", 5),
            ("7F2108 7F49810108 5F3700", 0),
            ("7F218103 5F3700", 0),
        ] {
            let error = CardCertificate::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same(data in any_bytes(0..40)) {
            let mut writer = Writer::new();
            writer.nested(CERTIFICATE, |certificate| {
                certificate.tlv(PUBLIC_KEY, &data);
                certificate.tlv(SIGNATURE, &data);
                certificate.bytes(&data);
            });
            match CardCertificate::decode(&writer.clone().into_vec()) {
                Ok(certificate) => {
                    prop_assert_eq!(CardCertificate::decode(&certificate.encode()), Ok(certificate));
                }
                Err(error) => prop_assert!(error.offset() <= writer.len()),
            }
        }
    }
}
