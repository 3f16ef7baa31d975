//! Signed applications: CMS SignedData with attached content (RFC 5652), as
//! `openssl cms -sign -nodetach` makes it.
//!
//! [`Verifier::verify`] checks in this order, and stops at the first refusal:
//! encoding, signature, chain to a trust anchor, the signing certificate's
//! validity, the person, the content, its freshness. What it returns was signed
//! by that person; uniqueness and replay are decided by the domain.

mod ber;
mod chain;
mod content;
mod envelope;
mod person;
mod refusal;
mod signed_data;
mod signer;

use std::time::Duration;

use sha2::{Digest, Sha256};
use tsm_core::time::Timestamp;

pub use chain::{AnchorError, TrustAnchors};
pub use content::ApplicationForm;
pub use person::PersonIdentifier;
pub use refusal::Refusal;

/// How old, and how far in the future, `created_at` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Oldest that is accepted.
    pub max_age: Duration,
    /// Farthest in the future, for clocks that go wrong.
    pub max_ahead: Duration,
}

impl Default for Freshness {
    /// 30 days old, one day ahead.
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            max_age: DAY * 30,
            max_ahead: DAY,
        }
    }
}

/// An application whose signature, chain and freshness were checked.
#[derive(Debug)]
pub struct VerifiedApplication {
    /// Who signed: never stored, only its pseudonym is.
    pub person: PersonIdentifier,
    /// What was signed.
    pub form: ApplicationForm,
    /// SHA-256 of the DER encoding, the same for DER and PEM.
    pub cms_sha256: [u8; 32],
}

/// Checks signed applications against trust anchors.
pub struct Verifier {
    anchors: TrustAnchors,
    freshness: Freshness,
}

impl Verifier {
    /// A verifier that trusts `anchors`.
    #[must_use]
    pub fn new(anchors: TrustAnchors, freshness: Freshness) -> Self {
        Self { anchors, freshness }
    }

    /// Checks what a citizen submitted (DER or PEM).
    ///
    /// # Errors
    /// [`Refusal`], with a stable reason, for everything that is not a valid
    /// application at the moment `now`.
    pub fn verify(&self, submitted: &[u8], now: Timestamp) -> Result<VerifiedApplication, Refusal> {
        let der = envelope::open(submitted)?;
        let message = signed_data::SignedData::parse(&der)?;
        let signer = signer::find(&message)?;
        signer.verify(&message)?;
        self.anchors
            .check(signer.certificate(), &message.certificates, now)?;
        signer.may_sign()?;
        let person = PersonIdentifier::of(signer.certificate())?;
        let form = ApplicationForm::parse(message.content)?;
        self.check_freshness(form.created_at, now)?;
        Ok(VerifiedApplication {
            person,
            form,
            cms_sha256: Sha256::digest(&der).into(),
        })
    }

    fn check_freshness(&self, created_at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        if now.since(created_at) > self.freshness.max_age {
            return Err(Refusal::TooOld);
        }
        if created_at.since(now) > self.freshness.max_ahead {
            return Err(Refusal::FromTheFuture);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
