//! The append-only record of everything that changed, as hash chains.
//!
//! One chain per subject (a card, an application, a credential): entries of
//! different subjects never wait for each other. Each entry's hash covers the
//! previous one; an offline verifier recomputes them with [`AuditEntry::hash`].

pub mod heads;
pub mod verify;

use sha2::{Digest, Sha256};

use crate::identity::{Caller, Iccid, Tenant};
use crate::ports::{Batch, Key, Store, StoreError};
use crate::record::Record;
use crate::time::Timestamp;
use heads::UnsignedHead;

/// Which party answers for a step (`responsibility demarcation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Party {
    /// The mobile network operator.
    Carrier,
    /// A virtual operator that issues its own cards, or holds the subscriber.
    Mvno,
    /// J-LIS as service provider.
    Jlis,
    /// Another service provider.
    ServiceProvider,
    /// The counter of a municipality.
    Municipality,
    /// The citizen.
    User,
}

impl Party {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Carrier,
        Self::Mvno,
        Self::Jlis,
        Self::ServiceProvider,
        Self::Municipality,
        Self::User,
    ];

    /// As stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Mvno => "mvno",
            Self::Jlis => "j-lis",
            Self::ServiceProvider => "service-provider",
            Self::Municipality => "municipality",
            Self::User => "user",
        }
    }

    /// The party written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|party| party.as_str() == text)
    }

    /// The issuer of a card, for what it does to that card.
    #[must_use]
    pub fn issuer(issuer: &Tenant, carrier: &Tenant) -> Self {
        if issuer == carrier {
            Self::Carrier
        } else {
            Self::Mvno
        }
    }
}

/// One step. Record id: [`AuditEntry::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// 1 for the first entry of a subject.
    pub sequence: u64,
    /// Hash of the previous entry of the subject; zeros for the first.
    pub previous: [u8; 32],
    /// What it says.
    pub step: Step,
}

impl AuditEntry {
    /// Record id: subject, slash, sequence in 12 digits.
    #[must_use]
    pub fn id(subject: &str, sequence: u64) -> String {
        format!("{subject}/{sequence:012}")
    }

    /// SHA-256 over all fields, each led by its length (8 bytes, big endian): subject, sequence
    /// and time (8 bytes each, big endian), actor, party, action, outcome, previous. When the
    /// step names a person, a responsible tenant, a card or tenants, these follow in that order.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let step = &self.step;
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(step.subject.as_bytes());
        field(&self.sequence.to_be_bytes());
        field(&step.at.0.to_be_bytes());
        field(step.actor.as_bytes());
        field(step.party.as_str().as_bytes());
        field(step.action.as_bytes());
        field(step.outcome.as_bytes());
        field(&self.previous);
        let responsible = step.responsible.as_ref().map_or("", Tenant::as_str);
        let card = step.card.as_ref().map_or("", Iccid::as_str);
        let more = [step.person.as_str(), responsible, card];
        // Entries of earlier versions have none of these.
        if more.iter().any(|text| !text.is_empty()) || !step.tenants.is_empty() {
            more.iter().for_each(|text| field(text.as_bytes()));
            for tenant in &step.tenants {
                field(tenant.as_str().as_bytes());
            }
        }
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
    /// The person who asked, if it was one; else empty.
    pub person: String,
    /// Who answers for it.
    pub party: Party,
    /// The tenant that is that party, if it is one.
    pub responsible: Option<Tenant>,
    /// The card that it is about.
    pub card: Option<Iccid>,
    /// Whose step it is: who may read it.
    pub tenants: Vec<Tenant>,
    /// What was done, for example `deploy`.
    pub action: String,
    /// What came of it.
    pub outcome: String,
}

impl Step {
    /// A step of the server itself; who it belongs to is still to be said.
    #[must_use]
    pub fn new(subject: impl Into<String>, at: Timestamp, server: &str, party: Party) -> Self {
        Self {
            subject: subject.into(),
            at,
            actor: server.to_owned(),
            person: String::new(),
            party,
            responsible: None,
            card: None,
            tenants: Vec::new(),
            action: String::new(),
            outcome: String::new(),
        }
    }

    /// What a caller asked for. It belongs to the caller's tenant too.
    #[must_use]
    pub fn by(caller: &Caller, subject: impl Into<String>, at: Timestamp, party: Party) -> Self {
        let step = Self::new(subject, at, &caller.actor(), party).of(&caller.tenant);
        Self {
            person: caller.person.clone(),
            ..step
        }
    }

    /// What was done and what came of it; each is cut after a thousand bytes, so that a record
    /// always has room for it.
    #[must_use]
    pub fn says(self, action: impl Into<String>, outcome: impl Into<String>) -> Self {
        Self {
            action: cut(action.into()),
            outcome: cut(outcome.into()),
            ..self
        }
    }

