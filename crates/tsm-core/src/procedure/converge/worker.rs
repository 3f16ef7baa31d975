//! Working on one card: rounds until it shows what is desired.

use super::item::Item;
use super::round::{Issuer, Played, PreparedChange, Refusal, Round};
use super::{Context, ConvergeError, ConvergeReport};
use crate::card::content::CardContent;
use crate::card::counter::KeysetCounter;
use crate::card::desired::Desired;
use crate::card::plan::{self, Action, Change};
use crate::card::reading::{Inquiry, Reading, ReadingError};
use crate::card::steps::{Materials, StepError, erase};
use crate::card::uicc::Uicc;
use crate::card_session::{CardSession, SessionError};
use crate::error::{Failure, Reason};
use crate::identity::{Iccid, ServiceName};
use crate::procedure::converge::request::RequestError;
use crate::time::Timestamp;

use globalplatform::aid::Aid;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::status_word::StatusWord;

/// Enough for: read, change, be refused, read, roll back, and two races on the way.
const ROUNDS: usize = 8;

/// What an audit entry says was done when the card was only read.
pub(super) const READ: &str = "read";

/// What an audit entry says was done when what the card refused is not tried any more.
pub(super) const GIVE_UP: &str = "give up";

/// Work on one card under one lease.
pub(super) struct Worker<'a> {
    pub(super) context: Context<'a>,
    pub(super) session: CardSession<'a>,
    pub(super) items: Vec<Item>,
    /// What the next audit entry says was done.
    pub(super) action: String,
    /// What the next audit entry says besides.
    pub(super) notes: Vec<String>,
    /// Changes that were sent since the last reading was stored.
    pub(super) sent: Option<String>,
    /// Items differ from what is stored.
    pub(super) is_dirty: bool,
    /// The card, without what was read from it.
    pub(super) uicc: Uicc,
    issuer: Issuer,
    /// Last verified reading before this call.
    snapshot: Option<CardContent>,
    /// Entries of nobody that the card refused to delete.
    spared: Vec<Aid>,
    /// Asked for when the card turned out to hold more than expected.
    inquiry: Option<Inquiry>,
}

/// What is known of the card when a round is planned.
enum Basis {
    /// Nothing to rely on.
    Unknown,
    /// A reading from before this call.
    Guess(CardContent),
    /// A reading of this call.
    Known(CardContent),
}

impl<'a> Worker<'a> {
    /// Reads the records of the card and derives its issuer keys.
    pub(super) async fn open(
        context: Context<'a>,
        iccid: &Iccid,
        lease_epoch: u64,
        deadline: Timestamp,
    ) -> Result<Self, ConvergeError> {
        let Some(uicc) = context.store.load::<Uicc>(iccid.as_str()).await? else {
            return Err(RequestError::CardUnknown.into());
        };
        let mut uicc = uicc.value;
        let snapshot = uicc.content.take();
        let keys = uicc.issuer_keys(context.vault, context.issuer_master)?;
        let session = CardSession {
            store: context.store,
            link: context.link,
            entropy: context.entropy,
            clock: context.clock,
            iccid: iccid.clone(),
            lease_epoch,
            deadline,
            exchanges: 0,
        };
        Ok(Self {
            context,
            session,
            items: Item::load_all(context.store, iccid).await?,
            action: String::new(),
            notes: Vec::new(),
            sent: None,
            is_dirty: false,
            issuer: Issuer {
                aid: uicc.isd_aid,
                keys,
                key_version: uicc.isd_key_version,
                scp_i: uicc.scp_i,
            },
            uicc,
            snapshot,
            spared: Vec::new(),
            inquiry: None,
        })
    }

    /// Reads the card and records what it shows.
    pub(super) async fn audit(mut self) -> Result<ConvergeReport, ConvergeError> {
        for _ in 0..ROUNDS {
            if let Basis::Known(content) = self.round(&Basis::Unknown, Vec::new()).await? {
                return Ok(self.report(content));
            }
        }
        Err(ConvergeError::Unsettled)
    }

