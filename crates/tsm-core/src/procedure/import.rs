//! Taking a delivery of cards, chunk by chunk.
//!
//! Each chunk commits its cards, its refused rows and how far the delivery is in one batch. So a
//! delivery that broke off, on whichever side, goes on where the last chunk ended, and the same
//! rows again change nothing.

use std::collections::{BTreeMap, BTreeSet};

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::audit::{self, Party, Step};
use crate::card::counter::KeysetCounter;
use crate::card::uicc::{IssuerKeys, Uicc};
use crate::error::{Failure, Reason};
use crate::fleet::{
    ByTenant, CardOfEid, CardOfNumber, DeliveredCard, DeliveredKeys, Delivery, HolderAssurance,
    ImportBatch, RefusedRow, RowCounts, RowProblem, RowText, Subscription, SubscriptionState,
};
use crate::identity::{BatchName, Caller, Iccid, Tenant};
use crate::ports::{Batch, Clock, Key, KeyVault, Store, StoreError, VaultError};
use crate::record::Table;

/// Most rows of a chunk.
pub const CHUNK: usize = 1_000;
/// How often a chunk that lost a race is decided again.
const ATTEMPTS: usize = 8;

/// Why rows were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The name was used for another file, or with another transport key.
    #[error(
        "a delivery of this name was imported from another file, or under another transport key"
    )]
    OtherFile,
    /// Someone else takes rows of the same delivery.
    #[error("the delivery is being imported by somebody else")]
    Busy,
    /// Rows are missing in between.
    #[error("row {given} came, row {expected} is the next")]
    Gap {
        /// The row that should have come.
        expected: u64,
        /// The row that came.
        given: u64,
    },
    /// The end came before the last row, or rows came after it.
    #[error("the delivery has {taken} rows, {said} were announced")]
    Length {
        /// Rows that were taken.
        taken: u64,
        /// Rows that were said to be there.
        said: u64,
    },
    /// Too many rows at once.
    #[error("at most {CHUNK} rows at a time")]
    TooMany,
    /// The issuer has no transport key of this name.
    #[error("the issuer has no transport key of this name")]
    NoTransportKey,
    /// The vault failed.
    #[error("the vault failed")]
    Vault(#[source] VaultError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Failure for ImportError {
    fn reason(&self) -> Reason {
        match self {
            Self::OtherFile => Reason::RequestIdReused,
            Self::Busy => Reason::ImportBusy,
            Self::Gap { .. } | Self::Length { .. } | Self::TooMany | Self::NoTransportKey => {
                Reason::InvalidArgument
            }
            Self::Vault(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

/// What a delivery is called and made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportHeader {
    /// Whose cards these are.
    pub issuer: Tenant,
    /// Its name.
    pub name: BatchName,
    /// SHA-256 of the output file.
    pub file_sha256: [u8; 32],
    /// Key under which the maker wrapped the cards' keys.
    pub transport_key: Option<String>,
    /// Who imports, for the audit log.
    pub caller: Caller,
    /// Who answers for it, for the audit log.
    pub party: Party,
}

/// What an import works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Records.
    pub store: &'a dyn Store,
    /// Keys.
    pub vault: &'a dyn KeyVault,
    /// Moments.
    pub clock: &'a dyn Clock,
}

/// A delivery that is being taken.
pub struct Import {
    id: String,
    caller: Caller,
    party: Party,
    version: u64,
    batch: ImportBatch,
}

/// ENC, MAC and DEK, one after the other.
type MakersKeys = Zeroizing<Vec<u8>>;

/// A row that could become a card.
struct Candidate {
    row: u64,
    card: DeliveredCard,
    /// When the maker made them.
    keys: Option<MakersKeys>,
}

/// What becomes of the rows of a chunk.
#[derive(Default)]
struct Decision<'a> {
    new: Vec<&'a Candidate>,
    present: u64,
    refused: Vec<RefusedRow>,
}

impl Import {
    /// Begins a delivery, or goes on with it.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn open(context: Context<'_>, header: ImportHeader) -> Result<Self, ImportError> {
        let Context {
            store,
            vault,
            clock,
        } = context;
        if let Some(name) = &header.transport_key {
            match vault.unwrap_keys(header.issuer.as_str(), name, &[]) {
                Ok(_) => {}
                Err(VaultError::NoKey(_)) => return Err(ImportError::NoTransportKey),
                Err(error) => return Err(ImportError::Vault(error)),
            }
        }
        let id = ImportBatch::id(&header.issuer, &header.name);
        let found = store.load::<ImportBatch>(&id).await?;
        let (version, batch) = match found {
            Some(found) => (found.version, found.value),
            None => {
                let now = clock.now();
                let batch = ImportBatch {
                    issuer: header.issuer,
                    name: header.name,
                    file_sha256: header.file_sha256,
                    transport_key: header.transport_key.clone(),
                    next_row: 1,
                    counts: RowCounts::default(),
                    is_done: false,
                    started_at: now,
                    updated_at: now,
                };
                let action = format!("import cards of {}", hex::encode(batch.file_sha256));
                let step = Step::by(&header.caller, format!("import/{id}"), now, header.party)
                    .answered_by(&batch.issuer)
                    .says(action, "begun");
                let changes = Batch::new().insert(id.clone(), batch.clone());
                let committed = store
                    .commit(audit::append(store, changes, step).await?)
                    .await;
                committed.map_err(|error| busy(error, &id))?;
                (1, batch)
            }
        };
        if (batch.file_sha256, &batch.transport_key) != (header.file_sha256, &header.transport_key)
        {
            return Err(ImportError::OtherFile);
        }
        Ok(Self {
            id,
            caller: header.caller,
            party: header.party,
            version,
            batch,
        })
    }

    /// How far it is.
    #[must_use]
    pub const fn batch(&self) -> &ImportBatch {
        &self.batch
    }

    /// Takes rows, of which `first` is the number of the first. Rows that were taken before change
    /// nothing.
    ///
    /// # Errors
    /// [`ImportError`]; none of the rows was taken then.
    pub async fn take(
        &mut self,
        context: Context<'_>,
        delivery: Delivery<'_>,
        first: u64,
        rows: Vec<Result<RowText, RowProblem>>,
    ) -> Result<(), ImportError> {
        if rows.len() > CHUNK {
            return Err(ImportError::TooMany);
        }
        let expected = self.batch.next_row;
        if first > expected || first == 0 {
            let given = first;
            return Err(ImportError::Gap { expected, given });
        }
        let numbered = (first..).zip(rows);
        let rows: Vec<_> = numbered.filter(|(row, _)| *row >= expected).collect();
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        if self.batch.is_done {
            let (taken, said) = (expected.saturating_sub(1), *last);
            return Err(ImportError::Length { taken, said });
        }
        let next_row = last.saturating_add(1);
        let (candidates, refused) = self.read(context.vault, delivery, rows)?;
        for attempt in 0..ATTEMPTS {
            // Nearly always all cards are new, and the commit says so by itself.
            let store = (attempt > 0).then_some(context);
            let mut decision = decide(store, &candidates).await?;
            decision.refused.extend(refused.iter().cloned());
            match self.commit(context, &decision, next_row).await {
                Err(ImportError::Store(StoreError::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(ImportError::Busy)
    }

    /// Ends the delivery, when it has `rows` rows.
    ///
    /// # Errors
    /// [`ImportError::Length`] when it has another number of them.
    pub async fn finish(&mut self, context: Context<'_>, rows: u64) -> Result<(), ImportError> {
        let taken = self.batch.next_row.saturating_sub(1);
        if taken != rows {
            return Err(ImportError::Length { taken, said: rows });
        }
        if self.batch.is_done {
            return Ok(());
        }
        let now = context.clock.now();
        let counts = self.batch.counts;
        let outcome = format!(
            "{rows} rows: {} cards are new, {} were there, {} rows are refused",
            counts.accepted, counts.present, counts.refused
        );
        let batch = ImportBatch {
            is_done: true,
            updated_at: now,
            ..self.batch.clone()
        };
        let subject = format!("import/{}", self.id);
        let step = Step::by(&self.caller, subject, now, self.party)
            .answered_by(&self.batch.issuer)
            .says("end import", outcome);
        let changes = Batch::new().update(self.id.clone(), self.version, batch.clone());
        let changes = audit::append(context.store, changes, step).await?;
        let committed = context.store.commit(changes).await;
        committed.map_err(|error| busy(error, &self.id))?;
        self.advance(batch);
        Ok(())
    }

    fn advance(&mut self, batch: ImportBatch) {
        self.version = self.version.saturating_add(1);
        self.batch = batch;
    }

    /// The rows that could become cards, and those that could not.
    fn read(
        &self,
        vault: &dyn KeyVault,
        delivery: Delivery<'_>,
        rows: Vec<(u64, Result<RowText, RowProblem>)>,
    ) -> Result<(Vec<Candidate>, Vec<RefusedRow>), ImportError> {
        let (mut candidates, mut refused) = (Vec::with_capacity(rows.len()), Vec::new());
        for (row, text) in rows {
            let (iccid, checked) = match text {
                Ok(text) => (Iccid::new(&text.iccid).ok(), delivery.check(&text)),
                Err(problem) => (None, Err(problem)),
            };
            let opened = match checked {
                Ok(card) => self.open_keys(vault, &card)?.map(|keys| (card, keys)),
                Err(problem) => Err(problem),
            };
            match opened {
                Ok((card, keys)) => candidates.push(Candidate { row, card, keys }),
                Err(problem) => refused.push(refusal(row, iccid, &problem)),
            }
        }
        Ok((candidates, refused))
    }

    fn open_keys(
        &self,
        vault: &dyn KeyVault,
        card: &DeliveredCard,
    ) -> Result<Result<Option<MakersKeys>, RowProblem>, ImportError> {
        let unusable = |detail: &str| RowProblem::new("enc_key", Reason::KeysUnusable, detail);
        let (wrapped, name) = match (&card.keys, &self.batch.transport_key) {
            (DeliveredKeys::Diversified(_), _) => return Ok(Ok(None)),
            (DeliveredKeys::Wrapped(wrapped), Some(name)) => (wrapped, name),
            (DeliveredKeys::Wrapped(_), None) => {
                return Ok(Err(unusable(
                    "is wrapped, and the import names no transport key",
                )));
            }
        };
        match vault.unwrap_keys(self.batch.issuer.as_str(), name, wrapped) {
            Ok(keys) => {
                let mut joined = Zeroizing::new(Vec::with_capacity(3 * 32));
                keys.iter().for_each(|key| joined.extend_from_slice(key));
                Ok(Ok(Some(joined)))
            }
            Err(VaultError::Unseal) => Ok(Err(unusable(
                "or mac_key or dek_key was not wrapped under the transport key",
            ))),
            Err(error) => Err(ImportError::Vault(error)),
        }
    }

    async fn commit(
        &mut self,
        context: Context<'_>,
        decision: &Decision<'_>,
        next_row: u64,
    ) -> Result<(), ImportError> {
        let Context {
            store,
            vault,
            clock,
        } = context;
        let now = clock.now();
        let mut batch = ImportBatch {
            next_row,
            updated_at: now,
            ..self.batch.clone()
        };
        let add = |count: &mut u64, more: usize| *count = count.saturating_add(more as u64);
        add(&mut batch.counts.accepted, decision.new.len());
        add(&mut batch.counts.refused, decision.refused.len());
        batch.counts.present = batch.counts.present.saturating_add(decision.present);
        let mut changes = Batch::new().update(self.id.clone(), self.version, batch.clone());
        for candidate in &decision.new {
            changes = insert(changes, vault, &self.batch.issuer, candidate, now)?;
        }
        for refused in &decision.refused {
            let key = Key::of::<RefusedRow>(RefusedRow::id(&self.id, refused.row));
            changes.put.push((key, refused.clone().into()));
        }
        let committed = store.commit(changes).await;
        committed.map_err(|error| busy(error, &self.id))?;
        self.advance(batch);
        Ok(())
    }
}

/// What becomes of the candidates: all that do not contradict each other, and with `context` also
/// none of the stored cards, are new.
async fn decide<'a>(
    context: Option<Context<'_>>,
    candidates: &'a [Candidate],
) -> Result<Decision<'a>, ImportError> {
    let mut decision = Decision::default();
    let mut cards: BTreeMap<&Iccid, &Candidate> = BTreeMap::new();
    let (mut numbers, mut eids) = (BTreeSet::new(), BTreeSet::new());
    for candidate in candidates {
        let card = &candidate.card;
        let known = match (cards.get(&card.iccid), context) {
            (Some(first), _) => Some(same_row(first, candidate)),
            (None, Some(context)) => is_stored(context, candidate).await?,
            (None, None) => None,
        };
        let refuse =
            |problem: &RowProblem| refusal(candidate.row, Some(card.iccid.clone()), problem);
        match known {
            Some(true) => {
                decision.present = decision.present.saturating_add(1);
                continue;
            }
            Some(false) => {
                let detail = "the card is registered, or stands in an earlier row, with other data";
                let problem = RowProblem::new("iccid", Reason::DifferentCard, detail);
                decision.refused.push(refuse(&problem));
                continue;
            }
            None => {}
        }
        let taken = taken(context, card, &numbers, &eids).await?;
        if let Some(column) = taken {
            let detail = "is on another card";
            let problem = RowProblem::new(column, Reason::NumberInUse, detail);
            decision.refused.push(refuse(&problem));
            continue;
        }
        numbers.extend(&card.msisdn);
        eids.extend(&card.eid);
        cards.insert(&card.iccid, candidate);
        decision.new.push(candidate);
    }
    Ok(decision)
}

/// The column whose number is on another card.
async fn taken(
    context: Option<Context<'_>>,
    card: &DeliveredCard,
    numbers: &BTreeSet<&crate::fleet::Msisdn>,
    eids: &BTreeSet<&crate::fleet::Eid>,
) -> Result<Option<&'static str>, StoreError> {
    if let Some(eid) = &card.eid {
        let is_stored = match context {
            Some(context) => context
                .store
                .load::<CardOfEid>(eid.as_str())
                .await?
                .is_some(),
            None => false,
        };
        if is_stored || eids.contains(eid) {
            return Ok(Some("eid"));
        }
    }
    if let Some(number) = &card.msisdn {
        let is_stored = match context {
            Some(context) => {
                let found = context.store.load::<CardOfNumber>(number.as_str()).await?;
                found.is_some()
            }
            None => false,
        };
        if is_stored || numbers.contains(number) {
            return Ok(Some("msisdn"));
        }
    }
    Ok(None)
}

fn same_row(one: &Candidate, other: &Candidate) -> bool {
    one.card == other.card
}

/// Whether the card is registered: with the same data (`true`), or with other data. What may have
/// changed since its delivery does not count.
async fn is_stored(
    context: Context<'_>,
    candidate: &Candidate,
) -> Result<Option<bool>, ImportError> {
    let card = &candidate.card;
    let found = context.store.load::<Uicc>(card.iccid.as_str()).await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let found = found.value;
    let same_keys = match (&found.keys, &card.keys, &candidate.keys) {
        (IssuerKeys::Diversified(one), DeliveredKeys::Diversified(other), _) => one == other,
        (IssuerKeys::Sealed(sealed), DeliveredKeys::Wrapped(_), Some(keys)) => {
            let place = IssuerKeys::place(&card.iccid);
            let opened = context
                .vault
                .unseal(&place, sealed)
                .map_err(ImportError::Vault)?;
            bool::from(opened.as_slice().ct_eq(keys.as_slice()))
        }
        _ => false,
    };
    let is_same = same_keys
        && found.profile.as_ref() == Some(&card.profile)
        && (
            found.isd_aid,
            found.isd_key_version,
            found.scp_i,
            found.memory_bytes,
        ) == (
            card.isd_aid,
            card.key_version,
            card.scp_i,
            card.memory_bytes,
        )
        && found.eid == card.eid;
    Ok(Some(is_same))
}

/// Adds the records of a new card.
fn insert(
    mut changes: Batch,
    vault: &dyn KeyVault,
    issuer: &Tenant,
    candidate: &Candidate,
    now: crate::time::Timestamp,
) -> Result<Batch, ImportError> {
    let card = &candidate.card;
    let id = card.iccid.as_str();
    let keys = match (&card.keys, &candidate.keys) {
        (DeliveredKeys::Diversified(data), _) => IssuerKeys::Diversified(*data),
        (DeliveredKeys::Wrapped(_), keys) => {
            let keys = keys.as_ref().map_or(&[][..], |keys| keys.as_slice());
            IssuerKeys::seal(vault, &card.iccid, keys).map_err(ImportError::Vault)?
        }
    };
    let uicc = Uicc {
        iccid: card.iccid.clone(),
        tenant: card.tenant.clone(),
        issuer: issuer.clone(),
        isd_aid: card.isd_aid,
        isd_key_version: card.key_version,
        scp_i: card.scp_i,
        keys,
        memory_bytes: card.memory_bytes,
        profile: Some(card.profile.clone()),
        eid: card.eid.clone(),
        content: None,
    };
    changes = changes.insert(id, uicc);
    // Found or not found with the card itself.
    let index = Key::of::<ByTenant>(ByTenant::id(Table::Uicc, &card.tenant, id));
    changes.put.push((index, ByTenant.into()));
    if let Some(eid) = &card.eid {
        let iccid = card.iccid.clone();
        changes = changes.insert(eid.as_str(), CardOfEid { iccid });
    }
    if let Some(msisdn) = &card.msisdn {
        let iccid = card.iccid.clone();
        changes = changes.insert(msisdn.as_str(), CardOfNumber { iccid });
        let subscription = Subscription {
            iccid: card.iccid.clone(),
            msisdn: msisdn.clone(),
            assurance: HolderAssurance::Unverified,
            device: None,
            state: SubscriptionState::Active,
            since: now,
        };
        let key = Key::of::<Subscription>(id);
        changes.put.push((key, subscription.into()));
    }
    // A counter without a record was never used.
    if card.sequence_counter > 0 {
        let counter = KeysetCounter {
            confirmed: card.sequence_counter,
            sent: card.sequence_counter,
            digest: None,
        };
        let id = KeysetCounter::id(&card.iccid, &card.isd_aid, card.key_version);
        let key = Key::of::<KeysetCounter>(id);
        changes.put.push((key, counter.into()));
    }
    Ok(changes)
}

fn refusal(row: u64, iccid: Option<Iccid>, problem: &RowProblem) -> RefusedRow {
    RefusedRow {
        row,
        column: problem.column.to_owned(),
        reason: problem.reason.to_string(),
        detail: problem.detail.clone(),
        iccid,
    }
}

fn busy(error: StoreError, id: &str) -> ImportError {
    match error {
        StoreError::Conflict(key) if key.id == id && key.table == Table::ImportBatch => {
            ImportError::Busy
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests;
