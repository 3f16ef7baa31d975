//! Why a session with the provider's domain did not do its work.

use globalplatform::error::{DecodeError, EncodeError};
use globalplatform::status_word::StatusWord;

use crate::card_session::SessionError;
use crate::error::{Class, Failure, Reason};
use crate::ports::{CarrierError, StoreError, VaultError};

/// Why a session with the provider's domain did not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DomainError {
    /// The provider has no domain on this card.
    #[error("the provider has no security domain on this card")]
    NoDomain,
    /// The operator did not give the lease on the card.
    #[error("the card was not leased")]
    Lease(#[source] CarrierError),
    /// The script was not played to an end that can be believed.
    #[error("the session failed")]
    Session(#[from] SessionError),
    /// The card refused a command.
    #[error("the card refused {work} at command {command}: {sw}")]
    Refused {
        /// What the session was for.
        work: &'static str,
        /// Which command of the session.
        command: usize,
        /// What the card said.
        sw: StatusWord,
    },
    /// A genuine answer does not have the form that it must have.
    #[error("the applet's answer is malformed")]
    Answer(#[from] DecodeError),
    /// The card did not store the keys that it was sent.
    #[error("the card stored other keys")]
    OtherKeys,
    /// The hand-over does not hold three keys, or the domain's parameters are not those of SCP03.
    #[error("the hand-over of the domain can not be used: {0}")]
    Handover(String),
    /// The generations of keys for this card are used up.
    #[error("the generations of keys for this card are used up")]
    GenerationsExhausted,
    /// The certificate is too long for the card.
    #[error("the certificate is too long")]
    TooLong(#[from] EncodeError),
    /// A key could not be had.
    #[error("the vault did not give the keys")]
    Vault(#[from] VaultError),
    /// The store did not do it.
    #[error("the domain could not be stored")]
    Store(#[from] StoreError),
}

impl Failure for DomainError {
    fn reason(&self) -> Reason {
        match self {
            Self::NoDomain => Reason::DeploymentUnknown,
            Self::Lease(error) => error.reason(),
            Self::Session(error) => error.reason(),
            Self::Refused { .. } => Reason::CardRefused,
            Self::Answer(_) | Self::OtherKeys => Reason::Diverged,
            Self::Handover(_) | Self::GenerationsExhausted => Reason::CardKeysUnknown,
            Self::TooLong(_) => Reason::Internal,
            Self::Vault(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Lease(error) => error.class(),
            other => other.reason().class(),
        }
    }
}

impl DomainError {
    /// Whether the card was reached and would not do it: no such keys, no such
    /// domain, or a refused command. Such answers carry no MAC and prove nothing.
    #[must_use]
    pub fn card_declined(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Session(
                    SessionError::NoSuchKeys { .. }
                        | SessionError::Selection { .. }
                        | SessionError::Opening { .. }
                )
        )
    }
}
