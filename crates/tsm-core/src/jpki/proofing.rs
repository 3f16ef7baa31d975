//! What a verified application says: facts, after signature and chain were checked at the edge.

use crate::identity::{Iccid, ServiceName};
use crate::time::Timestamp;

/// A signed application whose signature, chain, validity and freshness were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedApplication {
    /// Pseudonym of the person who signed.
    pub person: String,
    /// The card that shall hold the credential.
    pub iccid: Iccid,
    /// The service.
    pub service: ServiceName,
    /// SHA-256 of the consent text that was shown.
    pub consent_sha256: [u8; 32],
    /// Number used once by this person.
    pub nonce: String,
    /// When the person signed.
    pub created_at: Timestamp,
    /// SHA-256 of the signed data as received.
    pub cms_sha256: [u8; 32],
}
