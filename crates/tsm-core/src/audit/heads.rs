//! Signed heads: what a server certifies of its audit log, again and again.
//!
//! A hash chain shows that an entry was changed, unless everything behind it was computed anew, or
//! cut off. So the server signs, every few seconds, the heads of the chains that have grown:
//!
//! ```text
//! TSM audit heads 1
//! server: carrier
//! number: 12
//! at: 2026-11-24T04:00:00.000Z
//! previous: <SHA-256 of the statement before; 64 zeros for the first>
//! heads: 3
//! root: <SHA-256 over the leaves of the heads>
//! ```
//!
//! A leaf is SHA-256 over subject (led by its length, 8 bytes big endian), sequence (8 bytes, big
//! endian) and hash of a head: a reader who may not see a subject gets its leaf instead. Each
//! statement names the one before, so none can be left out.

use sha2::{Digest, Sha256};

use super::AuditEntry;
use crate::identity::Tenant;
use crate::ports::{Batch, KeyVault, Store, StoreError, VaultError};
use crate::record::Record;
use crate::statement::{Reader, Statement, StatementError};
use crate::time::Timestamp;

/// First line of a statement.
const TITLE: &str = "TSM audit heads 1";
/// Most heads of a statement …
const MOST_HEADS: usize = 24;
/// … and most bytes of their subjects, so that the record stays small.
const MOST_SUBJECT_BYTES: usize = 1_600;
/// Markers read at a time.
const PAGE: usize = 256;
/// How often a statement that lost a race is made again.
const ATTEMPTS: usize = 8;

/// An entry that no statement covers yet. Record id: that of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedHead {
    /// Its hash.
    pub hash: [u8; 32],
}

/// The newest entry of a chain when a statement was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub subject: String,
    /// Number of the entry.
    pub sequence: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Head {
    /// What the statement covers of it.
    #[must_use]
    pub fn leaf(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update((self.subject.len() as u64).to_be_bytes());
        hasher.update(self.subject.as_bytes());
        hasher.update(self.sequence.to_be_bytes());
        hasher.update(self.hash);
        hasher.finalize().into()
    }
}

/// What a server certifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadsStatement {
    /// The tenant whose server it is.
    pub server: Tenant,
    /// 1 for the first, up by one with each.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// [`digest`](Self::digest) of the statement before; zeros for the first.
    pub previous: [u8; 32],
    /// How many heads.
    pub count: u64,
    /// SHA-256 over their leaves, one after the other.
    pub root: [u8; 32],
}

impl HeadsStatement {
    /// SHA-256 over leaves.
    #[must_use]
    pub fn root_of(leaves: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for leaf in leaves {
            hasher.update(leaf);
        }
        hasher.finalize().into()
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        Statement::new(TITLE)
            .line("server", self.server.as_str())
            .line("number", &self.number.to_string())
            .line("at", &self.at.rfc3339())
            .line("previous", &hex::encode(self.previous))
            .line("heads", &self.count.to_string())
            .line("root", &hex::encode(self.root))
            .into_text()
    }

    /// Reads the text.
    ///
    /// # Errors
    /// [`StatementError`] for anything that [`text`](Self::text) does not write.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        let mut reader = Reader::new(text, TITLE)?;
        let statement = Self {
            server: reader.parsed("server", |value| Tenant::new(value).ok())?,
            number: reader.parsed("number", number)?,
            at: reader.parsed("at", Timestamp::from_rfc3339)?,
            previous: reader.parsed("previous", digest)?,
            count: reader.parsed("heads", number)?,
            root: reader.parsed("root", digest)?,
        };
        reader.end()?;
        Ok(statement)
    }

    /// SHA-256 over the text.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.text()).into()
    }
}

/// A number as it is written: no sign, no zeros in front.
pub(crate) fn number(text: &str) -> Option<u64> {
    let found: u64 = text.parse().ok()?;
    (found.to_string() == text).then_some(found)
}

/// 32 bytes in lower-case hex.
pub(crate) fn digest(text: &str) -> Option<[u8; 32]> {
    let bytes: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}

/// A statement with the heads that it covers. Record id: [`SignedHeads::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeads {
    /// What is certified.
    pub statement: HeadsStatement,
    /// The heads, in the order of their leaves.
    pub heads: Vec<Head>,
    /// ES256 over the statement's text, DER.
    pub signature: Vec<u8>,
}

