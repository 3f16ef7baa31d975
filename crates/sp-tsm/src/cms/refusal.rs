//! Why a signed application is refused; each cause has a stable reason.

use tsm_core::error::{Failure, Reason};

use crate::signature::SignatureError;

/// Why a signed application is refused. The text may be shown to the applicant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// More bytes than an application may have.
    #[error("{bytes} bytes are more than an application may have")]
    TooLarge {
        /// What was submitted.
        bytes: usize,
    },
    /// S/MIME text instead of CMS.
    #[error("this is S/MIME text; sign with `openssl cms -sign -nodetach -outform DER` (or PEM)")]
    Smime,
    /// Not CMS SignedData of the expected form.
    #[error("not a CMS SignedData with attached content: {0}")]
    Malformed(&'static str),
    /// A hash, key or signature algorithm that is too weak or unknown.
    #[error("{0}")]
    Algorithm(&'static str),
    /// The signature is not by the certificate's key over this content.
    #[error("the signature does not fit the content")]
    Signature,
    /// The signing certificate does not lead to a trust anchor.
    #[error("the signing certificate was not issued under a trusted authority")]
    Untrusted,
    /// The signing certificate is trusted, but not for signing.
    #[error("the signing certificate may not sign applications: {0}")]
    Unsuitable(&'static str),
    /// The signing certificate's validity is over.
    #[error("the signing certificate has expired")]
    Expired,
    /// The signing certificate's validity has not begun.
    #[error("the signing certificate is not valid yet")]
    NotYetValid,
    /// The signing certificate does not name one person.
    #[error("the signing certificate does not name one person: {0}")]
    Person(&'static str),
    /// The signed content is not an application.
    #[error("the signed content is not an application: {0}")]
    Content(String),
    /// Signed too long ago.
    #[error("the application was made too long ago")]
    TooOld,
    /// Dated too far in the future.
    #[error("the application is dated in the future")]
    FromTheFuture,
}

impl Failure for Refusal {
    fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } | Self::Smime | Self::Malformed(_) => Reason::CmsMalformed,
            Self::Algorithm(_) | Self::Signature => Reason::SignatureInvalid,
            Self::Untrusted | Self::Unsuitable(_) => Reason::ChainUntrusted,
            Self::Expired | Self::NotYetValid => Reason::SigningCertExpired,
            Self::Person(_) => Reason::PersonMissing,
            Self::Content(_) => Reason::ApplicationMalformed,
            Self::TooOld | Self::FromTheFuture => Reason::ApplicationStale,
        }
    }
}

impl From<SignatureError> for Refusal {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Algorithm(what) => Self::Algorithm(what),
            SignatureError::Invalid => Self::Signature,
        }
    }
}