    /// The step belongs to `tenant` too: its people may read it.
    #[must_use]
    pub fn of(mut self, tenant: &Tenant) -> Self {
        if !self.tenants.contains(tenant) {
            self.tenants.push(tenant.clone());
        }
        self
    }

    /// `tenant` is the party that answers for the step; it may read it.
    #[must_use]
    pub fn answered_by(self, tenant: &Tenant) -> Self {
        let step = self.of(tenant);
        Self {
            responsible: Some(tenant.clone()),
            ..step
        }
    }

    /// The step is about a card.
    #[must_use]
    pub fn on(self, card: &Iccid) -> Self {
        Self {
            card: Some(card.clone()),
            ..self
        }
    }
}

fn cut(mut text: String) -> String {
    const MOST: usize = 1_000;
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
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
        let hash = next.hash;
        *head = next;
        return Ok(insert(batch, entry, hash));
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
    let hash = next.hash;
    Ok(insert(batch.update(key.id, version, next), entry, hash))
}

/// The entry, and the marker that no signed statement covers it yet.
fn insert(batch: Batch, entry: AuditEntry, hash: [u8; 32]) -> Batch {
    let id = AuditEntry::id(&entry.step.subject, entry.sequence);
    batch
        .insert(id.clone(), UnsignedHead { hash })
        .insert(id, entry)
}

/// The entry that follows `head`, and the head that it makes.
fn link(head: &AuditHead, step: Step) -> (AuditEntry, AuditHead) {
    let entry = AuditEntry {
        sequence: head.sequence.saturating_add(1),
        previous: head.hash,
        step,
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
        Step::new(subject, Timestamp(7), "carrier", Party::Carrier).says(action, "done")
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
        let tenant = |name: &str| Tenant::new(name).unwrap();
        let card = |text: &str| Some(Iccid::new(text).unwrap());
        let change = |change: &dyn Fn(&mut AuditEntry)| {
            let mut entry = AuditEntry {
                sequence: 1,
                previous: [0; 32],
                step: step("card/1", "a"),
            };
            change(&mut entry);
            entry.hash()
        };
        let hashes = [
            change(&|_| ()),
            change(&|entry| entry.sequence = 2),
            change(&|entry| entry.previous = [1; 32]),
            change(&|entry| entry.step.subject = "card/2".to_owned()),
            change(&|entry| entry.step.at = Timestamp(8)),
            change(&|entry| entry.step.actor = "nobody".to_owned()),
            change(&|entry| entry.step.party = Party::Jlis),
            change(&|entry| entry.step.action = "b".to_owned()),
            change(&|entry| entry.step.outcome = "undone".to_owned()),
            change(&|entry| entry.step.person = "a".to_owned()),
            change(&|entry| entry.step.responsible = Some(tenant("a"))),
            change(&|entry| entry.step.card = card("8981100000000000017")),
            change(&|entry| entry.step.tenants = vec![tenant("a")]),
            change(&|entry| entry.step.tenants = vec![tenant("a"), tenant("b")]),
            change(&|entry| entry.step.tenants = vec![tenant("ab")]),
        ];
        for (index, hash) in hashes.iter().enumerate() {
            assert_eq!(hashes.iter().position(|other| other == hash), Some(index));
        }
    }

    #[test]
    fn entries_of_earlier_versions_keep_their_hash() {
        let entry = AuditEntry {
            sequence: 1,
            previous: [0; 32],
            step: step("card/1", "a"),
        };
        assert_eq!(
            hex::encode(entry.hash()),
            "8303078108c487ffc6f95777dc5a4af86833cf63c3f80c19397198a568a31e0c"
        );
    }

    #[test]
    fn long_texts_are_cut() {
        let said = |text: &str| step("card/1", text).action;
        let full = "x".repeat(1_000);
        assert_eq!(said(&full), full);
        assert_eq!(said(&format!("{full}y")), format!("{full}…"));
        let wide = format!("{}é", "x".repeat(999));
        assert_eq!(said(&wide), format!("{}…", "x".repeat(999)));
    }

    #[test]
    fn every_party_is_read_as_it_is_written() {
        for party in Party::ALL {
            assert_eq!(Party::parse(party.as_str()), Some(party));
        }
        assert_eq!(Party::parse("nobody"), None);
        let [carrier, full] = ["carrier", "full"].map(|name| Tenant::new(name).unwrap());
        assert_eq!(Party::issuer(&carrier, &carrier), Party::Carrier);
        assert_eq!(Party::issuer(&full, &carrier), Party::Mvno);
    }
}
