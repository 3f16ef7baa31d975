//! What a verified reading of a card showed.

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;

use crate::time::Timestamp;

/// The registry and the free memory of a card at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardContent {
    /// When the verified session ended.
    pub read_at: Timestamp,
    /// Life cycle state of the card (GlobalPlatform 2.3.1, Table 11-6).
    pub card_life_cycle: u8,
    /// Free non-volatile memory, in bytes.
    pub free_memory: u32,
    /// All entries but the issuer domain.
    pub entries: Vec<ContentEntry>,
    /// Key sets of the domains that were asked; the issuer domain with every reading.
    pub keys: Vec<KeySets>,
}

/// Which key sets a security domain has (GET DATA 00E0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySets {
    /// The domain.
    pub domain: Aid,
    /// Key version numbers, ascending, each once.
    pub versions: Vec<u8>,
    /// Told in a verified session. Other domains than the issuer's tell it to
    /// anybody, unprotected: such an answer is worth a look, and no change of a card.
    pub is_proven: bool,
}

/// What kind of registry entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A supplementary security domain.
    SecurityDomain,
    /// A load file.
    LoadFile,
    /// An applet instance.
    Applet,
}

/// One entry of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentEntry {
    /// Its kind.
    pub kind: EntryKind,
    /// Its name.
    pub aid: Aid,
    /// Raw life cycle state.
    pub life_cycle: u8,
    /// Privileges; none for load files.
    pub privileges: Option<Privileges>,
    /// Load file it was made from, where the card says so.
    pub load_file: Option<Aid>,
    /// Security domain it belongs to, where the card says so.
    pub security_domain: Option<Aid>,
}

impl CardContent {
    /// The entry named `aid` of one kind.
    #[must_use]
    pub fn find(&self, kind: EntryKind, aid: &Aid) -> Option<&ContentEntry> {
        self.entries
            .iter()
            .find(|entry| entry.kind == kind && entry.aid == *aid)
    }

    /// The key versions of a domain, when it was asked.
    #[must_use]
    pub fn key_versions(&self, domain: &Aid) -> Option<&KeySets> {
        self.keys.iter().find(|keys| keys.domain == *domain)
    }

    /// Takes over what is known of the keys of domains that are still there and
    /// were not asked this time.
    #[must_use]
    pub fn with_keys_of(mut self, earlier: Option<&Self>) -> Self {
        for keys in earlier
            .map(|content| content.keys.as_slice())
            .unwrap_or_default()
        {
            let is_there = self.find(EntryKind::SecurityDomain, &keys.domain).is_some();
            if is_there && self.key_versions(&keys.domain).is_none() {
                self.keys.push(keys.clone());
            }
        }
        self
    }

    /// Whether another reading shows the same card state and entries, in whatever
    /// order; time and free memory may differ.
    #[must_use]
    pub fn shows_the_same(&self, other: &Self) -> bool {
        self.card_life_cycle == other.card_life_cycle
            && self.entries.len() == other.entries.len()
            && self
                .entries
                .iter()
                .all(|entry| other.entries.contains(entry))
    }
}
