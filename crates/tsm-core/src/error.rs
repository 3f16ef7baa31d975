//! What every failure of the domain says about itself: a class that decides
//! what the caller should do, and a stable reason that programs compare.
//!
//! Errors are one enum per operation; each implements [`Failure`]. The class is
//! mapped to a gRPC code in one place (`tsm-server::status`), the reason travels
//! as `google.rpc.ErrorInfo`.

use core::fmt;

use crate::audit::heads::SignError;
use crate::ports::{LinkError, StoreError, VaultError};

/// What a caller should make of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Nothing is wrong with the request; later it may succeed.
    Retry,
    /// Something else has, or is changing, what the request is about.
    Conflict,
    /// What the request names does not exist.
    NotFound,
    /// Understood, and not allowed or not possible. Repeating does not help.
    Refused,
    /// The request itself is wrong.
    Invalid,
    /// Our fault, or that of our storage.
    Internal,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $class:ident;)+) => {
        /// A stable reason. Its text never changes; programs may compare it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant),+
        }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As sent to callers and stored, for example `CARD_UNREACHABLE`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What a caller should make of it.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class),+ }
            }
        }
    };
}

reasons! {
    // cards and their link
    /// No card with this ICCID is registered.
    CardUnknown = "CARD_UNKNOWN", NotFound;
    /// No such card profile.
    CardProfileUnknown = "CARD_PROFILE_UNKNOWN", NotFound;
    /// The card is registered, or delivered twice, with different data.
    DifferentCard = "DIFFERENT_CARD", Conflict;
    /// The card's keys do not come out of their wrapping.
    KeysUnusable = "KEYS_UNUSABLE", Refused;
    /// No such delivery of cards.
    ImportUnknown = "IMPORT_UNKNOWN", NotFound;
    /// Somebody else is importing the same delivery.
    ImportBusy = "IMPORT_BUSY", Conflict;
    /// The card has no subscription.
    SubscriptionUnknown = "SUBSCRIPTION_UNKNOWN", NotFound;
    /// The number is on another card.
    NumberInUse = "NUMBER_IN_USE", Conflict;
    /// No device holds the card now, or the link has no room.
    CardUnreachable = "CARD_UNREACHABLE", Retry;
    /// The operator's server does not answer.
    CarrierUnreachable = "CARRIER_UNREACHABLE", Retry;
    /// Another worker holds the card.
    CardBusy = "CARD_BUSY", Retry;
    /// The card or the link went away in mid-script; the effect is in doubt until the card is read.
    ChannelLost = "CHANNEL_LOST", Retry;
    /// The time to do it in is over; nothing was sent.
    ExpiredRequest = "EXPIRED_REQUEST", Retry;
    /// The sequence counter of a key set does not stand still.
    SequenceGap = "SEQUENCE_GAP", Retry;
    /// The sequence counter of a key set is used up: keys must be replaced.
    CounterExhausted = "COUNTER_EXHAUSTED", Refused;
    /// An answer was not made by the card.
    RMacInvalid = "R_MAC_INVALID", Refused;
    /// The card does not have the keys that it should have.
    CardKeysUnknown = "CARD_KEYS_UNKNOWN", Refused;
    /// The card refused a command.
    CardRefused = "CARD_REFUSED", Refused;
    /// The card is locked or terminated.
    CardLocked = "CARD_LOCKED", Refused;
    /// The card keeps showing something else than what was done to it.
    Diverged = "DIVERGED", Refused;
    /// The card does not offer what a session needs.
    SeProfileNotQualified = "SE_PROFILE_NOT_QUALIFIED", Refused;
    /// The card cannot take the service.
    SeNotEligible = "SE_NOT_ELIGIBLE", Refused;
    /// Not enough free memory on the card.
    InsufficientSeMemory = "INSUFFICIENT_SE_MEMORY", Refused;
    /// A name of the service belongs to something else on the card.
    AidConflict = "AID_CONFLICT", Refused;
    /// The card lacks a package that the applet needs.
    PackageImportMissing = "PACKAGE_IMPORT_MISSING", Refused;
    /// The relay lets only commands for the provider's own domain pass.
    RelayForbidden = "RELAY_FORBIDDEN", Refused;

    // catalogue and services
    /// No such package.
    PackageUnknown = "PACKAGE_UNKNOWN", NotFound;
    /// The stored load file is not the one that was admitted, or too long to load.
    PackageUnusable = "PACKAGE_UNUSABLE", Internal;
    /// No such service.
    ServiceUnknown = "SERVICE_UNKNOWN", NotFound;
    /// The service was never put on this card.
    DeploymentUnknown = "DEPLOYMENT_UNKNOWN", NotFound;
    /// What it is called is taken by something else.
    AlreadyExists = "ALREADY_EXISTS", Conflict;

    // audit log and receipts
    /// There is no such receipt, or none that the tenant may see.
    ReceiptUnknown = "RECEIPT_UNKNOWN", NotFound;

    // requests
    /// Not allowed in the present state.
    WrongState = "WRONG_STATE", Refused;
    /// The tenant may not do this to that object.
    TenantForbidden = "TENANT_FORBIDDEN", Refused;
    /// No such tenant.
    TenantUnknown = "TENANT_UNKNOWN", NotFound;
    /// The tenant, or one above it, is suspended.
    TenantSuspended = "TENANT_SUSPENDED", Refused;
    /// The provider has no contract for it with the issuer of the card.
    NoContract = "NO_CONTRACT", Refused;
    /// The role may not call this at all.
    PermissionDenied = "PERMISSION_DENIED", Refused;
    /// The same request id came with another body.
    RequestIdReused = "REQUEST_ID_REUSED", Conflict;
    /// A field is missing or malformed.
    InvalidArgument = "INVALID_ARGUMENT", Invalid;
    /// Someone else changed the same thing at the same moment.
    Conflict = "CONFLICT", Conflict;
    /// Too much work at the moment.
    Overload = "OVERLOAD", Retry;
    /// Our fault; the log says more.
    Internal = "INTERNAL", Internal;

    // applications and credentials
    /// The person has a live credential, or an open application, of this kind.
    DoubleIssuance = "DOUBLE_ISSUANCE", Conflict;
    /// The application was withdrawn.
    ApplicationCancelled = "APPLICATION_CANCELLED", Refused;
    /// The signed application was used before.
    ReplayedApplication = "REPLAYED_APPLICATION", Refused;
    /// The card has a live credential, or an open application, of someone else.
    CardInUse = "CARD_IN_USE", Conflict;
    /// No such application.
    ApplicationUnknown = "APPLICATION_UNKNOWN", NotFound;
    /// No such credential.
    CredentialUnknown = "CREDENTIAL_UNKNOWN", NotFound;
    /// The application is no CMS signed data of the expected form.
    CmsMalformed = "CMS_MALFORMED", Invalid;
    /// What was signed is no application.
    ApplicationMalformed = "APPLICATION_MALFORMED", Invalid;
    /// The application was made too long ago, or in the future.
    ApplicationStale = "APPLICATION_STALE", Refused;
    /// The signature does not verify.
    SignatureInvalid = "SIGNATURE_INVALID", Refused;
    /// The signer's certificate does not lead to a trust anchor.
    ChainUntrusted = "CHAIN_UNTRUSTED", Refused;
    /// The signer's certificate is not valid now.
    SigningCertExpired = "SIGNING_CERT_EXPIRED", Refused;
    /// The signer's certificate does not say who the person is.
    PersonMissing = "PERSON_MISSING", Refused;
    /// The credential was revoked before it became active.
    CredentialRevoked = "CREDENTIAL_REVOKED", Refused;
    /// The PIN is not four digits.
    PinMalformed = "PIN_MALFORMED", Invalid;
    /// The card did not prove that it holds the key.
    ProofFailed = "PROOF_FAILED", Refused;
    /// The certification authority did not sign.
    AuthorityFailed = "AUTHORITY_FAILED", Internal;
}