impl SignedHeads {
    /// Record id: the number in 12 digits.
    #[must_use]
    pub fn id(number: u64) -> String {
        format!("{number:012}")
    }
}

/// The last statement. Record id: [`HeadsTip::ID`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadsTip {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: [u8; 32],
}

impl HeadsTip {
    /// Record id of the only one.
    pub const ID: &str = "tip";
}

/// Why no statement was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The store failed, or another signer keeps winning.
    #[error("the signed heads could not be stored")]
    Store(#[from] StoreError),
    /// The vault did not sign.
    #[error("the heads could not be signed")]
    Vault(#[from] VaultError),
}

/// What was just signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// Entries that a statement covers now, and none did before.
    pub entries: u64,
    /// Statements that were made.
    pub statements: u64,
}

/// Signs everything that was written until now.
///
/// # Errors
/// [`SignError`]; what was signed until then stays signed.
pub async fn sign_heads(
    store: &dyn Store,
    vault: &dyn KeyVault,
    server: &Tenant,
    now: Timestamp,
) -> Result<Signed, SignError> {
    let mut signed = Signed::default();
    let mut lost = 0;
    loop {
        let page = store
            .scan(crate::record::Table::UnsignedHead, "", None, PAGE)
            .await?;
        let is_last = page.len() < PAGE;
        let mut pending = Pending::default();
        let mut round = Ok(());
        for (key, found) in page {
            let (Record::UnsignedHead(marker), Some((subject, sequence))) =
                (found.value, split(&key.id))
            else {
                return Err(StoreError::Corrupt(key).into());
            };
            if pending.is_full(subject) {
                round = pending.commit(store, vault, server, now).await;
                if round.is_err() {
                    break;
                }
                signed.add(&pending);
                pending = Pending::default();
            }
            let head = Head {
                subject: subject.to_owned(),
                sequence,
                hash: marker.hash,
            };
            pending.push(head, (key.id, found.version));
        }
        if round.is_ok() && !pending.heads.is_empty() {
            round = pending.commit(store, vault, server, now).await;
            if round.is_ok() {
                signed.add(&pending);
            }
        }
        match round {
            Err(SignError::Store(StoreError::Conflict(_))) if lost < ATTEMPTS => lost += 1,
            Err(error) => return Err(error),
            Ok(()) if is_last => return Ok(signed),
            Ok(()) => {}
        }
    }
}

/// Subject and number of an entry, from its record id.
fn split(id: &str) -> Option<(&str, u64)> {
    let (subject, sequence) = id.rsplit_once('/')?;
    let sequence = sequence.parse().ok()?;
    (AuditEntry::id(subject, sequence) == id).then_some((subject, sequence))
}

impl Signed {
    fn add(&mut self, pending: &Pending) {
        self.entries = self.entries.saturating_add(pending.markers.len() as u64);
        self.statements = self.statements.saturating_add(1);
    }
}

/// Heads that go into one statement.
#[derive(Default)]
struct Pending {
    heads: Vec<Head>,
    /// Ids and versions of what is covered.
    markers: Vec<(String, u64)>,
    subject_bytes: usize,
}

impl Pending {
    /// Whether an entry of `subject` has no room any more.
    fn is_full(&self, subject: &str) -> bool {
        let Some(last) = self.heads.last() else {
            return false;
        };
        let grown = self.subject_bytes.saturating_add(subject.len());
        last.subject != subject && (self.heads.len() >= MOST_HEADS || grown > MOST_SUBJECT_BYTES)
    }

    /// Of a subject only the newest entry counts.
    fn push(&mut self, head: Head, marker: (String, u64)) {
        self.markers.push(marker);
        match self.heads.last_mut() {
            Some(last) if last.subject == head.subject => *last = head,
            _ => {
                self.subject_bytes = self.subject_bytes.saturating_add(head.subject.len());
                self.heads.push(head);
            }
        }
    }

