//! One key inside PUT KEY (G 11.8.2.3.1): basic format (Table 11-68) and extended (Table 11-69).

use alloc::vec::Vec;
use core::fmt;

use crate::{
    error::DecodeError,
    key::{CurveReference, KeyType},
    tlv::{Reader, Writer},
};

/// The first value that is a key type in the basic format; what is smaller is the length of a check
/// value.
const FIRST_KEY_TYPE: u8 = 0x80;
/// Introduces a key type of two bytes.
const EXTENDED: u8 = KeyType::EXTENDED.0;
/// The longest check value, usage qualifier or access: their lengths have one byte.
const MAX_SHORT: u8 = 0x7F;

/// One key of PUT KEY: `type | LV block | … | LV check value`, and in the extended format
/// `FF type | LV block | … | LV check value | LV usage | LV access`.
///
/// ```
/// use globalplatform::{commands::put_key::PutKeyField, key::CurveReference};
///
/// let key = PutKeyField::ec_public([4; 65], CurveReference::P256);
/// assert_eq!(key.ec_public_key(), Some((&[4; 65][..], CurveReference::P256)));
/// assert!(key.kcv.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PutKeyField {
    /// Key type ([`KeyType`]) of the only or first component.
    pub key_type: u8,
    /// The component, everything after its length. A secret one is a [`SecretBlock`](super::SecretBlock).
    pub block: Vec<u8>,
    /// Further components of the key, the curve reference of an EC key for example; mostly none.
    pub components: Vec<KeyComponent>,
    /// The key check value: 3 bytes for AES and DES, empty for RSA and EC keys.
    pub kcv: Vec<u8>,
    /// Usage and access, which only the extended format has; `None` writes the basic format.
    pub attributes: Option<KeyAttributes>,
}

/// A further component of a key that has several.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyComponent {
    /// Type of the component.
    pub key_type: u8,
    /// Its data.
    pub block: Vec<u8>,
}

/// What the extended format says about a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyAttributes {
    /// Key usage qualifier ([`KeyUsage`](crate::key::KeyUsage)); empty if it is not said.
    pub usage: Vec<u8>,
    /// Key access ([`KeyAccess`](crate::key::KeyAccess)); empty if it is not said.
    pub access: Vec<u8>,
}

impl PutKeyField {
    /// A key of one component in the basic format.
    pub fn new(key_type: u8, block: impl Into<Vec<u8>>, kcv: impl Into<Vec<u8>>) -> Self {
        Self {
            key_type,
            block: block.into(),
            components: Vec::new(),
            kcv: kcv.into(),
            attributes: None,
        }
    }

    /// An EC public key (G Table 11-73): the point `04 x y` and the curve, without check value.
    pub fn ec_public(point: impl Into<Vec<u8>>, curve: CurveReference) -> Self {
        Self::of_two(
            (KeyType::EC_PUBLIC, point.into()),
            (KeyType::EC_CURVE_REFERENCE, curve.to_bytes()),
        )
    }

    /// An RSA public key (G Table 11-75): modulus, then exponent, both big endian, without check
    /// value.
    pub fn rsa_public(modulus: impl Into<Vec<u8>>, exponent: impl Into<Vec<u8>>) -> Self {
        Self::of_two(
            (KeyType::RSA_MODULUS, modulus.into()),
            (KeyType::RSA_PUBLIC_EXPONENT, exponent.into()),
        )
    }

    fn of_two((first, block): (KeyType, Vec<u8>), (second, data): (KeyType, Vec<u8>)) -> Self {
        Self {
            components: Vec::from([KeyComponent {
                key_type: second.0,
                block: data,
            }]),
            ..Self::new(first.0, block, [])
        }
    }

    /// The same key in the extended format, with usage and access.
    #[must_use]
    pub fn with_attributes(mut self, attributes: KeyAttributes) -> Self {
        self.attributes = Some(attributes);
        self
    }

    /// Point and curve, if this is an EC public key with a curve reference.
    #[must_use]
    pub fn ec_public_key(&self) -> Option<(&[u8], CurveReference)> {
        let point = self.component(KeyType::EC_PUBLIC)?;
        let curve = self.component(KeyType::EC_CURVE_REFERENCE)?;
        Some((point, CurveReference::decode(curve).ok()?))
    }