    /// Brings the card to what is desired.
    pub(super) async fn converge(mut self) -> Result<ConvergeReport, ConvergeError> {
        let mut basis = match self.snapshot.clone() {
            Some(snapshot) if !self.in_doubt().await? => Basis::Guess(snapshot),
            _ => Basis::Unknown,
        };
        for _ in 0..ROUNDS {
            let changes = self.plan(&basis);
            if let (Basis::Known(content), true) = (&basis, changes.is_empty()) {
                if self.is_dirty {
                    self.action = GIVE_UP.to_owned();
                    self.record(&content.clone()).await?;
                }
                return Ok(self.report(content.clone()));
            }
            let Some(prepared) = self.prepare(&changes).await? else {
                continue;
            };
            basis = self.round(&basis, prepared).await?;
        }
        Err(ConvergeError::Unsettled)
    }

    fn report(self, content: CardContent) -> ConvergeReport {
        ConvergeReport {
            exchanges: self.session.exchanges,
            content,
            deployments: self.items.into_iter().map(|item| item.deployment).collect(),
        }
    }

    /// A script is out whose effect on the card is not known.
    async fn in_doubt(&self) -> Result<bool, ConvergeError> {
        let id = KeysetCounter::id(
            &self.session.iccid,
            &self.issuer.aid,
            self.issuer.key_version,
        );
        let counter = self.context.store.load::<KeysetCounter>(&id).await?;
        Ok(counter.is_some_and(|counter| counter.value.in_doubt()))
    }

    /// The changes from `basis` to what is desired. What cannot be had is
    /// refused when the card was read in this call; else the card is read first.
    fn plan(&mut self, basis: &Basis) -> Vec<Change> {
        // Every turn refuses one item or ends; an item is refused twice at most.
        for _ in 0..=self.items.len().saturating_mul(2) {
            let (content, is_known) = match basis {
                Basis::Unknown => return Vec::new(),
                Basis::Guess(content) => (content, false),
                Basis::Known(content) => (content, true),
            };
            let desired = self.desired();
            let (service, reason) = match plan::plan(&desired, content) {
                // What may hold a key is removed only after it was seen.
                Ok(changes) if !is_known && plan::clears_the_way(&desired, &changes) => {
                    return Vec::new();
                }
                Ok(changes) => match changes.first() {
                    Some(first) if is_locked(content) => match &first.service {
                        Some(service) => (service.clone(), Reason::CardLocked),
                        None => return Vec::new(),
                    },
                    _ => return changes,
                },
                Err(error) => (error.service().clone(), error.reason()),
            };
            if !is_known {
                return Vec::new();
            }
            self.refuse(&service, reason, reason.to_string());
        }
        Vec::new()
    }

    fn desired(&self) -> Desired {
        let (open, kept): (Vec<_>, Vec<_>) = self.items.iter().partition(|item| item.is_open());
        Desired {
            services: open.into_iter().map(Item::service).collect(),
            kept: kept.into_iter().map(Item::service).collect(),
            unwanted: Vec::new(),
        }
    }

    fn refuse(&mut self, service: &ServiceName, reason: Reason, note: String) {
        tracing::info!(iccid = ?self.session.iccid, %service, %reason, note, "refused");
        self.notes.push(format!("{service}: {note}"));
        self.is_dirty = true;
        for item in self
            .items
            .iter_mut()
            .filter(|item| item.deployment.service == *service)
        {
            item.refuse(reason);
        }
    }

    /// The card, or we, can not make a change. What is nobody's is left alone from now on.
    fn refuse_change(&mut self, change: &Change, reason: Reason, note: String) {
        match (&change.service, change.action) {
            (Some(service), _) => self.refuse(service, reason, note),
            (None, Action::Erase(_, aid)) => {
                tracing::info!(iccid = ?self.session.iccid, %aid, %reason, note, "refused");
                self.notes.push(format!("{aid}: {note}"));
                self.spared.push(aid);
            }
            (None, _) => {}
        }
    }

