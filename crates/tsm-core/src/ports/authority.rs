//! The certification authority.

use async_trait::async_trait;

use crate::time::Timestamp;

/// What a user-authentication certificate shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// DER of the `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// Serial number, positive, at most 20 bytes; stored before signing.
    pub serial: Vec<u8>,
    /// Common name: a pseudonym, never the person or the card.
    pub common_name: String,
    /// First moment of validity.
    pub not_before: Timestamp,
    /// Last moment of validity.
    pub not_after: Timestamp,
}

/// Why no certificate was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The request does not fit the certificate profile.
    #[error("the request does not fit the certificate profile: {0}")]
    Profile(String),
    /// Signing failed.
    #[error("the authority could not sign: {0}")]
    Signing(String),
}

/// Signs certificates.
#[async_trait]
pub trait CertificateAuthority: Send + Sync {
    /// Signs a user-authentication certificate; returns its DER.
    ///
    /// # Errors
    /// [`AuthorityError`]; nothing was issued then.
    async fn issue(&self, request: &CertificateRequest) -> Result<Vec<u8>, AuthorityError>;

    /// DER of the certificate under which it signs.
    fn issuer_certificate(&self) -> Vec<u8>;
}