    /// Modulus and exponent, if this is an RSA public key.
    #[must_use]
    pub fn rsa_public_key(&self) -> Option<(&[u8], &[u8])> {
        let modulus = self.component(KeyType::RSA_MODULUS)?;
        Some((modulus, self.component(KeyType::RSA_PUBLIC_EXPONENT)?))
    }

    /// The component of this type, whether it is the first one or not.
    #[must_use]
    pub fn component(&self, key_type: KeyType) -> Option<&[u8]> {
        if self.key_type == key_type.0 {
            return Some(&self.block);
        }
        self.components
            .iter()
            .find(|component| component.key_type == key_type.0)
            .map(|component| component.block.as_slice())
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let mut component = |key_type: u8, block: &[u8]| {
            if self.attributes.is_some() {
                writer.u8(EXTENDED);
            }
            writer.u8(key_type);
            writer.lv(block);
        };
        component(self.key_type, &self.block);
        for further in &self.components {
            component(further.key_type, &further.block);
        }
        writer.lv(&self.kcv);
        if let Some(attributes) = &self.attributes {
            writer.lv(&attributes.usage);
            writer.lv(&attributes.access);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let extended = reader.peek() == Some(EXTENDED);
        let KeyComponent { key_type, block } = KeyComponent::read(reader, extended)?;
        let mut components = Vec::new();
        while reader.peek().is_some_and(|next| {
            if extended {
                next == EXTENDED
            } else {
                next >= FIRST_KEY_TYPE
            }
        }) {
            components.push(KeyComponent::read(reader, extended)?);
        }
        let kcv = short_lv(reader)?;
        let attributes = if extended {
            let usage = short_lv(reader)?;
            let access = short_lv(reader)?;
            Some(KeyAttributes { usage, access })
        } else {
            None
        };
        Ok(Self {
            key_type,
            block,
            components,
            kcv,
            attributes,
        })
    }
}

impl KeyComponent {
    fn read(reader: &mut Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        if extended {
            reader.u8()?;
        }
        let offset = reader.offset();
        let key_type = reader.u8()?;
        if key_type == EXTENDED || !extended && key_type < FIRST_KEY_TYPE {
            return Err(DecodeError::InvalidValue {
                offset,
                field: "key type",
            });
        }
        Ok(Self {
            key_type,
            block: reader.lv()?.to_vec(),
        })
    }
}

/// A length of one byte, at most 7F, and as many bytes.
fn short_lv(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let offset = reader.offset();
    match reader.u8()? {
        length @ ..=MAX_SHORT => Ok(reader.take(length.into())?.to_vec()),
        _ => Err(DecodeError::InvalidLength { offset }),
    }
}

impl fmt::Debug for PutKeyField {
    /// Types, lengths, check value and attributes, never key data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutKeyField")
            .field("key_type", &format_args!("{:02X}", self.key_type))
            .field("block", &format_args!("[{} bytes]", self.block.len()))
            .field("components", &self.components)
            .field("kcv", &format_args!("{:02X?}", self.kcv))
            .field("attributes", &self.attributes)
            .finish()
    }
}

