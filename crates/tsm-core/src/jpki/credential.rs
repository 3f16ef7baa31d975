//! A user-authentication certificate and what is known of its key on the card.

mod transition;

pub use transition::CredentialEvent;

use crate::identity::{Iccid, ServiceName};
use crate::ports::SlotId;
use crate::time::Timestamp;

/// Key algorithms of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits.
    Rsa2048,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
}

/// State of a credential (jpki-mission.md, section 5). `Revoked` and `Expired` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialState {
    /// Serial reserved; nothing signed yet.
    Pending,
    /// Certificate signed; the card does not hold it for sure.
    Issued,
    /// Usable.
    Active,
    /// Not to be accepted for now; the applet is locked.
    Suspended,
    /// Not to be accepted ever again.
    Revoked,
    /// Past its last moment.
    Expired,
}

impl CredentialState {
    /// For people and the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Issued => "ISSUED",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether the credential can never be used again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Revoked | Self::Expired)
    }
}

/// What the card shall do to follow the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CardDuty {
    /// Nothing: the card was read back and agrees.
    None,
    /// Lock the applet.
    Lock,
    /// Unlock the applet.
    Unlock,
    /// Wipe the key.
    Wipe,
    /// Remove applet and security domain.
    Remove,
}

/// A credential. Record id: `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// 16 random bytes in hex; also the id in the applet.
    pub id: String,
    /// Application that it came from.
    pub application: String,
    /// Pseudonym of the person.
    pub person: String,
    /// The card.
    pub iccid: Iccid,
    /// The service.
    pub service: ServiceName,
    /// Algorithm of the key.
    pub algorithm: KeyAlgorithm,
    /// Where it stands.
    pub state: CredentialState,
    /// Serial number of the certificate.
    pub serial: Vec<u8>,
    /// DER of the public key (`SubjectPublicKeyInfo`).
    pub public_key: Vec<u8>,
    /// DER of the certificate; empty before it is signed.
    pub certificate: Vec<u8>,
    /// First moment of validity.
    pub not_before: Timestamp,
    /// Last moment of validity.
    pub not_after: Timestamp,
    /// What the card still has to do.
    pub duty: CardDuty,
    /// The server's copy of the private key is destroyed.
    pub private_key_destroyed: bool,
}

/// The server's copy of a private key, until the card has proved it. Record
/// id: the credential's.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPrivateKey {
    /// Slot whose key seals it.
    pub slot: SlotId,
    /// The parts as the card takes them, sealed under the slot's key.
    pub ciphertext: Vec<u8>,
}

impl core::fmt::Debug for SealedPrivateKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SealedPrivateKey({:?})", self.slot)
    }
}

/// What is left to be done after a change of a credential: the card's duty, the
/// server's copy of the key. Exists until both are done. Record id: the credential's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDuty {
    /// Idempotency key of what the operator is asked for.
    pub request_id: String,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Not to be tried again before.
    pub due_at: Timestamp,
    /// A worker is at it, at most until then.
    pub claimed_until: Timestamp,
}

/// Finds a credential by its certificate. Record id: serial number in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialIndex {
    /// The credential's id.
    pub credential: String,
}
