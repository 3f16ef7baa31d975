//! Convergence: read a card, bring it to what is desired, read it back
//! (architecture.md, sections 3 and 4).
//!
//! One round is one script: the registry is read, the planned changes follow, and
//! the registry is read again. The plan is a guess from the last verified reading
//! when nothing is in doubt; when the card shows something else, the next round
//! reads first and plans again. Done means read back and recorded.

mod eligibility;
mod item;
mod record;
mod request;
mod requirements;
mod round;
#[cfg(test)]
mod tests;
mod told;
mod worker;

use globalplatform::status_word::StatusWord;

use crate::audit::heads::SignError;
use crate::card::content::CardContent;
use crate::card::deployment::Deployment;
use crate::card_session::SessionError;
use crate::error::{Failure, Reason};
use crate::identity::{Iccid, ServiceName, Tenant};
use crate::ports::{
    CardLink, Clock, Entropy, EntropyError, KeyVault, Store, StoreError, VaultError,
};
use crate::procedure::lease::LeaseError;
use crate::time::Timestamp;

pub use eligibility::check_eligibility;
pub use request::{ChangeRequest, RequestError, set_desired};

use worker::Worker;

/// What the carrier's procedures work with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Records.
    pub store: &'a dyn Store,
    /// The way to cards.
    pub link: &'a dyn CardLink,
    /// Derives issuer keys and seals hand-overs.
    pub vault: &'a dyn KeyVault,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Randomness for challenges and first keys.
    pub entropy: &'a dyn Entropy,
    /// Name of the issuer master key in the vault.
    pub issuer_master: &'a str,
    /// The tenant whose server this is.
    pub carrier: &'a Tenant,
}

/// What came of working on a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvergeReport {
    /// Script exchanges with the phone.
    pub exchanges: u32,
    /// What the last verified reading showed.
    pub content: CardContent,
    /// All deployments of the card, as stored now. Those that the card refused
    /// carry a `problem`.
    pub deployments: Vec<Deployment>,
}

impl ConvergeReport {
    /// The deployment of one service.
    #[must_use]
    pub fn deployment(&self, service: &ServiceName) -> Option<&Deployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.service == *service)
    }
}

/// Why work on a card did not come to an end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvergeError {
    /// The request itself cannot be met.
    #[error("the request was refused")]
    Request(#[from] RequestError),
    /// The lease is not in force.
    #[error("the card is not ours to work on")]
    Lease(#[from] LeaseError),
    /// The card was not reached, or its answers cannot be believed.
    #[error("the session with the card failed")]
    Session(#[from] SessionError),
    /// The card refused to be read.
    #[error("the card refused to be read: {0}")]
    Unreadable(StatusWord),
    /// The card's registry cannot be understood.
    #[error("the card's registry is malformed: {0}")]
    Malformed(String),
    /// The card did not come to the desired state in the rounds allowed.
    #[error("the card keeps showing something else than was done to it")]
    Unsettled,
    /// Records could not be read or stored.
    #[error("the records could not be stored")]
    Store(#[from] StoreError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Vault(#[from] VaultError),
    /// There was no randomness for new keys.
    #[error("no new keys could be made")]
    Entropy(#[from] EntropyError),
}

impl From<SignError> for ConvergeError {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Store(error) => error.into(),
            SignError::Vault(error) => error.into(),
        }
    }
}

impl Failure for ConvergeError {
    fn reason(&self) -> Reason {
        match self {
            Self::Request(error) => error.reason(),
            Self::Lease(error) => error.reason(),
            Self::Session(error) => error.reason(),
            Self::Unreadable(_) => Reason::CardRefused,
            Self::Malformed(_) | Self::Unsettled => Reason::Diverged,
            Self::Store(error) => error.reason(),
            Self::Vault(error) => error.reason(),
            Self::Entropy(_) => Reason::Internal,
        }
    }
}

/// Reads the card and stores what it shows. Changes nothing on it.
///
/// # Errors
/// [`ConvergeError`]; nothing was recorded then.
pub async fn audit(
    context: &Context<'_>,
    iccid: &Iccid,
    lease_epoch: u64,
    deadline: Timestamp,
) -> Result<ConvergeReport, ConvergeError> {
    Worker::open(*context, iccid, lease_epoch, deadline)
        .await?
        .audit()
        .await
}

/// Brings the card to what its deployments desire, in few exchanges, and stores
/// what it shows then. What the card refuses becomes the `problem` of its
/// deployment, and no error; what had been begun for it is removed again.
///
/// # Errors
/// [`ConvergeError`]; the desired state stays, and the next call goes on.
pub async fn converge(
    context: &Context<'_>,
    iccid: &Iccid,
    lease_epoch: u64,
    deadline: Timestamp,
) -> Result<ConvergeReport, ConvergeError> {
    Worker::open(*context, iccid, lease_epoch, deadline)
        .await?
        .converge()
        .await
}
