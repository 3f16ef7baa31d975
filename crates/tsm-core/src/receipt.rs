//! Receipts: what a server certifies of a step that changed a card or a credential.
//!
//! A receipt is a signed [statement](crate::statement) about one entry of the audit log, which
//! the party that asked can keep and show to anybody:
//!
//! ```text
//! TSM receipt 1
//! id: card/8981100000000000017/000000000004
//! server: carrier
//! at: 2026-11-24T04:00:00.000Z
//! card: 8981100000000000017
//! party: carrier
//! responsible: carrier
//! actor: carrier
//! action: jpki: create domain, set domain keys, load package, install
//! outcome: jpki installed
//! tenants: carrier j-lis
//! entry: <hash of the entry, hex>
//! card-receipt: <receipts of the card itself, hex>
//! ```
//!
//! `card`, `responsible` and `card-receipt` are left out when there are none. The name of the
//! person is in the audit log only.

use crate::audit::heads::{SignError, digest};
use crate::audit::{self, AuditEntry, Party, Step};
use crate::identity::{Iccid, Tenant};
use crate::ports::{Batch, KeyVault, Store};
use crate::record::Record;
use crate::statement::{Reader, Statement, StatementError};
use crate::time::Timestamp;

/// First line of a receipt.
const TITLE: &str = "TSM receipt 1";

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptStatement {
    /// Record id of the audit entry.
    pub id: String,
    /// The tenant whose server signs.
    pub server: Tenant,
    /// When.
    pub at: Timestamp,
    /// The card.
    pub card: Option<Iccid>,
    /// Who answers for the step.
    pub party: Party,
    /// The tenant that is that party.
    pub responsible: Option<Tenant>,
    /// Who asked: tenant and role, or the server itself.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// What came of it.
    pub outcome: String,
    /// Whose step it is: who may read the receipt.
    pub tenants: Vec<Tenant>,
    /// Hash of the audit entry.
    pub entry: [u8; 32],
    /// Receipts that the card itself gave, as they came.
    pub card_receipt: Vec<u8>,
}

impl ReceiptStatement {
    /// What the receipt of an entry says.
    #[must_use]
    pub fn of(server: &Tenant, entry: &AuditEntry, card_receipt: &[u8]) -> Self {
        let step = &entry.step;
        Self {
            id: AuditEntry::id(&step.subject, entry.sequence),
            server: server.clone(),
            at: step.at,
            card: step.card.clone(),
            party: step.party,
            responsible: step.responsible.clone(),
            actor: step.actor.clone(),
            action: step.action.clone(),
            outcome: step.outcome.clone(),
            tenants: step.tenants.clone(),
            entry: entry.hash(),
            card_receipt: card_receipt.to_vec(),
        }
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let tenants: Vec<_> = self.tenants.iter().map(Tenant::as_str).collect();
        Statement::new(TITLE)
            .line("id", &self.id)
            .line("server", self.server.as_str())
            .line("at", &self.at.rfc3339())
            .line("card", self.card.as_ref().map_or("", Iccid::as_str))
            .line("party", self.party.as_str())
            .line(
                "responsible",
                self.responsible.as_ref().map_or("", Tenant::as_str),
            )
            .line("actor", &self.actor)
            .line("action", &self.action)
            .line("outcome", &self.outcome)
            .line("tenants", &tenants.join(" "))
            .line("entry", &hex::encode(self.entry))
            .line("card-receipt", &hex::encode(&self.card_receipt))
            .into_text()
    }

    /// Reads the text.
    ///
    /// # Errors
    /// [`StatementError`] for anything that [`text`](Self::text) does not write.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        let mut reader = Reader::new(text, TITLE)?;
        let statement = Self {
            id: reader.required("id")?,
            server: reader.parsed("server", |value| Tenant::new(value).ok())?,
            at: reader.parsed("at", Timestamp::from_rfc3339)?,
            card: optional(&mut reader, "card", |value| Iccid::new(value).ok())?,
            party: reader.parsed("party", Party::parse)?,
            responsible: optional(&mut reader, "responsible", |value| Tenant::new(value).ok())?,
            actor: reader.optional("actor")?,
            action: reader.optional("action")?,
            outcome: reader.optional("outcome")?,
            tenants: optional(&mut reader, "tenants", |value| {
                value
                    .split(' ')
                    .map(|name| Tenant::new(name).ok())
                    .collect()
            })?
            .unwrap_or_default(),
            entry: reader.parsed("entry", digest)?,
            card_receipt: optional(&mut reader, "card-receipt", |value| {
                let bytes = hex::decode(value).ok()?;
                (hex::encode(&bytes) == value).then_some(bytes)
            })?
            .unwrap_or_default(),
        };
        reader.end()?;
        Ok(statement)
    }
}

