//! Keys by STORE DATA (G 11.11.4): DGI 00B9 with one B9 per key or component, followed by one DGI for
//! each of them. This is the structure; encryption is the crate `scp03`'s (`store_data_keys`).

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    key::{CurveReference, KeyType, KeyUsage},
    tlv::{DataObject, Reader, Tag, Tlv, Writer},
};

/// DGI of the descriptions.
pub const KEY_DESCRIPTIONS: u16 = 0x00B9;
/// DGI of BER-TLV data objects inside data groupings.
pub const BER_TLV_OBJECTS: u16 = 0x0070;

const TEMPLATE: Tag = Tag(0xB9);
const USAGE: Tag = Tag(0x95);
const ACCESS: Tag = Tag(0x96);
const KEY_TYPE: Tag = Tag(0x80);
const LENGTH: Tag = Tag(0x81);
const ID: Tag = Tag(0x82);
const VERSION: Tag = Tag(0x83);
const CHECK_VALUE: Tag = Tag(0x84);
const CURVE: Tag = Tag(0x85);

/// The DGI that carries a component of this type (G Tables 11-93 to 11-105); `None` for a curve
/// reference, which is in the description, and for unknown types.
///
/// ```
/// use globalplatform::{commands::store_data::component_dgi, key::KeyType};
///
/// assert_eq!(component_dgi(KeyType::AES), Some(0x8113));
/// assert_eq!(component_dgi(KeyType::EC_CURVE_REFERENCE), None);
/// ```
#[must_use]
pub const fn component_dgi(key_type: KeyType) -> Option<u16> {
    Some(match key_type {
        KeyType(0x80..=0x9F) => 0x8113,
        KeyType::RSA_MODULUS | KeyType::RSA_PRIVATE_MODULUS => 0x0010,
        KeyType::RSA_PUBLIC_EXPONENT => 0x0011,
        KeyType::RSA_PRIVATE_EXPONENT => 0x8112,
        KeyType::RSA_PQ => 0x8121,
        KeyType::RSA_DQ1 => 0x8122,
        KeyType::RSA_DP1 => 0x8123,
        KeyType::RSA_Q => 0x8124,
        KeyType::RSA_P => 0x8125,
        KeyType::EC_P => 0x0030,
        KeyType::EC_A => 0x0031,
        KeyType::EC_B => 0x0032,
        KeyType::EC_G => 0x0033,
        KeyType::EC_N => 0x0034,
        KeyType::EC_K => 0x0035,
        KeyType::EC_PUBLIC => 0x0036,
        KeyType::EC_PRIVATE => 0x8137,
        _ => return None,
    })
}

/// What B9 says about a key or a component of one. Which fields there are depends on the key.
///
/// ```
/// use globalplatform::{commands::store_data::KeyDescription, key::{KeyType, KeyUsage}};
///
/// let key = KeyDescription {
///     usage: Some(KeyUsage::C_R_ENC),
///     length: Some(16),
///     id: Some(1),
///     version: Some(0x30),
///     check_value: Some([0x50, 0x4A, 0x77]),
///     ..KeyDescription::new(KeyType::AES)
/// };
/// assert_eq!(hex::encode_upper(KeyDescription::encode_list(&[key])),
///     "B9149501388001888101108201018301308403504A77");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// Key usage qualifier (95).
    pub usage: Option<KeyUsage>,
    /// Key access ([`KeyAccess`](crate::key::KeyAccess), 96); 00 if it is left out.
    pub access: Option<u8>,
    /// Key type (80).
    pub key_type: KeyType,
    /// Length of the key in bytes (81), written with one byte if that suffices.
    pub length: Option<u16>,
    /// Key identifier (82).
    pub id: Option<u8>,
    /// Key version (83).
    pub version: Option<u8>,
    /// Key check value (84), which symmetric keys have.
    pub check_value: Option<[u8; 3]>,
    /// The curve, with type F0 (85).
    pub curve: Option<CurveReference>,
    /// Other data objects.
    pub other: Vec<DataObject>,
}

impl KeyDescription {
    /// A description of nothing but the type.
    #[must_use]
    pub const fn new(key_type: KeyType) -> Self {
        Self {
            usage: None,
            access: None,
            key_type,
            length: None,
            id: None,
            version: None,
            check_value: None,
            curve: None,
            other: Vec::new(),
        }
    }

    /// The data of DGI 00B9.
    #[must_use]
    pub fn encode_list(keys: &[Self]) -> Vec<u8> {
        let mut writer = Writer::new();
        for key in keys {
            writer.nested(TEMPLATE, |template| key.write(template));
        }
        writer.into_vec()
    }

    /// Decodes the data of DGI 00B9.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`; each description must have a key type.
    pub fn decode_list(data: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut reader = Reader::new(data);
        let mut keys = Vec::new();
        while !reader.is_empty() {
            keys.push(Self::read(&reader.expect(TEMPLATE)?)?);
        }
        Ok(keys)
    }

    fn write(&self, writer: &mut Writer) {
        writer.optional(USAGE, self.usage.map(KeyUsage::to_bytes));
        writer.optional(ACCESS, self.access.map(|access| [access]));
        writer.tlv(KEY_TYPE, &[self.key_type.0]);
        match self.length.map(u16::to_be_bytes) {
            Some([0, low]) => writer.tlv(LENGTH, &[low]),
            Some(bytes) => writer.tlv(LENGTH, &bytes),
            None => {}
        }
        writer.optional(ID, self.id.map(|id| [id]));
        writer.optional(VERSION, self.version.map(|version| [version]));
        writer.optional(CHECK_VALUE, self.check_value);
        writer.optional(CURVE, self.curve.map(CurveReference::to_bytes));
        writer.objects(&self.other);
    }

