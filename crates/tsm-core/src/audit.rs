//! The append-only record of everything that changed, as hash chains.
//!
//! One chain per subject (a card, an application, a credential): entries of
//! different subjects never wait for each other. Each entry's hash covers the
//! previous one; an offline verifier recomputes them with [`AuditEntry::hash`].

use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// Which party answers for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Party {
    /// The mobile network operator.
    Carrier,
    /// J-LIS as service provider.
    Jlis,
    /// The citizen.
    User,
}

impl Party {
    /// As stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Jlis => "j-lis",
            Self::User => "user",
        }
    }

    /// The party written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Carrier, Self::Jlis, Self::User].into_iter().find(|party| party.as_str() == text)
    }
}

/// One step. Record id: [`AuditEntry::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// What was changed, for example `card/8981…`.
    pub subject: String,
    /// 1 for the first entry of a subject.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who asked: tenant and role, or the server itself.
    pub actor: String,
    /// Who answers for it.
    pub party: Party,
    /// What was done, for example `deploy`.
    pub action: String,
    /// What came of it.
    pub outcome: String,
    /// Hash of the previous entry of the subject; zeros for the first.
    pub previous: [u8; 32],
}

impl AuditEntry {
    /// Record id: subject, slash, sequence in 12 digits.
    #[must_use]
    pub fn id(subject: &str, sequence: u64) -> String {
        format!("{subject}/{sequence:012}")
    }

    /// SHA-256 over all fields, each led by its length (8 bytes, big endian).
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(self.subject.as_bytes());
        field(&self.sequence.to_be_bytes());
        field(&self.at.0.to_be_bytes());
        field(self.actor.as_bytes());
        field(self.party.as_str().as_bytes());
        field(self.action.as_bytes());
        field(self.outcome.as_bytes());
        field(&self.previous);
        hasher.finalize().into()
    }
}

/// Newest entry of a subject. Record id: the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Its sequence number.
    pub sequence: u64,
    /// Its hash.
    pub hash: [u8; 32],
}