impl fmt::Debug for KeyComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}[{} bytes]", self.key_type, self.block.len())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use alloc::{format, vec};
    use proptest::prelude::*;

    fn read(hex: &str) -> Result<PutKeyField, DecodeError> {
        let data = bytes(hex);
        let mut reader = Reader::new(&data);
        let field = PutKeyField::read(&mut reader)?;
        reader.finish().map(|()| field)
    }

    fn write(field: &PutKeyField) -> Vec<u8> {
        let mut writer = Writer::new();
        field.write(&mut writer);
        writer.into_vec()
    }

    #[test]
    fn writes_and_reads_the_public_keys_of_the_tables() {
        let ec = PutKeyField::ec_public([4, 1, 2], CurveReference::P384);
        assert_eq!(write(&ec), bytes("B003040102 F00101 00"));
        assert_eq!(
            ec.ec_public_key(),
            Some((&[4, 1, 2][..], CurveReference::P384))
        );
        assert_eq!(ec.rsa_public_key(), None);
        assert_eq!(read("B003040102 F00101 00"), Ok(ec));

        let rsa = PutKeyField::rsa_public([0xC6, 0x3F], [1, 0, 1]);
        assert_eq!(write(&rsa), bytes("A102C63F A003010001 00"));
        assert_eq!(
            rsa.rsa_public_key(),
            Some((&[0xC6, 0x3F][..], &[1, 0, 1][..]))
        );
        assert_eq!(rsa.ec_public_key(), None);
        assert_eq!(read("A102C63F A003010001 00"), Ok(rsa));
        // A reference that is none.
        assert_eq!(read("B00104 F00180 00").unwrap().ec_public_key(), None);
    }

    #[test]
    fn reads_and_writes_the_extended_format() {
        let hex = "FF88 02AABB 03010203 0138 0100";
        let key = read(hex).unwrap();
        assert_eq!((key.key_type, key.kcv.as_slice()), (0x88, &[1, 2, 3][..]));
        let attributes = KeyAttributes {
            usage: vec![0x38],
            access: vec![0x00],
        };
        assert_eq!(key.attributes, Some(attributes.clone()));
        assert_eq!(write(&key), bytes(hex));
        let basic = PutKeyField::new(0x88, [0xAA, 0xBB], [1, 2, 3]);
        assert_eq!(basic.with_attributes(attributes), key);
        // Several components, a type below 80, and neither usage nor access.
        let several = read("FF0101AA FFF00100 00 00 00").unwrap();
        assert_eq!(several.key_type, 0x01);
        assert_eq!(
            several.component(KeyType::EC_CURVE_REFERENCE),
            Some(&[0][..])
        );
        assert_eq!(several.attributes, Some(KeyAttributes::default()));
    }

    #[test]
    fn refuses_malformed_keys_with_offsets() {
        use DecodeError::{InvalidLength, InvalidValue, Truncated};
        let key_type = |offset| InvalidValue {
            offset,
            field: "key type",
        };
        for (hex, error) in [
            (
                "",
                Truncated {
                    offset: 0,
                    needed: 1,
                },
            ),
            ("7F00", key_type(0)),
            ("8801AA FF00", key_type(3)),
            (
                "FF",
                Truncated {
                    offset: 1,
                    needed: 1,
                },
            ),
            ("FFFF00", key_type(1)),
            (
                "8801AA",
                Truncated {
                    offset: 3,
                    needed: 1,
                },
            ),
            (
                "8801AA 7F",
                Truncated {
                    offset: 4,
                    needed: 0x7F,
                },
            ),
            ("FF8801AA 80", InvalidLength { offset: 4 }),
            ("FF8801AA 00 80", InvalidLength { offset: 5 }),
            (
                "FF8801AA 00 0138",
                Truncated {
                    offset: 7,
                    needed: 1,
                },
            ),
            ("FF8801AA 00 0138 FF", InvalidLength { offset: 7 }),
        ] {
            assert_eq!(read(hex), Err(error), "{hex}");
        }
    }

    #[test]
    fn debug_shows_no_key_data() {
        let mut key = PutKeyField::new(0x88, vec![0xDE; 17], vec![1, 2, 3]);
        key.components.push(KeyComponent {
            key_type: 0xF0,
            block: vec![0xDE; 4],
        });
        assert_eq!(
            format!("{key:?}"),
            "PutKeyField { key_type: 88, block: [17 bytes], components: [F0[4 bytes]], \
             kcv: [01, 02, 03], attributes: None }"
        );
    }

    pub(in crate::commands::put_key) fn any_key() -> impl Strategy<Value = PutKeyField> {
        let part = || (0x80u8..0xFF, any_bytes(0..150));
        let parts = proptest::collection::vec(part(), 0..2);
        let kcv = prop_oneof![Just(vec![]), any_bytes(3), any_bytes(0x7F)];
        let attributes = (any_bytes(0..3), any_bytes(0..2))
            .prop_map(|(usage, access)| KeyAttributes { usage, access });
        (part(), parts, kcv, proptest::option::of(attributes)).prop_map(
            |((key_type, block), parts, kcv, attributes)| PutKeyField {
                key_type,
                block,
                components: parts
                    .into_iter()
                    .map(|(key_type, block)| KeyComponent { key_type, block })
                    .collect(),
                kcv,
                attributes,
            },
        )
    }

    proptest! {
        #[test]
        fn round_trips(key in any_key()) {
            let data = write(&key);
            let mut reader = Reader::new(&data);
            prop_assert_eq!(PutKeyField::read(&mut reader), Ok(key));
            prop_assert!(reader.is_empty());
        }
    }
}