    /// Writes the commands of the changes and stores the hand-overs of first
    /// keys. Nothing when the plan has to be made again.
    async fn prepare(
        &mut self,
        changes: &[Change],
    ) -> Result<Option<Vec<PreparedChange>>, ConvergeError> {
        let mut prepared = Vec::with_capacity(changes.len());
        for change in changes {
            match self.prepare_change(change).await? {
                Ok(change) => prepared.push(change),
                Err((reason, note)) => {
                    self.refuse_change(change, reason, note);
                    self.items.iter_mut().for_each(Item::withdraw_first_keys);
                    return Ok(None);
                }
            }
        }
        let needs_keys = changes
            .iter()
            .any(|change| change.action == Action::SetDomainKeys);
        self.action = describe(changes);
        if needs_keys && !self.record_handovers().await? {
            return Ok(None);
        }
        Ok(Some(prepared))
    }

    async fn prepare_change(
        &mut self,
        change: &Change,
    ) -> Result<Result<PreparedChange, (Reason, String)>, ConvergeError> {
        let (context, scp_i) = (self.context, self.issuer.scp_i);
        let Some(service) = &change.service else {
            return Ok(prepare_erasure(change));
        };
        let mut items = self.items.iter_mut();
        let item = items.find(|item| item.deployment.service == *service);
        let Some(item) = item else {
            return Ok(Err((Reason::Internal, "planned for nobody".to_owned())));
        };
        if change.action == Action::SetDomainKeys {
            item.make_first_keys(&context)?;
        }
        let mut load_file = Vec::new();
        if change.action == Action::LoadPackage {
            match item.load_file(context.store).await? {
                Some(bytes) => load_file = bytes,
                None => {
                    return Ok(Err((
                        Reason::PackageUnusable,
                        "load file damaged".to_owned(),
                    )));
                }
            }
        }
        let first_keys = match (&item.first_keys, change.action) {
            (Some((keys, _)), Action::SetDomainKeys) => Some(keys.clone()),
            _ => None,
        };
        let materials = Materials {
            scp_i,
            issuer_dek: &self.issuer.keys.dek,
            first_keys: first_keys.as_ref(),
            load_file: &load_file,
        };
        let service = item.service();
        Ok(match change.action.commands(&service, &materials) {
            Ok(commands) => Ok(PreparedChange {
                change: change.clone(),
                domain: service.security_domain,
                commands,
                first_keys,
            }),
            Err(StepError::Parameters(error)) => {
                Err((Reason::SeProfileNotQualified, error.to_string()))
            }
            Err(error) => Err((Reason::PackageUnusable, error.to_string())),
        })
    }

    /// Plays one script; returns what is known of the card then.
    async fn round(
        &mut self,
        basis: &Basis,
        changes: Vec<PreparedChange>,
    ) -> Result<Basis, ConvergeError> {
        let inquiry = self
            .inquiry
            .unwrap_or_else(|| match (basis, &self.snapshot) {
                (Basis::Known(content) | Basis::Guess(content), _)
                | (Basis::Unknown, Some(content)) => Inquiry::expecting(content, &self.desired()),
                (Basis::Unknown, None) => Inquiry::first(),
            });
        let before = (!matches!(basis, Basis::Known(_))).then_some(inquiry);
        let after = (!changes.is_empty()).then_some(inquiry);
        if changes.is_empty() {
            self.action = READ.to_owned();
        }
        if !changes.is_empty() {
            self.sent = Some(self.action.clone());
        }
        let round = Round::new(&self.issuer, before, &changes, after);
        let mut outcomes = Vec::new();
        let played = self.session.play_into(&round.legs, &mut outcomes).await;
        let error = played.err();
        let now = self.context.clock.now();
        let judged = round.judge(&changes, &outcomes, error.as_ref(), now);
        let played = match (judged, error) {
            (Ok(played), Some(error)) if played.refusal.is_none() => {
                return Err(self.failed(error.into()).await);
            }
            (Ok(played), _) => played,
            (Err(_), Some(error)) => return Err(self.failed(error.into()).await),
            (Err(error), None) => return Err(self.failed(error.into()).await),
        };
        self.learn(basis, &changes, played).await
    }

