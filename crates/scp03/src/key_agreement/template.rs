//! The control reference template `A6` of scenario 3: which keys are agreed, and how.

use alloc::vec::Vec;

use globalplatform::commands::put_key::AES;
use globalplatform::tlv::{Reader, Tag, Tlv, Writer};

use super::KeyAgreementError;

const TEMPLATE: Tag = Tag(0xA6);
const KEY_TEMPLATE: Tag = Tag(0xB9);
const SCENARIO: Tag = Tag(0x90);
const USAGE: Tag = Tag(0x95);
const ACCESS: Tag = Tag(0x96);
const KEY_TYPE: Tag = Tag(0x80);
const KEY_LENGTH: Tag = Tag(0x81);
const KEY_ID: Tag = Tag(0x82);
const KEY_VERSION: Tag = Tag(0x83);
const HOST_ID: Tag = Tag(0x84);
const INITIAL_COUNTER: Tag = Tag(0x91);
const IMAGE_NUMBER: Tag = Tag(0x45);

/// Key agreement with the controlling authority's security domain.
const KEY_AGREEMENT: u8 = 0x03;
const ADDS_DERIVATION_RANDOM: u8 = 0x02;
const ADDS_IDENTIFIERS: u8 = 0x04;

/// Usage of one key that serves for everything.
const ONE_KEY: u8 = 0x5C;
/// Usage of three keys: ENC, MAC and DEK.
const THREE_KEYS: u8 = 0x10;

/// One key, or one description of several equal keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgreedKey {
    /// Key usage (tag 95).
    pub usage: u8,
    /// Key access (tag 96), if it is said.
    pub access: Option<u8>,
    /// Length in bytes (tag 81).
    pub length: u8,
}

/// Which keys are agreed. All are AES keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLayout {
    /// Keys of one kind; the usage says how many: `5C` one, `10` three.
    Equal(AgreedKey),
    /// One description for each key.
    Each(Vec<AgreedKey>),
}

impl KeyLayout {
    /// ENC, MAC and DEK of `length` bytes each.
    pub const fn three_equal(length: u8) -> Self {
        Self::Equal(AgreedKey {
            usage: THREE_KEYS,
            access: None,
            length,
        })
    }

    fn descriptions(&self) -> &[AgreedKey] {
        match self {
            Self::Equal(key) => core::slice::from_ref(key),
            Self::Each(keys) => keys,
        }
    }

    pub(super) fn write_shared_info(&self, writer: &mut Writer) {
        for key in self.descriptions() {
            writer.bytes(&[key.usage, AES, key.length]);
        }
    }

    /// Length of every key, in order.
    pub(super) fn key_lengths(&self) -> Result<Vec<usize>, KeyAgreementError> {
        let lengths = self
            .descriptions()
            .iter()
            .map(|key| usize::from(key.length));
        match self {
            Self::Each(_) => Ok(lengths.collect()),
            Self::Equal(key) => match key.usage {
                ONE_KEY => Ok(lengths.collect()),
                THREE_KEYS => Ok(lengths.cycle().take(3).collect()),
                _ => Err(KeyAgreementError::UnsupportedTemplate),
            },
        }
    }

    pub(super) fn receipt_key_length(&self) -> usize {
        match self {
            Self::Equal(key) => key.length.into(),
            Self::Each(_) => 16,
        }
    }
}

/// The template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlReferenceTemplate {
    /// Bits of scenario 3: 01 delete existing keys, 02 the card adds randomness, 04 the identifiers
    /// of host and card enter, 08 a certificate check comes first.
    pub parameters: u8,
    /// Which keys.
    pub layout: KeyLayout,
    /// Identifier of the first key, if it is said.
    pub key_id: Option<u8>,
    /// Version of the keys.
    pub version: u8,
    /// Initial value of the sequence counter (tag 91), if it is said; may be empty.
    pub initial_counter: Option<Vec<u8>>,
    /// Security domain image number (tag 45), if it is said.
    pub image_number: Option<Vec<u8>>,
    /// Identifier of the host (tag 84), if it is said.
    pub host_id: Option<Vec<u8>>,
}

impl ControlReferenceTemplate {
    /// The card adds randomness of its own.
    pub fn adds_derivation_random(&self) -> bool {
        self.parameters & ADDS_DERIVATION_RANDOM != 0
    }

    /// The identifiers of host and card enter the derivation.
    pub fn adds_identifiers(&self) -> bool {
        self.parameters & ADDS_IDENTIFIERS != 0
    }