fn optional<T>(
    reader: &mut Reader<'_>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, StatementError> {
    match reader.optional(name)? {
        empty if empty.is_empty() => Ok(None),
        value => parse(&value)
            .map(Some)
            .ok_or(StatementError::Value { name }),
    }
}

/// A signed receipt. Record id: that of the audit entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What was signed: the text of a [`ReceiptStatement`].
    pub text: String,
    /// ES256 over the text, DER.
    pub signature: Vec<u8>,
}

/// Adds `step` to the chain of its subject, with a receipt for it: see [`audit::append`].
///
/// `card_receipt` is what the card itself gave as proof, if it gave any.
///
/// # Errors
/// [`SignError`] when the chain cannot be read or nothing can be signed.
pub async fn append(
    store: &dyn Store,
    vault: &dyn KeyVault,
    server: &Tenant,
    batch: Batch,
    step: Step,
    card_receipt: &[u8],
) -> Result<Batch, SignError> {
    let subject = step.subject.clone();
    let batch = audit::append(store, batch, step).await?;
    let is_ours = |record: &Record| match record {
        Record::AuditEntry(entry) if entry.step.subject == subject => Some(entry.clone()),
        _ => None,
    };
    let entry = batch
        .put
        .iter()
        .rev()
        .find_map(|(_, record)| is_ours(record));
    let Some(entry) = entry else {
        return Ok(batch);
    };
    let statement = ReceiptStatement::of(server, &entry, card_receipt);
    let text = statement.text();
    let signature = vault.sign(text.as_bytes())?;
    Ok(batch.insert(statement.id, Receipt { text, signature }))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::card_session::fake::issuer_keys;
    use crate::testing::{TestStore, TestVault};

    fn tenant(name: &str) -> Tenant {
        Tenant::new(name).unwrap()
    }

    fn step(action: &str) -> Step {
        Step::new("card/1", Timestamp(1_000), "carrier", Party::Carrier)
            .answered_by(&tenant("carrier"))
            .of(&tenant("j-lis"))
            .on(&Iccid::new("8981100000000000017").unwrap())
            .says(action, "done")
    }

    #[test]
    fn a_receipt_is_about_its_entry() {
        let store = TestStore::default();
        let vault = TestVault(issuer_keys());
        let batch = block_on(audit::append(&store, Batch::new(), step("first"))).unwrap();
        let carrier = tenant("carrier");
        let appended = append(&store, &vault, &carrier, batch, step("load"), &[1, 2]);
        block_on(store.commit(block_on(appended).unwrap())).unwrap();
        let store: &dyn Store = &store;
        let id = AuditEntry::id("card/1", 2);
        let entry = block_on(store.load::<AuditEntry>(&id))
            .unwrap()
            .unwrap()
            .value;
        let receipt = block_on(store.load::<Receipt>(&id)).unwrap().unwrap().value;
        assert_eq!(
            receipt.text,
            format!(
                "TSM receipt 1\nid: card/1/000000000002\nserver: carrier\n\
                 at: 1970-01-01T00:00:01.000Z\ncard: 8981100000000000017\nparty: carrier\n\
                 responsible: carrier\nactor: carrier\naction: load\noutcome: done\n\
                 tenants: carrier j-lis\nentry: {}\ncard-receipt: 0102\n",
                hex::encode(entry.hash())
            )
        );
        assert_eq!(
            receipt.signature,
            vault.sign(receipt.text.as_bytes()).unwrap()
        );
        let first = block_on(store.load::<Receipt>(&AuditEntry::id("card/1", 1)));
        assert_eq!(first.unwrap(), None);
    }

    proptest! {
        #[test]
        fn every_receipt_is_read_as_it_was_written(
            texts: [String; 3],
            has in any::<[bool; 3]>(),
            card_receipt in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let [actor, action, outcome] = texts;
            let mut step = step(&action).says(action.clone(), outcome);
            step.actor = actor;
            step.card = step.card.filter(|_| has[0]);
            step.responsible = step.responsible.filter(|_| has[1]);
            step.tenants.truncate(if has[2] { 2 } else { 0 });
            let entry = AuditEntry { sequence: 7, previous: [1; 32], step };
            let statement = ReceiptStatement::of(&tenant("carrier"), &entry, &card_receipt);
            prop_assert_eq!(ReceiptStatement::parse(&statement.text()), Ok(statement));
        }
    }
}
