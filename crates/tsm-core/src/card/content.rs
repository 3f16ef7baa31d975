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
}

/// What kind of registry entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
