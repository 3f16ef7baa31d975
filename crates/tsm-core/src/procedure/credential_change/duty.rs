//! Carrying out what a card owes, up to the read-back that proves it.

use crate::card::deployment::{Deployment, ServiceState};
use crate::error::{Class, Failure, Reason};
use crate::jpki::credential::{CardDuty, Credential};
use crate::jpki::credential_id::CredentialId;
use crate::jpki::domain_session::{self, DomainError, DomainSession};
use crate::jpki::private_key::DestroyError;
use crate::jpki::provider::Provider;
use crate::ports::{CarrierError, StoreError, VaultError};

use super::ChangeError;

/// Why a card has not done its duty yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DutyError {
    /// Another worker is at it.
    #[error("another worker is at it")]
    Busy,
    /// The duty's credential cannot be read or changed.
    #[error("the credential could not be changed")]
    Credential(#[from] ChangeError),
    /// The operator did not do it.
    #[error("the operator did not do it")]
    Carrier(#[from] CarrierError),
    /// The card was not read back as desired yet.
    #[error("the card does not show the service as desired yet: {0}")]
    NotConverged(String),
    /// The session with the provider's domain failed.
    #[error("the card was not written")]
    Domain(#[from] DomainError),
    /// The card was read back with the key still there.
    #[error("the card still holds the credential")]
    StillThere,
    /// The server's copy of the key could not be destroyed.
    #[error("the vault failed")]
    Vault(#[from] VaultError),
    /// The store did not do it.
    #[error("the duty could not be stored")]
    Store(#[from] StoreError),
}

impl Failure for DutyError {
    fn reason(&self) -> Reason {
        match self {
            Self::Busy => Reason::CardBusy,
            Self::Credential(error) => error.reason(),
            Self::Carrier(error) => error.reason(),
            Self::NotConverged(_) => Reason::CardUnreachable,
            Self::Domain(error) => error.reason(),
            Self::StillThere => Reason::Diverged,
            Self::Vault(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Carrier(error) => error.class(),
            Self::Domain(error) => error.class(),
            other => other.reason().class(),
        }
    }
}

impl From<DestroyError> for DutyError {
    fn from(error: DestroyError) -> Self {
        match error {
            DestroyError::Store(error) => error.into(),
            DestroyError::Vault(error) => error.into(),
        }
    }
}

/// Why a duty counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The card was read back.
    ReadBack,
    /// No script ever went to the provider's domain: there is nothing to read.
    NeverSent,
    /// The card declined to wipe the key; the operator read the applet locked.
    LockedInstead,
    /// The card declined to wipe the key; the operator read the service absent.
    RemovedInstead,
}

impl Proof {
    /// As the audit log says it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ReadBack => "read back",
            Self::NeverSent => "never sent to the card",
            Self::LockedInstead => "not wiped but locked, as the operator read back",
            Self::RemovedInstead => "not wiped but removed, as the operator read back",
        }
    }
}

/// Has the card do its duty. `request_id` names it to the operator, however often it is tried.
///
/// # Errors
/// [`DutyError`]; when it returns `Ok` the card was read back, or never written.
pub(super) async fn carry_out(
    provider: &Provider<'_>,
    credential: &Credential,
    request_id: &str,
) -> Result<Proof, DutyError> {
    let ask = Ask {
        provider,
        credential,
        request_id,
    };
    match credential.duty {
        CardDuty::None => Ok(Proof::ReadBack),
        CardDuty::Lock => ask.operator(ServiceState::Suspended).await,
        CardDuty::Unlock => ask.operator(ServiceState::Active).await,
        CardDuty::Wipe => ask.wipe().await,
        CardDuty::Remove => ask.remove().await,
    }
}

struct Ask<'a> {
    provider: &'a Provider<'a>,
    credential: &'a Credential,
    request_id: &'a str,
}

impl Ask<'_> {
    /// Has the operator bring the service into a state and read the card back in this very call.
    async fn operator(&self, desired: ServiceState) -> Result<Proof, DutyError> {
        let Credential { iccid, service, .. } = self.credential;
        let carrier = self.provider.carrier;
        let change = carrier
            .change_service(self.request_id, iccid, service, desired)
            .await?;
        let Deployment {
            observed, problem, ..
        } = &change.deployment;
        // An older reading is not enough: a script whose answer was lost may have had its effect since.
        let was_read = change.exchanges > 0;
        if was_read && change.deployment.desired == desired && *observed == Some(desired) {
            return Ok(Proof::ReadBack);
        }
        let problem = problem.as_deref().unwrap_or("no problem reported");
        Err(DutyError::NotConverged(format!(
            "{desired:?} wanted, {observed:?} read, {problem}"
        )))
    }

    /// Wipes the key. A locked applet takes no commands: it stays locked, and the operator reads that back.
    /// An applet that can not even be locked goes altogether.
    async fn wipe(&self) -> Result<Proof, DutyError> {
        let declined = match self.wipe_in_session().await {
            Err(DutyError::Domain(error)) if error.card_declined() => error,
            wiped => return wiped,
        };
        let credential = &self.credential.id;
        tracing::info!(credential, %declined, "the applet can not be wiped, it is to be locked");
        match self.operator(ServiceState::Suspended).await {
            Err(DutyError::Carrier(CarrierError::Refused { reason, .. }))
                if reason == Reason::WrongState.as_str() =>
            {
                self.operator(ServiceState::Absent)
                    .await
                    .map(|_| Proof::RemovedInstead)
            }
            locked => locked.map(|_| Proof::LockedInstead),
        }
    }

    /// Wipes the key if the applet can be reached, and removes everything.
    async fn remove(&self) -> Result<Proof, DutyError> {
        if let Err(error) = self.wipe_in_session().await {
            tracing::info!(credential = self.credential.id, %error, "removed without being wiped");
        }
        self.operator(ServiceState::Absent).await
    }

    async fn wipe_in_session(&self) -> Result<Proof, DutyError> {
        let iccid = &self.credential.iccid;
        if !domain_session::was_ever_used(self.provider.store, iccid).await? {
            return Ok(Proof::NeverSent);
        }
        let mut card = DomainSession::open(*self.provider, iccid).await?;
        let wiped = self.clear_slots(&mut card).await;
        card.close().await;
        wiped.map(|()| Proof::ReadBack)
    }

    async fn clear_slots(&self, card: &mut DomainSession<'_>) -> Result<(), DutyError> {
        let id = CredentialId::parse(&self.credential.id).ok_or(ChangeError::CredentialUnknown)?;
        let commands = card.commands()?.wipe(&id);
        let mut status = card.status_after("the wipe", commands).await?;
        if status.pending.as_ref().is_some_and(|slot| slot.id == id) {
            let commands = card.commands()?.discard_pending();
            status = card
                .status_after("the wipe of the pending slot", commands)
                .await?;
        }
        if status.holds(&id) {
            Err(DutyError::StillThere)
        } else {
            Ok(())
        }
    }
}
