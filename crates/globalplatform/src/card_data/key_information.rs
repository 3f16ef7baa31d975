//! The key information template, tag E0 (G 11.3.3.1): which keys a security domain has.

use alloc::vec::Vec;

use crate::{
    error::DecodeError,
    key::KeyType,
    tlv::{Reader, Tag, Tlv, Writer},
};

const TEMPLATE: Tag = Tag(0xE0);
const KEY: Tag = Tag(0xC0);
/// Introduces a key type of the extended format.
const EXTENDED: u8 = KeyType::EXTENDED.0;
/// Its length is the reference itself.
const CURVE_REFERENCE: u8 = KeyType::EC_CURVE_REFERENCE.0;
/// The first byte of a curve reference of two bytes is not smaller.
const TWO_BYTES: u8 = 0x80;

/// All keys of a security domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyInformationTemplate {
    /// The keys, in the card's order.
    pub keys: Vec<KeyInformation>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInformation {
    /// Key identifier: in a set for SCP03 01 ENC, 02 MAC, 03 DEK.
    pub id: u8,
    /// Key version.
    pub version: u8,
    /// The parts of the key; a symmetric key has one.
    pub parts: Vec<KeyPart>,
    /// Key usage and key access (G 11.1.9, 11.1.10), which only the extended format has.
    pub usage_and_access: Option<(Vec<u8>, Vec<u8>)>,
}

/// Type and length of a key or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPart {
    /// Key type: 88 for AES, …
    pub key_type: u8,
    /// Length in bytes; of a curve reference (type F0) the reference itself, which has two bytes from
    /// 8000 on. In the basic format 0 stands for 256 or more.
    pub length: u16,
}

impl KeyInformation {
    /// A key of one part in the basic format.
    #[must_use]
    pub fn new(id: u8, version: u8, key_type: u8, length: u16) -> Self {
        Self {
            id,
            version,
            parts: Vec::from([KeyPart { key_type, length }]),
            usage_and_access: None,
        }
    }

    /// In the basic format a length above 255 is written as 0.
    fn write(&self, writer: &mut Writer) {
        let mut value = Writer::new();
        value.u8(self.id);
        value.u8(self.version);
        for part in &self.parts {
            if self.usage_and_access.is_some() {
                value.u8(EXTENDED);
                value.u8(part.key_type);
                value.u16(part.length);
            } else {
                part.write_basic(&mut value);
            }
        }
        if let Some((usage, access)) = &self.usage_and_access {
            value.lv(usage);
            value.lv(access);
        }
        writer.tlv(KEY, &value.into_vec());
    }

    fn read(key: &Tlv<'_>) -> Result<Self, DecodeError> {
        let mut reader = key.reader();
        let id = reader.u8()?;
        let version = reader.u8()?;
        let mut information = Self {
            id,
            version,
            parts: Vec::new(),
            usage_and_access: None,
        };
        if reader.peek() == Some(EXTENDED) {
            information.read_extended(&mut reader)?;
        } else {
            information.read_basic(&mut reader)?;
        }
        reader.finish()?;
        Ok(information)
    }

    fn read_basic(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        loop {
            self.parts.push(KeyPart::read_basic(reader)?);
            if reader.is_empty() {
                return Ok(());
            }
        }
    }

    fn read_extended(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        while reader.peek() == Some(EXTENDED) {
            reader.u8()?;
            self.parts.push(KeyPart {
                key_type: reader.u8()?,
                length: reader.u16()?,
            });
        }
        let usage = reader.lv()?.to_vec();
        self.usage_and_access = Some((usage, reader.lv()?.to_vec()));
        Ok(())
    }
}

impl KeyPart {
    fn write_basic(self, writer: &mut Writer) {
        writer.u8(self.key_type);
        match u8::try_from(self.length) {
            Ok(length) => writer.u8(length),
            Err(_) if self.key_type == CURVE_REFERENCE => writer.u16(self.length),
            Err(_) => writer.u8(0),
        }
    }

    fn read_basic(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let key_type = reader.u8()?;
        let length = match reader.u8()? {
            high @ TWO_BYTES.. if key_type == CURVE_REFERENCE => {
                u16::from_be_bytes([high, reader.u8()?])
            }
            length => length.into(),
        };
        Ok(Self { key_type, length })
    }
}