impl Reason {
    /// The reason written as `code`.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the domain.
pub trait Failure: std::error::Error {
    /// Its stable reason.
    fn reason(&self) -> Reason;

    /// What a caller should make of it.
    fn class(&self) -> Class {
        self.reason().class()
    }
}

impl Failure for StoreError {
    fn reason(&self) -> Reason {
        match self {
            Self::Conflict(_) => Reason::Conflict,
            Self::Corrupt(_) | Self::TooLarge { .. } | Self::Failed(_) => Reason::Internal,
        }
    }
}

impl Failure for SignError {
    fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Vault(error) => error.reason(),
        }
    }
}

impl Failure for VaultError {
    fn reason(&self) -> Reason {
        Reason::Internal
    }
}

impl Failure for LinkError {
    fn reason(&self) -> Reason {
        match self {
            Self::NotAttached => Reason::CardUnreachable,
            Self::Expired => Reason::ExpiredRequest,
            Self::StaleLease => Reason::CardBusy,
            Self::Refused { reason } => Reason::parse(reason).unwrap_or(Reason::RelayForbidden),
            Self::Overloaded => Reason::Overload,
            Self::InDoubt => Reason::ChannelLost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_text() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::parse("NO_SUCH_REASON"), None);
    }

    #[test]
    fn an_answer_that_was_lost_can_be_tried_again() {
        assert_eq!(LinkError::InDoubt.class(), Class::Retry);
        assert_eq!(LinkError::InDoubt.reason().to_string(), "CHANNEL_LOST");
    }

    #[test]
    fn a_relay_s_own_reason_is_kept() {
        let error = LinkError::Refused {
            reason: "TENANT_FORBIDDEN".into(),
        };
        assert_eq!(error.reason(), Reason::TenantForbidden);
    }
}