    async fn failed(&mut self, error: ConvergeError) -> ConvergeError {
        let suspicious = matches!(
            error,
            ConvergeError::Session(SessionError::Forged | SessionError::CounterUnsteady { .. })
                | ConvergeError::Malformed(_)
        );
        if suspicious {
            self.record_failure(&error).await;
        }
        error
    }

    /// Draws the conclusions from a round.
    async fn learn(
        &mut self,
        basis: &Basis,
        changes: &[PreparedChange],
        played: Played,
    ) -> Result<Basis, ConvergeError> {
        for reading in [&played.before, &played.after] {
            if let Some(Reading::Longer(inquiry)) = reading {
                self.inquiry = Some(*inquiry);
            }
        }
        if let Some(Reading::Complete(before)) = &played.before
            && !changes.is_empty()
        {
            for item in &mut self.items {
                item.keep_older_keys(before);
            }
        }
        // What was sent counts from now on.
        self.items
            .iter_mut()
            .for_each(|item| item.first_keys = None);
        match played.refusal {
            Some(Refusal::Reading(sw)) => Err(ConvergeError::Unreadable(sw)),
            Some(Refusal::Change(index, sw)) => {
                if is_informed(basis, played.before.as_ref())
                    && let Some(refused) = changes.get(index)
                {
                    let note = format!("{} refused with {sw}", refused.change.action.name());
                    self.refuse_change(&refused.change, reason_of(sw), note);
                }
                Ok(Basis::Unknown)
            }
            None => match played.after.or(played.before) {
                Some(Reading::Complete(content)) => {
                    self.record(&content).await?;
                    self.snapshot = Some(content.clone());
                    Ok(Basis::Known(content))
                }
                _ => Ok(Basis::Unknown),
            },
        }
    }
}

impl From<ReadingError> for ConvergeError {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Refused(sw) => Self::Unreadable(sw),
            ReadingError::Malformed(problem) => Self::Malformed(problem),
        }
    }
}

/// Whether a refused change was planned from what the card showed: then the
/// card said no to the change, and not to a wrong guess.
fn is_informed(basis: &Basis, before: Option<&Reading>) -> bool {
    match (basis, before) {
        (Basis::Known(_), _) => true,
        (Basis::Guess(guess), Some(Reading::Complete(before))) => guess.shows_the_same(before),
        _ => false,
    }
}

/// CARD_LOCKED and TERMINATED allow no changes.
fn is_locked(content: &CardContent) -> bool {
    content.card_life_cycle >= CardLifeCycle::CardLocked.byte()
}

fn reason_of(sw: StatusWord) -> Reason {
    /// A package that the load file imports is missing (Java Card).
    const IMPORT_MISSING: StatusWord = StatusWord(0x6438);
    match sw {
        StatusWord::NO_MEMORY => Reason::InsufficientSeMemory,
        IMPORT_MISSING => Reason::PackageImportMissing,
        _ => Reason::CardRefused,
    }
}

/// The changes in words, in their order.
fn describe(changes: &[Change]) -> String {
    let parts: Vec<_> = changes.iter().map(Change::in_words).collect();
    parts.join("; ")
}

/// The one change that needs no service.
fn prepare_erasure(change: &Change) -> Result<PreparedChange, (Reason, String)> {
    let Action::Erase(_, aid) = change.action else {
        return Err((Reason::Internal, "planned for nobody".to_owned()));
    };
    Ok(PreparedChange {
        change: change.clone(),
        domain: aid,
        commands: vec![erase(aid)],
        first_keys: None,
    })
}