    async fn commit(
        &self,
        store: &dyn Store,
        vault: &dyn KeyVault,
        server: &Tenant,
        now: Timestamp,
    ) -> Result<(), SignError> {
        let tip = store.load::<HeadsTip>(HeadsTip::ID).await?;
        let version = tip.as_ref().map_or(0, |tip| tip.version);
        let (last, previous) = tip.map_or((0, [0; 32]), |tip| (tip.value.number, tip.value.digest));
        let statement = HeadsStatement {
            server: server.clone(),
            number: last.saturating_add(1),
            at: now,
            previous,
            count: self.heads.len() as u64,
            root: HeadsStatement::root_of(self.heads.iter().map(Head::leaf)),
        };
        let tip = HeadsTip {
            number: statement.number,
            digest: statement.digest(),
        };
        let signed = SignedHeads {
            signature: vault.sign(statement.text().as_bytes())?,
            heads: self.heads.clone(),
            statement,
        };
        let mut batch = Batch::new()
            .insert(SignedHeads::id(tip.number), signed)
            .update(HeadsTip::ID, version, tip);
        for (id, version) in &self.markers {
            batch = batch.remove::<UnsignedHead>(id.clone(), *version);
        }
        Ok(store.commit(batch).await?)
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::audit::{Party, Step, append};
    use crate::card_session::fake::issuer_keys;
    use crate::record::Table;
    use crate::testing::{TestStore, TestVault};

    fn server() -> Tenant {
        Tenant::new("carrier").unwrap()
    }

    fn write(store: &TestStore, subject: &str) {
        let step = Step::new(subject, Timestamp(1), "carrier", Party::Carrier).says("a", "b");
        let batch = block_on(append(store, Batch::new(), step)).unwrap();
        block_on(store.commit(batch)).unwrap();
    }

    fn sign(store: &TestStore) -> Signed {
        let vault = TestVault(issuer_keys());
        block_on(sign_heads(store, &vault, &server(), Timestamp(7))).unwrap()
    }

    fn statements(store: &TestStore) -> Vec<SignedHeads> {
        let found = block_on(store.scan(Table::SignedHeads, "", None, 1_000)).unwrap();
        let values = found.into_iter().map(|(_, found)| match found.value {
            Record::SignedHeads(heads) => heads,
            other => panic!("{other:?}"),
        });
        values.collect()
    }

    #[test]
    fn a_statement_covers_the_newest_entry_of_every_chain_that_grew() {
        let store = TestStore::default();
        for subject in ["card/1", "card/1", "card/2", "card/1"] {
            write(&store, subject);
        }
        let all = Signed {
            entries: 4,
            statements: 1,
        };
        assert_eq!(sign(&store), all);
        assert_eq!(sign(&store), Signed::default());
        write(&store, "card/2");
        sign(&store);
        let found = statements(&store);
        let heads = |index: usize| {
            let heads: &Vec<Head> = &found[index].heads;
            let named = heads
                .iter()
                .map(|head| (head.subject.as_str(), head.sequence));
            named.collect::<Vec<_>>()
        };
        assert_eq!(heads(0), [("card/1", 3), ("card/2", 1)]);
        assert_eq!(heads(1), [("card/2", 2)]);
        assert_eq!(found[0].statement.number, 1);
        assert_eq!(found[0].statement.previous, [0; 32]);
        assert_eq!(found[1].statement.previous, found[0].statement.digest());
        let vault = TestVault(issuer_keys());
        for signed in &found {
            let text = signed.statement.text();
            assert_eq!(vault.sign(text.as_bytes()).unwrap(), signed.signature);
            assert_eq!(HeadsStatement::parse(&text).unwrap(), signed.statement);
            let root = HeadsStatement::root_of(signed.heads.iter().map(Head::leaf));
            assert_eq!(root, signed.statement.root);
        }
    }

    #[test]
    fn many_chains_take_several_statements() {
        let store = TestStore::default();
        for index in 0..600 {
            write(&store, &format!("card/{index:019}"));
        }
        let signed = sign(&store);
        assert_eq!((signed.entries, signed.statements), (600, 26));
        let found = statements(&store);
        assert!(found.iter().all(|signed| signed.heads.len() <= MOST_HEADS));
        let count: usize = found.iter().map(|signed| signed.heads.len()).sum();
        assert_eq!(count, 600);
    }

    #[test]
    fn long_subjects_take_more_room() {
        let store = TestStore::default();
        for index in 0..24 {
            write(&store, &format!("contract/{index:0>140}"));
        }
        assert_eq!(sign(&store).statements, 3);
    }

    #[test]
    fn an_id_is_split_into_subject_and_number() {
        assert_eq!(split("card/1/000000000007"), Some(("card/1", 7)));
        for wrong in [
            "card/1/7",
            "card",
            "card/1/00000000000x",
            "card/1/+00000000007",
        ] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