impl KeyInformationTemplate {
    /// The whole data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(TEMPLATE, |template| {
            for key in &self.keys {
                key.write(template);
            }
        });
        writer.into_vec()
    }

    /// Decodes the whole data object; unknown data objects in it are skipped.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let template = reader.expect(TEMPLATE)?;
        reader.finish()?;
        let mut keys = Vec::new();
        for tlv in template.reader().tlvs() {
            let tlv = tlv?;
            if tlv.tag == KEY {
                keys.push(KeyInformation::read(&tlv)?);
            }
        }
        Ok(Self { keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use alloc::vec;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn decodes_three_aes_keys_and_an_ec_key() {
        let data = bytes("E0 1A C004 01308810 C004 02308810 C004 03308810 C006 0174 B041 F000");
        let template = KeyInformationTemplate::decode(&data).unwrap();
        assert_eq!(template.keys[0], KeyInformation::new(1, 0x30, 0x88, 16));
        assert_eq!(
            template.keys[3].parts[1],
            KeyPart {
                key_type: 0xF0,
                length: 0
            }
        );
        assert_eq!(template.encode(), data);
    }

    #[test]
    fn a_curve_reference_may_have_two_bytes() {
        let data = bytes("E0 0B C009 0174 B041 F0C001 8800");
        let template = KeyInformationTemplate::decode(&data).unwrap();
        let parts: Vec<_> = template.keys[0]
            .parts
            .iter()
            .map(|part| (part.key_type, part.length))
            .collect();
        assert_eq!(parts, [(0xB0, 0x41), (0xF0, 0xC001), (0x88, 0)]);
        assert_eq!(template.encode(), data);
        // What is too long for one byte is 0 in the basic format.
        let long = KeyInformation::new(1, 0x74, 0xA1, 256);
        let written = KeyInformationTemplate { keys: vec![long] }.encode();
        assert_eq!(written, bytes("E006C0040174A100"));
        let cut = KeyInformationTemplate::decode(&bytes("E006C0040174F080"));
        assert_eq!(
            cut,
            Err(DecodeError::Truncated {
                offset: 8,
                needed: 1
            })
        );
    }

    #[test]
    fn decodes_the_extended_format() {
        let data = bytes("E0 0C C00A 0130 FF880010 0138 0100");
        let template = KeyInformationTemplate::decode(&data).unwrap();
        assert_eq!(
            template.keys[0].usage_and_access,
            Some((vec![0x38], vec![0x00]))
        );
        assert_eq!(template.encode(), data);
    }

    #[test]
    fn refuses_malformed_data_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("E1", 0),
            ("E003C00101", 5),
            ("E004C0020130", 6),
            ("E005C003013088", 7),
            ("E007C0050130FF8800", 9),
            ("E00BC0090130FF88001001380100", 13),
            ("E00000", 2),
        ] {
            let error = KeyInformationTemplate::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    fn any_key() -> impl Strategy<Value = KeyInformation> {
        let basic = vec((0u8..0xFF, any::<u8>()), 1..3).prop_map(|parts| {
            let long = |t: u8, l: u8| {
                let high = if t == CURVE_REFERENCE && l >= TWO_BYTES {
                    l
                } else {
                    0
                };
                (t, u16::from_be_bytes([high, l]))
            };
            let parts = parts.into_iter().map(|(t, l)| long(t, l)).collect();
            (parts, None)
        });
        let list = || any_bytes(0..3);
        let extended = (vec((any::<u8>(), any::<u16>()), 1..3), (list(), list()))
            .prop_map(|(parts, usage): (Vec<_>, _)| (parts, Some(usage)));
        (any::<(u8, u8)>(), prop_oneof![basic, extended]).prop_map(
            |((id, version), (parts, usage_and_access))| KeyInformation {
                id,
                version,
                parts: parts
                    .into_iter()
                    .map(|(key_type, length)| KeyPart { key_type, length })
                    .collect(),
                usage_and_access,
            },
        )
    }

    proptest! {
        #[test]
        fn round_trips(keys in vec(any_key(), 0..9)) {
            let template = KeyInformationTemplate { keys };
            prop_assert_eq!(KeyInformationTemplate::decode(&template.encode()), Ok(template));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40), wrap: bool) {
            let mut writer = Writer::new();
            if wrap { writer.tlv(TEMPLATE, &data) } else { writer.bytes(&data) }
            let data = writer.into_vec();
            if let Err(error) = KeyInformationTemplate::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
