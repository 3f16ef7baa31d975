//! What happens to a card and its subscription: the event is recorded, and the subscription
//! changed, in one batch.

use crate::card::uicc::Uicc;
use crate::error::{Failure, Reason};
use crate::fleet::{
    ByTenant, CardEvent, CardEventKind, CardOfNumber, HolderAssurance, Imei, Msisdn, Subscription,
    SubscriptionChange, SubscriptionError, SubscriptionState, append_event,
};
use crate::identity::{Iccid, Tenant};
use crate::ports::{Batch, Store, StoreError, Versioned};
use crate::record::Table;
use crate::time::Timestamp;

/// What is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// A subscription begins.
    Start {
        /// Its number.
        msisdn: Msisdn,
        /// How it was checked who the holder is.
        assurance: HolderAssurance,
        /// The device, when it is known.
        device: Option<Imei>,
    },
    /// It changes.
    Change(SubscriptionChange),
    /// The subscriber is another tenant's now.
    Tenant(Tenant),
    /// SIM swap: the subscription moves to another card.
    Move(Iccid),
}

/// Why a report was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// No such card.
    #[error("no such card is registered")]
    CardUnknown,
    /// The card to move to is not there.
    #[error("the new card is not registered")]
    NewCardUnknown,
    /// The card to move to is another tenant's.
    #[error("the new card is another tenant's")]
    OtherTenant,
    /// The card has no subscription.
    #[error("the card has no subscription")]
    NoSubscription,
    /// The number is on another card.
    #[error("the number is on another card")]
    NumberInUse,
    /// Nothing would change.
    #[error("it is so already")]
    NoChange,
    /// The subscription is over, or not over.
    #[error(transparent)]
    State(#[from] SubscriptionError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Failure for ReportError {
    fn reason(&self) -> Reason {
        match self {
            Self::CardUnknown | Self::NewCardUnknown => Reason::CardUnknown,
            Self::OtherTenant => Reason::TenantForbidden,
            Self::NoSubscription => Reason::SubscriptionUnknown,
            Self::NumberInUse => Reason::NumberInUse,
            Self::NoChange => Reason::WrongState,
            Self::State(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

/// Adds to `batch` what follows from a report, with its event. Returns the event too.
///
/// The commit fails with [`StoreError::Conflict`] when something else happened meanwhile.
///
/// # Errors
/// [`ReportError`].
pub async fn report(
    store: &dyn Store,
    batch: Batch,
    iccid: &Iccid,
    report: &Report,
    actor: &str,
    now: Timestamp,
) -> Result<(Batch, CardEvent), ReportError> {
    let card = store.load::<Uicc>(iccid.as_str()).await?;
    let card = card.ok_or(ReportError::CardUnknown)?;
    let found = store.load::<Subscription>(iccid.as_str()).await?;
    let (batch, kind, old, new) = match report {
        Report::Start {
            msisdn,
            assurance,
            device,
        } => {
            let subscription = Subscription {
                iccid: iccid.clone(),
                msisdn: msisdn.clone(),
                assurance: *assurance,
                device: device.clone(),
                state: SubscriptionState::Active,
                since: now,
            };
            let batch = begin(batch, found, subscription)?;
            let batch = take_number(store, batch, msisdn, iccid).await?;
            let kind = CardEventKind::SubscriptionStart;
            (batch, kind, String::new(), msisdn.to_string())
        }
        Report::Change(change) => {
            let found = found.ok_or(ReportError::NoSubscription)?;
            let changed = found.value.change(change, now)?;
            let (after, kind, old, new) = changed.ok_or(ReportError::NoChange)?;
            let mut batch = batch.update(iccid.as_str(), found.version, after.clone());
            if after.msisdn != found.value.msisdn || after.state == SubscriptionState::Ended {
                batch = free_number(store, batch, &found.value.msisdn).await?;
            }
            if after.msisdn != found.value.msisdn {
                batch = take_number(store, batch, &after.msisdn, iccid).await?;
            }
            (batch, kind, old, new)
        }
        Report::Tenant(tenant) => {
            let old = card.value.tenant.clone();
            if old == *tenant {
                return Err(ReportError::NoChange);
            }
            let batch = give(batch, card, tenant.clone());
            let kind = CardEventKind::TenantChange;
            (batch, kind, old.to_string(), tenant.to_string())
        }
        Report::Move(new) => {
            let found = found.ok_or(ReportError::NoSubscription)?;
            let batch = swap(store, batch, (&card.value, found), new, actor, now).await?;
            let kind = CardEventKind::SeRenewal;
            (batch, kind, iccid.to_string(), new.to_string())
        }
    };
    let event = CardEvent {
        iccid: iccid.clone(),
        sequence: 0,
        kind,
        at: now,
        actor: actor.to_owned(),
        old,
        new,
    };
    Ok(append_event(store, batch, event).await?)
}

/// Writes a subscription where there is none that runs.
fn begin(
    batch: Batch,
    found: Option<Versioned<Subscription>>,
    subscription: Subscription,
) -> Result<Batch, ReportError> {
    let version = match found {
        Some(found) if found.value.state != SubscriptionState::Ended => {
            return Err(SubscriptionError::Running.into());
        }
        Some(ended) => ended.version,
        None => 0,
    };
    Ok(batch.update(subscription.iccid.to_string(), version, subscription))
}

async fn take_number(
    store: &dyn Store,
    batch: Batch,
    msisdn: &Msisdn,
    iccid: &Iccid,
) -> Result<Batch, ReportError> {
    if store.load::<CardOfNumber>(msisdn.as_str()).await?.is_some() {
        return Err(ReportError::NumberInUse);
    }
    let iccid = iccid.clone();
    Ok(batch.insert(msisdn.as_str(), CardOfNumber { iccid }))
}

async fn free_number(
    store: &dyn Store,
    batch: Batch,
    msisdn: &Msisdn,
) -> Result<Batch, ReportError> {
    Ok(match store.load::<CardOfNumber>(msisdn.as_str()).await? {
        Some(found) => batch.remove::<CardOfNumber>(msisdn.as_str(), found.version),
        None => batch,
    })
}

/// Makes a card another tenant's.
fn give(batch: Batch, card: Versioned<Uicc>, tenant: Tenant) -> Batch {
    let iccid = card.value.iccid.to_string();
    let [from, to] =
        [&card.value.tenant, &tenant].map(|owner| ByTenant::id(Table::Uicc, owner, &iccid));
    let value = Uicc {
        tenant,
        ..card.value
    };
    let mut batch = batch
        .update(iccid, card.version, value)
        .insert(to, ByTenant);
    batch.delete.push(crate::ports::Key::of::<ByTenant>(from));
    batch
}

/// Ends the subscription on one card and goes on with it on another.
async fn swap(
    store: &dyn Store,
    batch: Batch,
    (card, from): (&Uicc, Versioned<Subscription>),
    to: &Iccid,
    actor: &str,
    now: Timestamp,
) -> Result<Batch, ReportError> {
    if from.value.state == SubscriptionState::Ended {
        return Err(SubscriptionError::Ended.into());
    }
    if card.iccid == *to {
        return Err(ReportError::NoChange);
    }
    let new_card = store.load::<Uicc>(to.as_str()).await?;
    let new_card = new_card.ok_or(ReportError::NewCardUnknown)?;
    if new_card.value.tenant != card.tenant {
        return Err(ReportError::OtherTenant);
    }
    let there = store.load::<Subscription>(to.as_str()).await?;
    let moved = Subscription {
        iccid: to.clone(),
        device: None,
        since: now,
        ..from.value.clone()
    };
    let ended = Subscription {
        state: SubscriptionState::Ended,
        since: now,
        ..from.value.clone()
    };
    let number = moved.msisdn.clone();
    let batch = begin(batch, there, moved)?
        .expecting::<Uicc>(to.as_str(), new_card.version)
        .update(card.iccid.as_str(), from.version, ended);
    let index = store.load::<CardOfNumber>(number.as_str()).await?;
    let version = index.map_or(0, |index| index.version);
    let batch = batch.update(number.as_str(), version, CardOfNumber { iccid: to.clone() });
    let event = CardEvent {
        iccid: to.clone(),
        sequence: 0,
        kind: CardEventKind::SeRenewal,
        at: now,
        actor: actor.to_owned(),
        old: card.iccid.to_string(),
        new: to.to_string(),
    };
    let (batch, _) = append_event(store, batch, event).await?;
    Ok(batch)
}

#[cfg(test)]
mod tests;
