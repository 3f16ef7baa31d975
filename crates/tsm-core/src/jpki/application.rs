//! A citizen's application, from the signed form to the usable credential.

mod transition;

pub use transition::ApplicationEvent;

use sha2::{Digest, Sha256};

use crate::card::deployment::KeySetup;
use crate::identity::{Iccid, ServiceName};
use crate::time::Timestamp;

/// State of an application (jpki-mission.md, section 4).
///
/// `Active` and `Refused` are final. In every other state the provider's
/// server acts next, when the citizen's app calls to provision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplicationState {
    /// Signature, chain, freshness and uniqueness were checked.
    Approved,
    /// The card can take the service.
    SeEligible,
    /// Security domain and applet are on the card; first keys were handed over.
    AppletInstalled,
    /// Key pair and certificate exist; nothing of them was sent.
    KeyIssued,
    /// Personalisation may have been sent.
    Writing,
    /// The card was read back with the credential live.
    Written,
    /// The applet is selectable and the credential usable.
    Active,
    /// Ended without a credential.
    Refused,
}

impl ApplicationState {
    /// For people and the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::SeEligible => "SE_ELIGIBLE",
            Self::AppletInstalled => "APPLET_INSTALLED",
            Self::KeyIssued => "KEY_ISSUED",
            Self::Writing => "WRITING",
            Self::Written => "WRITTEN",
            Self::Active => "ACTIVE",
            Self::Refused => "REFUSED",
        }
    }

    /// Whether nothing happens to the application any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Active | Self::Refused)
    }

    /// Whether something of the credential may have been sent to the card.
    #[must_use]
    pub const fn may_have_written(self) -> bool {
        matches!(self, Self::Writing | Self::Written | Self::Active)
    }
}

/// One finished stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name, for example `deploy`.
    pub name: String,
    /// Script exchanges with the phone.
    pub exchanges: u32,
    /// Wall-clock time in microseconds.
    pub micros: u64,
}

/// One citizen's request. Record id: `id`.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Version 7 UUID.
    pub id: String,
    /// Pseudonym of the person.
    pub person: String,
    /// The card.
    pub iccid: Iccid,
    /// The service.
    pub service: ServiceName,
    /// Where it stands.
    pub state: ApplicationState,
    /// Stable reason of a refusal.
    pub refusal: Option<String>,
    /// Its credential, from the moment a key pair was set aside for it.
    pub credential: Option<String>,
    /// How the domain's first keys were made, from AppletInstalled on.
    pub key_setup: Option<KeySetup>,
    /// SHA-256 of the consent text that was shown.
    pub consent_sha256: [u8; 32],
    /// SHA-256 of the signed application.
    pub cms_sha256: [u8; 32],
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Finished stages.
    pub stages: Vec<Stage>,
}

/// The one live credential, or the open application, of a person. Record id:
/// `mobile-terminal/` and the pseudonym.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonGuard {
    /// Application that holds the place.
    pub application: String,
}

impl PersonGuard {
    /// Record id for the medium class of phones.
    #[must_use]
    pub fn id(person: &str) -> String {
        format!("mobile-terminal/{person}")
    }
}

/// The one open application, live credential, or credential that the card still
/// owes a duty for, of a card. Record id: the ICCID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardGuard {
    /// Application that holds the place.
    pub application: String,
}

/// A nonce that a person's accepted application has used. Record id: SHA-256
/// (hex) of pseudonym, zero byte, nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentNonce {
    /// Application that used it.
    pub application: String,
}

impl SpentNonce {
    /// Record id of a person's nonce.
    #[must_use]
    pub fn id(person: &str, nonce: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(person.as_bytes());
        hasher.update([0]);
        hasher.update(nonce.as_bytes());
        hex::encode(hasher.finalize())
    }
}

/// Answer to an idempotent request. Record id: tenant, slash, request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOutcome {
    /// SHA-256 of the request without its id.
    pub body_sha256: [u8; 32],
    /// Id of the record that it made or changed.
    pub subject: String,
}
