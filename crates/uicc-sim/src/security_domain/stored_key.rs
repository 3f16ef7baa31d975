//! Any key that is not part of a whole SCP03 set: token, receipt and DAP keys, those of a controlling authority, single
//! keys of a set that is not complete (G 7.5, Table 11-16).

use globalplatform::card_data::{KeyInformation, KeyPart};
use globalplatform::key::KeyType;
use scp03::AesKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::memory::{KEY_BYTES, size};
use crate::state::encoding::hex_bytes;

/// One key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) struct StoredKey {
    pub(crate) version: u8,
    pub(crate) id: u8,
    /// The components, in the order in which they came.
    pub(crate) parts: Vec<StoredPart>,
    /// Usage and access, when the key came with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attributes: Option<Attributes>,
    /// Length of its MACs: key 02 of an SCP80 key set (ETSI TS 102 226, 8.2.1.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cmac_length: Option<u8>,
    /// Sequence counter of the SCP03 set that the key was part of, and may be part of again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counter: Option<u32>,
}

/// A component of a key, in clear. Only tests compare them: that takes longer the more bytes are right.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) struct StoredPart {
    pub(crate) key_type: u8,
    #[serde(with = "hex_bytes")]
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// What the extended formats say about a key (G 11.1.9, 11.1.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    #[serde(with = "hex_bytes")]
    pub(crate) usage: Vec<u8>,
    #[serde(with = "hex_bytes")]
    pub(crate) access: Vec<u8>,
}

impl core::fmt::Debug for StoredPart {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02X}[{} bytes]", self.key_type, self.bytes.len())
    }
}

impl StoredKey {
    /// An AES key.
    pub(crate) fn aes(version: u8, id: u8, bytes: &[u8], attributes: Option<Attributes>) -> Self {
        Self {
            version,
            id,
            parts: vec![StoredPart {
                key_type: KeyType::AES.0,
                bytes: Zeroizing::new(bytes.to_vec()),
            }],
            attributes,
            cmac_length: None,
            counter: None,
        }
    }

    /// The component of this type.
    pub(crate) fn part(&self, key_type: KeyType) -> Option<&[u8]> {
        let part = self.parts.iter().find(|part| part.key_type == key_type.0);
        part.map(|part| part.bytes.as_slice())
    }

    /// The key, if it is an AES key.
    pub(crate) fn as_aes(&self) -> Option<AesKey> {
        AesKey::from_bytes(self.part(KeyType::AES)?).ok()
    }

    /// Its place: version and identifier.
    pub(crate) const fn place(&self) -> (u8, u8) {
        (self.version, self.id)
    }

    /// Whether both have the same components of the same lengths, which a replacement must have (G 11.8.2.1).
    pub(crate) fn has_shape_of(&self, other: &Self) -> bool {
        let shape = |key: &Self| -> Vec<(u8, usize)> {
            let parts = key.parts.iter();
            parts.map(|p| (p.key_type, p.bytes.len())).collect()
        };
        shape(self) == shape(other)
    }

    /// What GET DATA says about it: the length of a curve reference is the reference itself (G Table 11-28).
    pub(crate) fn information(&self) -> KeyInformation {
        let parts = self.parts.iter().map(|part| KeyPart {
            key_type: part.key_type,
            length: match (KeyType(part.key_type), part.bytes.as_slice()) {
                (KeyType::EC_CURVE_REFERENCE, [reference]) => u16::from(*reference),
                (KeyType::EC_CURVE_REFERENCE, [high, low]) => u16::from_be_bytes([*high, *low]),
                (_, bytes) => u16::try_from(bytes.len()).unwrap_or(u16::MAX),
            },
        });
        let attributes = self.attributes.clone();
        KeyInformation {
            id: self.id,
            version: self.version,
            parts: parts.collect(),
            usage_and_access: attributes.map(|a| (a.usage, a.access)),
        }
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> u32 {
        let bytes: usize = self.parts.iter().map(|part| part.bytes.len()).sum();
        let attributes = self.attributes.as_ref().map_or(0, Attributes::footprint);
        size(bytes)
            .saturating_add(KEY_BYTES)
            .saturating_add(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ec(reference: &[u8]) -> StoredKey {
        let part = |key_type: KeyType, bytes: &[u8]| StoredPart {
            key_type: key_type.0,
            bytes: Zeroizing::new(bytes.to_vec()),
        };
        StoredKey {
            version: 0x73,
            id: 0x01,
            parts: vec![
                part(KeyType::EC_PUBLIC, &[4; 65]),
                part(KeyType::EC_CURVE_REFERENCE, reference),
            ],
            attributes: None,
            cmac_length: None,
            counter: None,
        }
    }

    #[test]
    fn a_curve_reference_stands_in_place_of_its_length() {
        let lengths = |key: StoredKey| -> Vec<u16> {
            let information = key.information();
            information.parts.iter().map(|part| part.length).collect()
        };
        assert_eq!(lengths(ec(&[0x01])), [65, 1]);
        assert_eq!(lengths(ec(&[0x81, 0x02])), [65, 0x8102]);
    }

    #[test]
    fn shape_is_types_and_lengths() {
        assert!(ec(&[0]).has_shape_of(&ec(&[1])));
        assert!(!ec(&[0]).has_shape_of(&ec(&[0x80, 1])));
        let aes = StoredKey::aes(0x70, 1, &[1; 16], None);
        assert!(!aes.has_shape_of(&ec(&[0])));
        assert!(!aes.has_shape_of(&StoredKey::aes(0x70, 1, &[1; 32], None)));
        assert_eq!(aes.footprint(), 24);
        let attributes = Some(Attributes {
            usage: vec![0x38],
            access: vec![0x01, 0x02],
        });
        let set = [1, 2, 3].map(|id| StoredKey::aes(0x30, id, &[id; 16], attributes.clone()));
        assert_eq!(set[0].footprint(), 27);
        let mut domain = crate::security_domain::SecurityDomain::new(0x70);
        domain.put_keys(&[], set.into());
        assert_eq!(domain.own_use(), 3 * 27);
        assert_eq!(aes.place(), (0x70, 0x01));
    }

    #[test]
    fn debug_shows_no_bytes() {
        let text = format!("{:?}", StoredKey::aes(0x70, 1, &[0xAB; 16], None));
        assert!(
            text.contains("88[16 bytes]") && !text.contains("171"),
            "{text}"
        );
    }
}
