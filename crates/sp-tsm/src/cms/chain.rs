//! From a signing certificate to a trust anchor (RFC 5280, section 6).
//!
//! Paths are built by rustls-webpki. It does not read everything that
//! certificate programs write, so two cases are decided here: a certificate of
//! version 1, or marked as an authority's, directly under an anchor (the
//! default of several `openssl` commands), and which reason a refusal has: an
//! expired certificate of a trusted issuer is `SIGNING_CERT_EXPIRED`, any
//! certificate of an unknown issuer `CHAIN_UNTRUSTED`.

use std::time::Duration;

use const_oid::{AssociatedOid, ObjectIdentifier};
use der::Decode;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use tsm_core::time::Timestamp;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};

use super::refusal::Refusal;
use super::signer::SignerCertificate;
use crate::signature::is_certified_by;

/// A trust anchor file that can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// Not PEM certificates.
    #[error("it is not a list of PEM certificates")]
    Pem,
    /// One of the certificates can not be read.
    #[error("certificate {index} can not be read")]
    Certificate {
        /// Its place in the file, from 1.
        index: usize,
    },
    /// No certificate at all.
    #[error("it holds no certificate")]
    Empty,
}

/// The authorities whose signing certificates are trusted.
pub struct TrustAnchors {
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<Certificate>,
}

impl TrustAnchors {
    /// Reads PEM certificates.
    ///
    /// # Errors
    /// [`AnchorError`] unless there is at least one and all can be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AnchorError> {
        let mut found = Self {
            anchors: Vec::new(),
            certificates: Vec::new(),
        };
        for (index, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let der = der.map_err(|_| AnchorError::Pem)?;
            let unreadable = AnchorError::Certificate { index: index + 1 };
            let certificate = Certificate::from_der(&der).map_err(|_| unreadable.clone())?;
            let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| unreadable)?;
            found.anchors.push(anchor.to_owned());
            found.certificates.push(certificate);
        }
        if found.anchors.is_empty() {
            Err(AnchorError::Empty)
        } else {
            Ok(found)
        }
    }

    /// Checks that `leaf` leads to an anchor over `others` and is valid at `now`.
    ///
    /// # Errors
    /// [`Refusal`] with `CHAIN_UNTRUSTED` or `SIGNING_CERT_EXPIRED`.
    pub fn check(
        &self,
        leaf: &SignerCertificate<'_>,
        others: &[&[u8]],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let since_epoch = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        if self.has_path(leaf.der, others, since_epoch) {
            return Ok(());
        }
        if !self.is_signed_under(leaf, others) {
            return Err(Refusal::Untrusted);
        }
        let validity = leaf.tbs_certificate().validity();
        if since_epoch < validity.not_before.to_unix_duration() {
            return Err(Refusal::NotYetValid);
        }
        if since_epoch > validity.not_after.to_unix_duration() {
            return Err(Refusal::Expired);
        }
        if self.is_plain(leaf) && self.issued_directly(leaf) {
            return Ok(());
        }
        Err(Refusal::Untrusted)
    }

    fn has_path(&self, leaf: &[u8], others: &[&[u8]], since_epoch: Duration) -> bool {
        let leaf = CertificateDer::from(leaf);
        let others: Vec<_> = others
            .iter()
            .map(|der| CertificateDer::from(*der))
            .collect();
        let Ok(leaf) = EndEntityCert::try_from(&leaf) else {
            return false;
        };
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &self.anchors,
            &others,
            UnixTime::since_unix_epoch(since_epoch),
            AnyUsage,
            None,
            None,
        )
        .is_ok()
    }

    /// Whether signatures lead from `leaf` to an anchor, whatever the dates say.
    /// Looks at every certificate once, however they sign each other.
    fn is_signed_under(&self, leaf: &SignerCertificate<'_>, others: &[&[u8]]) -> bool {
        let mut unseen: Vec<(&[u8], Certificate)> = others
            .iter()
            .filter_map(|der| Some((*der, Certificate::from_der(der).ok()?)))
            .filter(|(der, certificate)| *der != leaf.der && is_authority(certificate))
            .collect();
        let mut reached = vec![(leaf.der, leaf.decoded.clone())];
        while let Some((der, certificate)) = reached.pop() {
            if self
                .certificates
                .iter()
                .any(|anchor| is_certified_by(der, &certificate, anchor))
            {
                return true;
            }
            let issuers =
                unseen.extract_if(.., |(_, other)| is_certified_by(der, &certificate, other));
            reached.extend(issuers);
        }
        false
    }

    fn issued_directly(&self, leaf: &SignerCertificate<'_>) -> bool {
        self.certificates
            .iter()
            .zip(&self.anchors)
            .any(|(certificate, anchor)| {
                anchor.name_constraints.is_none()
                    && is_certified_by(leaf.der, &leaf.decoded, certificate)
            })
    }

    /// Version 1, or marked as an authority's, with nothing critical that is not understood.
    fn is_plain(&self, leaf: &SignerCertificate<'_>) -> bool {
        const UNDERSTOOD: [ObjectIdentifier; 8] = [
            AuthorityKeyIdentifier::OID,
            BasicConstraints::OID,
            CertificatePolicies::OID,
            CrlDistributionPoints::OID,
            ExtendedKeyUsage::OID,
            KeyUsage::OID,
            SubjectAltName::OID,
            SubjectKeyIdentifier::OID,
        ];
        let tbs = leaf.tbs_certificate();
        let extensions = tbs.extensions().map_or(&[][..], Vec::as_slice);
        match tbs.version() {
            Version::V1 => extensions.is_empty(),
            _ => {
                is_authority(leaf)
                    && extensions
                        .iter()
                        .all(|e| !e.critical || UNDERSTOOD.contains(&e.extn_id))
            }
        }
    }
}

/// Any extended key usage: signing applications has none of its own.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, iter: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        for purpose in iter {
            purpose?;
        }
        Ok(())
    }
}

fn is_authority(certificate: &Certificate) -> bool {
    matches!(certificate.tbs_certificate().get_extension::<BasicConstraints>(), Ok(Some((_, c))) if c.ca)
}
