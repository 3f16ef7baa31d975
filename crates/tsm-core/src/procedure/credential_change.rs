//! Suspending, resuming, revoking and deleting a credential: the server first, the card follows.
//!
//! A change is committed before the card hears of it, together with the duty that the card then has
//! ([`CardDuty`](crate::jpki::credential::CardDuty)). [`follow_duties`] reminds cards until they were
//! read back:
//!
//! | Change | Server at once | Duty | Done when |
//! |---|---|---|---|
//! | suspend | `Suspended` | `Lock` | the operator read the applet locked |
//! | resume | – | `Unlock` | the operator read it selectable; then `Active` |
//! | revoke | `Revoked`, person free | `Wipe` | the applet's status shows no such key, or the operator read it locked |
//! | delete | `Revoked`, person free | `Remove` | the operator read the service absent |
//!
//! The card stays taken until it has followed, so that a new application can never meet an old duty.

mod decision;
mod duty;
mod follow;

use crate::audit::heads::SignError;
use crate::error::{Failure, Reason};
use crate::identity::Caller;
use crate::jpki::application::{Application, RequestOutcome};
use crate::jpki::credential::{Credential, CredentialEvent};
use crate::jpki::provider::Provider;
use crate::jpki::wrong_state::WrongState;
use crate::ports::{Batch, EntropyError, StoreError, VaultError};

use decision::Subject;

pub use duty::DutyError;
pub use follow::{DutyReport, follow_duties, follow_duty};

/// How often a change that lost a race is decided again.
const ATTEMPTS: usize = 8;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Not to be accepted for now.
    Suspend,
    /// To be accepted again.
    Resume,
    /// Never to be accepted again.
    Revoke,
    /// Revoked, and everything off the card.
    Delete,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// There is no such credential.
    #[error("there is no such credential")]
    CredentialUnknown,
    /// The request id came before, with another body.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// The credential's state does not allow it.
    #[error("not possible while the credential is {}", .0.state)]
    WrongState(#[from] WrongState),
    /// There was no randomness for a name.
    #[error("the request to the operator could not be named")]
    Entropy(#[from] EntropyError),
    /// The receipt could not be signed.
    #[error("the receipt could not be signed")]
    Vault(#[from] VaultError),
    /// The store did not do it.
    #[error("the change could not be stored")]
    Store(#[from] StoreError),
}

impl From<SignError> for ChangeError {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Store(error) => error.into(),
            SignError::Vault(error) => error.into(),
        }
    }
}

impl Failure for ChangeError {
    fn reason(&self) -> Reason {
        match self {
            Self::CredentialUnknown => Reason::CredentialUnknown,
            Self::RequestIdReused => Reason::RequestIdReused,
            Self::WrongState(_) => Reason::WrongState,
            Self::Entropy(_) => Reason::Internal,
            Self::Vault(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

/// Changes a credential, reminds the card once, and returns the credential as it
/// is then: its duty is not `None` when the card has not followed yet. The same
/// request gets the credential as it is now, and changes nothing.
///
/// # Errors
/// [`ChangeError`]; nothing was changed then. A card that does not follow is no error.
pub async fn change(
    provider: &Provider<'_>,
    caller: &Caller,
    request_id: &str,
    body_sha256: [u8; 32],
    credential: &str,
    change: Change,
) -> Result<Credential, ChangeError> {
    let request = format!("{}/{request_id}", caller.tenant);
    let mut attempts = 0;
    loop {
        if let Some(known) = provider.store.load::<RequestOutcome>(&request).await? {
            if known.value.body_sha256 != body_sha256 || known.value.subject != credential {
                return Err(ChangeError::RequestIdReused);
            }
            break;
        }
        let subject = Subject::load(provider.store, credential).await?;
        let outcome = RequestOutcome {
            body_sha256,
            subject: credential.to_owned(),
        };
        let batch = Batch::new().insert(request.clone(), outcome);
        let batch = subject
            .decide(provider, batch, Some(caller), change.event(&subject))
            .await?;
        attempts += 1;
        match provider.store.commit(batch).await {
            Ok(()) => {
                remind(provider, credential).await;
                break;
            }
            Err(StoreError::Conflict(_)) if attempts < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Subject::load(provider.store, credential)
        .await?
        .credential
        .value)
}

impl Change {
    fn event(self, subject: &Subject) -> CredentialEvent {
        match self {
            Self::Suspend => CredentialEvent::Suspend,
            Self::Resume => CredentialEvent::Resume,
            Self::Revoke => CredentialEvent::Revoke {
                sent_to_card: subject.sent_to_card(),
            },
            Self::Delete => CredentialEvent::Delete,
        }
    }
}

async fn remind(provider: &Provider<'_>, credential: &str) {
    if let Err(error) = follow_duty(provider, credential).await {
        tracing::info!(credential, reason = %error.reason(), %error, "the card follows later");
    }
}

/// Ends the credential of an application when its last moment is over; says whether it did.
///
/// # Errors
/// [`ChangeError`].
pub async fn expire_if_due(
    provider: &Provider<'_>,
    application: &str,
) -> Result<bool, ChangeError> {
    let found = provider.store.load::<Application>(application).await?;
    let Some(id) = found.and_then(|application| application.value.credential) else {
        return Ok(false);
    };
    let subject = Subject::load(provider.store, &id).await?;
    let credential = &subject.credential.value;
    if credential.state.is_final() || provider.now() <= credential.not_after {
        return Ok(false);
    }
    let event = CredentialEvent::Expire {
        sent_to_card: subject.sent_to_card(),
    };
    let batch = subject.decide(provider, Batch::new(), None, event).await?;
    provider.store.commit(batch).await?;
    Ok(true)
}

#[cfg(test)]
mod tests;