    /// The whole data object, tag `A6` included: what the receipt covers and what goes into DGI
    /// 00A6.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(TEMPLATE, |writer| {
            writer.tlv(SCENARIO, &[KEY_AGREEMENT, self.parameters]);
            match &self.layout {
                KeyLayout::Equal(key) => {
                    key.write(writer);
                    self.write_reference(writer);
                }
                KeyLayout::Each(keys) => {
                    self.write_reference(writer);
                    for key in keys {
                        writer.nested(KEY_TEMPLATE, |writer| key.write(writer));
                    }
                }
            }
            writer.optional(INITIAL_COUNTER, self.initial_counter.as_ref());
            writer.optional(IMAGE_NUMBER, self.image_number.as_ref());
            writer.optional(HOST_ID, self.host_id.as_ref());
        });
        writer.into_vec()
    }

    fn write_reference(&self, writer: &mut Writer) {
        writer.optional(KEY_ID, self.key_id.map(|id| [id]));
        writer.tlv(KEY_VERSION, &[self.version]);
    }

    /// Reads the whole data object, tag `A6` included.
    ///
    /// # Errors
    /// It is malformed, of another scenario, or its keys are not AES.
    pub fn decode(template: &[u8]) -> Result<Self, KeyAgreementError> {
        let mut reader = Reader::new(template);
        let mut fields = reader.expect(TEMPLATE)?.reader();
        reader.finish()?;
        let [scenario, parameters] = fields.expect(SCENARIO)?.array()?;
        if scenario != KEY_AGREEMENT {
            return Err(KeyAgreementError::UnsupportedTemplate);
        }
        let equal = match fields.clone().optional(USAGE)? {
            Some(_) => Some(AgreedKey::read(&mut fields)?),
            None => None,
        };
        let key_id = optional_byte(fields.optional(KEY_ID)?)?;
        let [version] = fields.expect(KEY_VERSION)?.array()?;
        let layout = match equal {
            Some(key) => KeyLayout::Equal(key),
            None => KeyLayout::Each(read_key_templates(&mut fields)?),
        };
        let mut optional = |tag| {
            let field = fields.optional(tag);
            field.map(|field| field.map(|field| field.value.to_vec()))
        };
        let decoded = Self {
            parameters,
            layout,
            key_id,
            version,
            initial_counter: optional(INITIAL_COUNTER)?,
            image_number: optional(IMAGE_NUMBER)?,
            host_id: optional(HOST_ID)?,
        };
        fields.finish()?;
        Ok(decoded)
    }
}

impl AgreedKey {
    fn write(&self, writer: &mut Writer) {
        writer.tlv(USAGE, &[self.usage]);
        writer.optional(ACCESS, self.access.map(|access| [access]));
        writer.tlv(KEY_TYPE, &[AES]);
        writer.tlv(KEY_LENGTH, &[self.length]);
    }

    fn read(fields: &mut Reader<'_>) -> Result<Self, KeyAgreementError> {
        let [usage] = fields.expect(USAGE)?.array()?;
        let access = optional_byte(fields.optional(ACCESS)?)?;
        let [key_type] = fields.expect(KEY_TYPE)?.array()?;
        let [length] = fields.expect(KEY_LENGTH)?.array()?;
        if key_type != AES {
            return Err(KeyAgreementError::UnsupportedTemplate);
        }
        Ok(Self {
            usage,
            access,
            length,
        })
    }
}

fn read_key_templates(fields: &mut Reader<'_>) -> Result<Vec<AgreedKey>, KeyAgreementError> {
    let mut keys = Vec::new();
    while let Some(template) = fields.optional(KEY_TEMPLATE)? {
        let mut inner = template.reader();
        keys.push(AgreedKey::read(&mut inner)?);
        inner.finish()?;
    }
    if keys.is_empty() {
        return Err(KeyAgreementError::UnsupportedTemplate);
    }
    Ok(keys)
}

fn optional_byte(field: Option<Tlv<'_>>) -> Result<Option<u8>, KeyAgreementError> {
    Ok(match field {
        Some(field) => {
            let [byte] = field.array()?;
            Some(byte)
        }
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = AgreedKey> {
        (any::<u8>(), any::<Option<u8>>(), any::<u8>()).prop_map(|(usage, access, length)| {
            AgreedKey {
                usage,
                access,
                length,
            }
        })
    }

    fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        option::of(proptest::collection::vec(any::<u8>(), 0..20))
    }

    #[test]
    fn the_usage_says_how_many_equal_keys_there_are() {
        let lengths = |usage: u8| {
            let access = None;
            let length = 24;
            KeyLayout::Equal(AgreedKey {
                usage,
                access,
                length,
            })
            .key_lengths()
        };
        assert_eq!(lengths(ONE_KEY), Ok(alloc::vec![24]));
        assert_eq!(lengths(THREE_KEYS), Ok(alloc::vec![24; 3]));
        let unsupported = Err(KeyAgreementError::UnsupportedTemplate);
        assert_eq!(lengths(0x11), unsupported);
    }

    proptest! {
        #[test]
        fn every_template_comes_back_as_it_was(
            (parameters, version, key_id) in any::<(u8, u8, Option<u8>)>(),
            layout in prop_oneof![
                key().prop_map(KeyLayout::Equal),
                proptest::collection::vec(key(), 1..4).prop_map(KeyLayout::Each),
            ],
            (initial_counter, image_number, host_id) in (bytes(), bytes(), bytes()),
        ) {
            let template = ControlReferenceTemplate {
                parameters, layout, key_id, version, initial_counter, image_number, host_id,
            };
            prop_assert_eq!(ControlReferenceTemplate::decode(&template.encode()), Ok(template));
        }

        #[test]
        fn any_bytes_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut template = alloc::vec![0xA6, data.len() as u8, 0x90, 0x02, 0x03, 0x00];
            template[1] += 4;
            template.extend(&data);
            for input in [&data, &template] {
                if let Ok(template) = ControlReferenceTemplate::decode(input) {
                    let _ = template.derive(&[1; 32], &Default::default());
                }
            }
        }
    }
}
