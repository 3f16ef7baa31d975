//! Why provisioning stopped.

use crate::audit::heads::SignError;
use crate::error::{Class, Failure, Reason};
use crate::jpki::domain_session::DomainError;
use crate::jpki::private_key::DestroyError;
use crate::jpki::wrong_state::WrongState;
use crate::ports::{
    AuthorityError, CarrierError, EntropyError, KeyPairError, StoreError, VaultError,
};

/// Why provisioning stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// There is no such application.
    #[error("there is no such application")]
    ApplicationUnknown,
    /// The application is over, without a credential.
    #[error("the application was refused: {reason}: {detail}")]
    Refused {
        /// Stable reason, for example `INSUFFICIENT_SE_MEMORY`.
        reason: String,
        /// For people.
        detail: String,
    },
    /// The credential is not in the state that the application needs.
    #[error("the application can not go on")]
    WrongState(#[from] WrongState),
    /// The application should have a credential, and has none.
    #[error("the application has no credential")]
    NoCredential,
    /// Another application holds the person's place.
    #[error("another application holds the person's place")]
    PlaceLost,
    /// The operator did not do it; the application stays open.
    #[error("the operator did not do it")]
    Carrier(#[from] CarrierError),
    /// The card was not read back as desired yet.
    #[error("the card does not show the service as desired yet: {0}")]
    NotConverged(String),
    /// The session with the provider's domain failed.
    #[error("the card was not written")]
    Domain(#[from] DomainError),
    /// The signature over the challenge does not verify: the key on the card is another one.
    #[error("the card did not prove that it holds the key")]
    ProofFailed,
    /// The card was read back with something else than what was committed.
    #[error("the card shows another credential than the one it was given")]
    Diverged,
    /// No key pair was made.
    #[error("no key pair was made")]
    KeyPair(#[from] KeyPairError),
    /// No certificate was made.
    #[error("no certificate was made")]
    Authority(#[from] AuthorityError),
    /// The vault failed.
    #[error("the vault failed")]
    Vault(#[from] VaultError),
    /// There was no randomness.
    #[error("there was no randomness")]
    Entropy(#[from] EntropyError),
    /// The store did not do it.
    #[error("the application could not be stored")]
    Store(#[from] StoreError),
}

impl From<SignError> for ProvisionError {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Store(error) => error.into(),
            SignError::Vault(error) => error.into(),
        }
    }
}

impl Failure for ProvisionError {
    fn reason(&self) -> Reason {
        match self {
            Self::ApplicationUnknown => Reason::ApplicationUnknown,
            Self::Refused { reason, .. } => Reason::parse(reason).unwrap_or(Reason::SeNotEligible),
            Self::WrongState(_) => Reason::WrongState,
            Self::NoCredential | Self::PlaceLost | Self::Entropy(_) => Reason::Internal,
            Self::Carrier(error) => error.reason(),
            Self::NotConverged(_) => Reason::CardUnreachable,
            Self::Domain(error) => error.reason(),
            Self::ProofFailed => Reason::ProofFailed,
            Self::Diverged => Reason::Diverged,
            Self::KeyPair(_) => Reason::Overload,
            Self::Authority(_) => Reason::AuthorityFailed,
            Self::Vault(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Refused { .. } => Class::Refused,
            Self::Carrier(error) => error.class(),
            Self::Domain(error) => error.class(),
            other => other.reason().class(),
        }
    }
}

impl From<DestroyError> for ProvisionError {
    fn from(error: DestroyError) -> Self {
        match error {
            DestroyError::Store(error) => error.into(),
            DestroyError::Vault(error) => error.into(),
        }
    }
}

impl Failure for CarrierError {
    fn reason(&self) -> Reason {
        match self {
            Self::Refused { reason, .. } => Reason::parse(reason).unwrap_or(Reason::SeNotEligible),
            Self::Unavailable { reason, .. } => {
                Reason::parse(reason).unwrap_or(Reason::CardUnreachable)
            }
        }
    }

    /// What the operator said decides, whatever class its reason has here.
    fn class(&self) -> Class {
        match self {
            Self::Refused { .. } => Class::Refused,
            Self::Unavailable { .. } => Class::Retry,
        }
    }
}
