//! The append-only record of everything that changed, as hash chains.
//!
//! One chain per subject (a card, an application, a credential): entries of
//! different subjects never wait for each other. Each entry's hash covers the
//! previous one; an offline verifier recomputes them with [`AuditEntry::hash`].

use sha2::{Digest, Sha256};

use crate::ports::{Batch, Key, Store, StoreError};
use crate::record::Record;
use crate::time::Timestamp;

/// Which party answers for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Party {
    /// The mobile network operator.
    Carrier,
    /// J-LIS as service provider.
    Jlis,
    /// The citizen.
    User,
}

impl Party {
    /// As stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Jlis => "j-lis",
            Self::User => "user",
        }
    }

    /// The party written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Carrier, Self::Jlis, Self::User]
            .into_iter()
            .find(|party| party.as_str() == text)
    }
}

/// One step. Record id: [`AuditEntry::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// What was changed, for example `card/8981…`.
    pub subject: String,
    /// 1 for the first entry of a subject.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who asked: tenant and role, or the server itself.
    pub actor: String,
    /// Who answers for it.
    pub party: Party,
    /// What was done, for example `deploy`.
    pub action: String,
    /// What came of it.
    pub outcome: String,
    /// Hash of the previous entry of the subject; zeros for the first.
    pub previous: [u8; 32],
}

impl AuditEntry {
    /// Record id: subject, slash, sequence in 12 digits.
    #[must_use]
    pub fn id(subject: &str, sequence: u64) -> String {
        format!("{subject}/{sequence:012}")
    }

    /// SHA-256 over all fields, each led by its length (8 bytes, big endian).
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(self.subject.as_bytes());
        field(&self.sequence.to_be_bytes());
        field(&self.at.0.to_be_bytes());
        field(self.actor.as_bytes());
        field(self.party.as_str().as_bytes());
        field(self.action.as_bytes());
        field(self.outcome.as_bytes());
        field(&self.previous);
        hasher.finalize().into()
    }
}

/// Newest entry of a subject. Record id: the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Its sequence number.
    pub sequence: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// What an entry says; number and hash follow from the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was changed, for example `card/8981…`.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// Who asked: tenant and role, or the server itself.
    pub actor: String,
    /// Who answers for it.
    pub party: Party,
    /// What was done, for example `deploy`.
    pub action: String,
    /// What came of it.
    pub outcome: String,
}

/// Adds `step` to the chain of its subject, to be committed with `batch`. A
/// batch may get several steps, of one subject or of many.
///
/// The commit fails with [`StoreError::Conflict`] when another entry of the
/// subject was committed meanwhile: read again and decide again.
///
/// # Errors
/// [`StoreError`] when the head of the chain cannot be read.
pub async fn append(store: &dyn Store, mut batch: Batch, step: Step) -> Result<Batch, StoreError> {
    let key = Key::of::<AuditHead>(step.subject.as_str());
    let pending = batch
        .put
        .iter_mut()
        .find_map(|(found, record)| match record {
            Record::AuditHead(head) if *found == key => Some(head),
            _ => None,
        });
    if let Some(head) = pending {
        let (entry, next) = link(head, step);
        *head = next;
        return Ok(insert(batch, entry));
    }
    let stored = store.load::<AuditHead>(&key.id).await?;
    let version = stored.as_ref().map_or(0, |head| head.version);
    let head = stored.map_or(
        AuditHead {
            sequence: 0,
            hash: [0; 32],
        },
        |head| head.value,
    );
    let (entry, next) = link(&head, step);
    Ok(insert(batch.update(key.id, version, next), entry))
}

fn insert(batch: Batch, entry: AuditEntry) -> Batch {
    batch.insert(AuditEntry::id(&entry.subject, entry.sequence), entry)
}

/// The entry that follows `head`, and the head that it makes.
fn link(head: &AuditHead, step: Step) -> (AuditEntry, AuditHead) {
    let entry = AuditEntry {
        subject: step.subject,
        sequence: head.sequence.saturating_add(1),
        at: step.at,
        actor: step.actor,
        party: step.party,
        action: step.action,
        outcome: step.outcome,
        previous: head.hash,
    };
    let next = AuditHead {
        sequence: entry.sequence,
        hash: entry.hash(),
    };
    (entry, next)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::testing::TestStore;

    fn step(subject: &str, action: &str) -> Step {
        Step {
            subject: subject.to_owned(),
            at: Timestamp(7),
            actor: "carrier".to_owned(),
            party: Party::Carrier,
            action: action.to_owned(),
            outcome: "done".to_owned(),
        }
    }

    fn entry(store: &TestStore, subject: &str, sequence: u64) -> AuditEntry {
        let store: &dyn Store = store;
        let id = AuditEntry::id(subject, sequence);
        block_on(store.load::<AuditEntry>(&id))
            .unwrap()
            .unwrap()
            .value
    }

    fn write(store: &TestStore, steps: &[Step]) {
        let mut batch = Batch::new();
        for step in steps {
            batch = block_on(append(store, batch, step.clone())).unwrap();
        }
        block_on(store.commit(batch)).unwrap();
    }

    #[test]
    fn entries_of_one_batch_and_of_several_make_one_chain() {
        let store = TestStore::default();
        write(
            &store,
            &[
                step("card/1", "a"),
                step("card/1", "b"),
                step("card/2", "c"),
            ],
        );
        write(&store, &[step("card/1", "d")]);
        let chain = [1, 2, 3].map(|sequence| entry(&store, "card/1", sequence));
        assert_eq!(chain[0].previous, [0; 32]);
        assert_eq!(chain[1].previous, chain[0].hash());
        assert_eq!(chain[2].previous, chain[1].hash());
        assert_eq!(entry(&store, "card/2", 1).previous, [0; 32]);
    }

    #[test]
    fn of_two_entries_with_one_number_only_one_is_written() {
        let store = TestStore::default();
        let [one, two] = ["a", "b"]
            .map(|action| block_on(append(&store, Batch::new(), step("card/1", action))).unwrap());
        block_on(store.commit(one)).unwrap();
        assert!(matches!(
            block_on(store.commit(two)),
            Err(StoreError::Conflict(_))
        ));
    }

    #[test]
    fn the_hash_covers_every_field() {
        let first = step("card/1", "a");
        let store = TestStore::default();
        write(&store, &[first]);
        let entry = entry(&store, "card/1", 1);
        let changed = [
            AuditEntry {
                subject: "card/2".to_owned(),
                ..entry.clone()
            },
            AuditEntry {
                sequence: 2,
                ..entry.clone()
            },
            AuditEntry {
                at: Timestamp(8),
                ..entry.clone()
            },
            AuditEntry {
                actor: "nobody".to_owned(),
                ..entry.clone()
            },
            AuditEntry {
                party: Party::Jlis,
                ..entry.clone()
            },
            AuditEntry {
                action: "b".to_owned(),
                ..entry.clone()
            },
            AuditEntry {
                outcome: "undone".to_owned(),
                ..entry.clone()
            },
            AuditEntry {
                previous: [1; 32],
                ..entry.clone()
            },
        ];
        assert!(changed.iter().all(|changed| changed.hash() != entry.hash()));
    }
}
