//! What a security domain keeps: its keys with their counters, its data objects, its consents.

mod key_store;
mod stored_key;

use globalplatform::aid::Aid;
use scp03::StaticKeys;
use serde::{Deserialize, Serialize};

pub(crate) use stored_key::{Attributes, StoredKey, StoredPart};

use crate::state::encoding::{hex_bytes, optional_aid, static_keys};

/// The contents of a security domain (the ISD too).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecurityDomain {
    /// SCP03's parameter `i`.
    pub(crate) scp_i: u8,
    /// In the order of their creation; the first is the default.
    pub(crate) key_sets: Vec<KeySet>,
    /// Keys that are not part of a whole SCP03 set.
    #[serde(default)]
    pub(crate) other_keys: Vec<StoredKey>,
    pub(crate) data: Vec<DataObject>,
    pub(crate) consents: Consents,
    /// Becoming selectable makes it PERSONALIZED at once (installation parameter 84).
    #[serde(default)]
    pub(crate) becomes_personalized: bool,
    /// Functions taken away by INSTALL [for registry update], bits as in tag D9.
    #[serde(default)]
    pub(crate) restrictions: u8,
    /// The highest domain that took some of them away; none for the issuer's.
    #[serde(default, with = "optional_aid")]
    pub(crate) restricted_by: Option<Aid>,
    /// Receipts that it has generated: the next one gets this number (G C.5).
    #[serde(default)]
    pub(crate) confirmation_counter: u16,
    /// Identifiers of tokens that it has verified and that were used: none is good twice.
    #[serde(default)]
    pub(crate) used_tokens: Vec<TokenIdentifier>,
    /// It is a controlling authority's domain (installation parameter 86).
    #[serde(default)]
    pub(crate) is_casd: bool,
}

/// Tag 93 of a control reference template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenIdentifier(#[serde(with = "hex_bytes")] pub(crate) Vec<u8>);

/// What the domain agrees to (installation parameters 82, 83, 87). Absent means yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consents {
    pub(crate) extradition_here: bool,
    pub(crate) extradition_away: bool,
    pub(crate) deletion: bool,
}

impl Default for Consents {
    fn default() -> Self {
        Self {
            extradition_here: true,
            extradition_away: true,
            deletion: true,
        }
    }
}

/// An SCP03 key set and its sequence counter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeySet {
    pub(crate) version: u8,
    #[serde(with = "static_keys")]
    pub(crate) keys: StaticKeys,
    /// How many times INITIALIZE UPDATE used the set; 24 bits on the wire.
    pub(crate) counter: u32,
    /// Usage and access of the three keys, when they came with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attributes: Vec<Attributes>,
}

/// A data object written by STORE DATA.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DataObject {
    pub(crate) tag: u16,
    #[serde(with = "hex_bytes")]
    pub(crate) value: Vec<u8>,
}

impl KeySet {
    /// A new set, never used.
    pub(crate) const fn new(version: u8, keys: StaticKeys) -> Self {
        Self {
            version,
            keys,
            counter: 0,
            attributes: Vec::new(),
        }
    }

    /// Length of each of the three keys, in bytes.
    pub(crate) fn key_length(&self) -> usize {
        self.keys.enc.danger_bytes().len()
    }
}

impl SecurityDomain {
    /// A domain without keys.
    pub(crate) fn new(scp_i: u8) -> Self {
        Self {
            scp_i,
            key_sets: Vec::new(),
            other_keys: Vec::new(),
            data: Vec::new(),
            consents: Consents::default(),
            becomes_personalized: false,
            restrictions: 0,
            restricted_by: None,
            confirmation_counter: 0,
            used_tokens: Vec::new(),
            is_casd: false,
        }
    }

    /// Whether it has any key of its own, of a whole set or not.
    pub(crate) const fn has_keys(&self) -> bool {
        !self.key_sets.is_empty() || !self.other_keys.is_empty()
    }

    /// The key set with this version; version 0 is the first one.
    pub(crate) fn key_set(&self, version: u8) -> Option<&KeySet> {
        self.key_sets
            .iter()
            .find(|set| version == 0 || set.version == version)
    }

    /// The key set with this version; version 0 is the first one.
    pub(crate) fn key_set_mut(&mut self, version: u8) -> Option<&mut KeySet> {
        self.key_sets
            .iter_mut()
            .find(|set| version == 0 || set.version == version)
    }

    /// The value of a stored data object.
    pub(crate) fn data(&self, tag: u16) -> Option<&[u8]> {
        self.data
            .iter()
            .find(|object| object.tag == tag)
            .map(|object| object.value.as_slice())
    }
}