    fn read(template: &Tlv<'_>) -> Result<Self, DecodeError> {
        let mut key_type = None;
        // The mandatory type is put in at the end; until then any will do.
        let mut key = Self::new(KeyType::AES);
        for tlv in template.reader().tlvs() {
            let tlv = tlv?;
            let offset = tlv.value_offset;
            let byte = || tlv.array().map(|[byte]| byte);
            match tlv.tag {
                USAGE => {
                    let usage = KeyUsage::decode(tlv.value);
                    key.usage = Some(usage.map_err(|_| DecodeError::InvalidLength { offset })?);
                }
                ACCESS => key.access = Some(byte()?),
                KEY_TYPE => key_type = Some(KeyType(byte()?)),
                LENGTH => {
                    let length = u16::try_from(tlv.number()?);
                    key.length = Some(length.map_err(|_| DecodeError::InvalidLength { offset })?);
                }
                ID => key.id = Some(byte()?),
                VERSION => key.version = Some(byte()?),
                CHECK_VALUE => key.check_value = Some(tlv.array()?),
                CURVE => key.curve = Some(CurveReference::decode_at(tlv.value, offset)?),
                tag => key.other.push(DataObject::new(tag, tlv.value)),
            }
        }
        key.key_type = key_type.ok_or(DecodeError::MissingField {
            offset: template.value_offset + template.value.len(),
            field: "key type",
        })?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::{option::of, prelude::*};

    #[test]
    fn every_component_has_its_grouping() {
        for (key_type, dgi) in [
            (KeyType::DES, 0x8113),
            (KeyType::AES, 0x8113),
            (KeyType::HMAC_SHA1_160, 0x8113),
            (KeyType::RSA_MODULUS, 0x0010),
            (KeyType::RSA_PRIVATE_MODULUS, 0x0010),
            (KeyType::RSA_PUBLIC_EXPONENT, 0x0011),
            (KeyType::RSA_PRIVATE_EXPONENT, 0x8112),
            (KeyType::RSA_PQ, 0x8121),
            (KeyType::RSA_DQ1, 0x8122),
            (KeyType::RSA_DP1, 0x8123),
            (KeyType::RSA_Q, 0x8124),
            (KeyType::RSA_P, 0x8125),
            (KeyType::EC_P, 0x0030),
            (KeyType::EC_A, 0x0031),
            (KeyType::EC_B, 0x0032),
            (KeyType::EC_G, 0x0033),
            (KeyType::EC_N, 0x0034),
            (KeyType::EC_K, 0x0035),
            (KeyType::EC_PUBLIC, 0x0036),
            (KeyType::EC_PRIVATE, 0x8137),
        ] {
            assert_eq!(component_dgi(key_type), Some(dgi), "{key_type}");
        }
        for byte in [0x7F, 0xA9, 0xB8, 0xF0, 0xFF] {
            assert_eq!(component_dgi(KeyType(byte)), None);
        }
    }

    #[test]
    fn encodes_and_decodes_an_ec_key_with_its_curve() {
        let hex = "B912 950182 960101 8001B0 810141 820101 830174 B906 8001F0 850100";
        let keys = KeyDescription::decode_list(&bytes(hex)).unwrap();
        assert_eq!(keys[0].usage, Some(KeyUsage::PK_SD_AUT));
        assert_eq!(keys[0].access, Some(0x01));
        assert_eq!(keys[0].key_type, KeyType::EC_PUBLIC);
        assert_eq!(keys[0].length, Some(0x41));
        assert_eq!((keys[0].id, keys[0].version), (Some(1), Some(0x74)));
        assert_eq!(keys[0].check_value, None);
        assert_eq!(keys[1].curve, Some(CurveReference::P256));
        assert_eq!(KeyDescription::encode_list(&keys), bytes(hex));
        // The length of an RSA key may need two bytes, and unknown objects are kept.
        let hex = "B90A 8001A1 81020100 970103";
        let keys = KeyDescription::decode_list(&bytes(hex)).unwrap();
        assert_eq!(keys[0].length, Some(256));
        assert_eq!(keys[0].other, [DataObject::new(Tag(0x97), [3])]);
        assert_eq!(KeyDescription::encode_list(&keys), bytes(hex));
    }

    #[test]
    fn refuses_malformed_descriptions_with_offsets() {
        for (hex, offset) in [
            ("B700", 0),
            ("B900", 2),
            ("B902 9500", 4),
            ("B905 9503010203", 4),
            ("B904 96020000", 4),
            ("B902 8000", 4),
            ("B902 8100", 4),
            ("B905 8103010000", 4),
            ("B902 8200", 4),
            ("B902 8300", 4),
            ("B904 84020000", 4),
            ("B903 850180", 4),
            ("B903 820101", 5),
        ] {
            let error = KeyDescription::decode_list(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(usage: Option<[u8; 2]>, access: Option<u8>, key_type: u8,
            length: Option<u16>, numbers: (Option<u8>, Option<u8>), check_value: Option<[u8; 3]>,
            curve in of(0u8..0x80)) {
            let key = KeyDescription {
                usage: usage.map(KeyUsage),
                access,
                length,
                id: numbers.0,
                version: numbers.1,
                check_value,
                curve: curve.map(|curve| CurveReference::decode(&[curve]).unwrap()),
                ..KeyDescription::new(KeyType(key_type))
            };
            let keys = Vec::from([key.clone(), key]);
            let encoded = KeyDescription::encode_list(&keys);
            prop_assert_eq!(KeyDescription::decode_list(&encoded), Ok(keys));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            if let Err(error) = KeyDescription::decode_list(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
