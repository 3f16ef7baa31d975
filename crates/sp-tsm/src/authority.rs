//! The embedded certification authority: the port
//! [`CertificateAuthority`] with a key
//! from the vault.
//!
//! Certificates follow RFC 5280 and the profile in `authority/profile.rs`. None leaves
//! before it was read back and checked by `authority/lint.rs`: profile, fields as asked
//! for, signature under the authority's own certificate.

mod lint;
mod profile;
mod signer;

use async_trait::async_trait;
use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use spki::SubjectPublicKeyInfoOwned;
use tsm_core::ports::{AuthorityError, CertificateAuthority, CertificateRequest};
use x509_cert::Certificate;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use self::profile::UserAuthentication;
use self::signer::AuthorityKey;

/// Why the authority can not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The issuer certificate is not one PEM certificate.
    #[error("the issuer certificate is not a PEM certificate")]
    Certificate,
    /// The issuer certificate is not an authority's.
    #[error("the issuer certificate may not sign certificates")]
    NotAnAuthority,
    /// The key is not PKCS#8 of ECDSA P-256, P-384 or RSA.
    #[error("the authority's key is not PKCS#8 of ECDSA (P-256, P-384) or RSA")]
    Key,
    /// Key and certificate do not belong together.
    #[error("the authority's key does not belong to its certificate")]
    Mismatch,
}

/// A certification authority in this process.
pub struct EmbeddedAuthority {
    key: AuthorityKey,
    certificate: Certificate,
    certificate_der: Vec<u8>,
    policy: ObjectIdentifier,
}

impl EmbeddedAuthority {
    /// An authority with its PEM certificate, its key (PKCS#8 DER) and the
    /// policy that its certificates name.
    ///
    /// # Errors
    /// [`SetupError`] unless all fit together.
    pub fn new(pem: &[u8], key: &[u8], policy: ObjectIdentifier) -> Result<Self, SetupError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| SetupError::Certificate)?;
        let certificate = Certificate::from_der(&der).map_err(|_| SetupError::Certificate)?;
        if !profile::is_authority(&certificate) {
            return Err(SetupError::NotAnAuthority);
        }
        let key = AuthorityKey::from_pkcs8(key).ok_or(SetupError::Key)?;
        let info = certificate.tbs_certificate().subject_public_key_info();
        if info.to_der().ok().as_deref() != Some(key.public_key_info()) {
            return Err(SetupError::Mismatch);
        }
        Ok(Self {
            key,
            certificate,
            certificate_der: der.to_vec(),
            policy,
        })
    }

    fn build(&self, request: &CertificateRequest) -> Result<Vec<u8>, AuthorityError> {
        let outside =
            |_| AuthorityError::Profile("a date is outside what certificates can say".into());
        let validity = Validity::new(
            profile::time(request.not_before).map_err(outside)?,
            profile::time(request.not_after).map_err(outside)?,
        );
        let issuer = self.certificate.tbs_certificate().validity();
        if validity.not_after.to_unix_duration() > issuer.not_after.to_unix_duration() {
            return Err(AuthorityError::Profile(
                "it would outlive the authority's certificate".into(),
            ));
        }
        if validity.not_before.to_unix_duration() >= validity.not_after.to_unix_duration() {
            return Err(AuthorityError::Profile(
                "its validity would end before it begins".into(),
            ));
        }
        let serial = SerialNumber::new(&request.serial).map_err(|_| {
            AuthorityError::Profile("the serial number must be at most 20 bytes".into())
        })?;
        let key = SubjectPublicKeyInfoOwned::from_der(&request.public_key)
            .map_err(|_| AuthorityError::Profile("the public key can not be read".into()))?;
        let profile =
            UserAuthentication::new(&self.certificate, &request.common_name, self.policy)?;
        let signing = |error: x509_cert::builder::Error| AuthorityError::Signing(error.to_string());
        CertificateBuilder::new(profile, serial, validity, key)
            .map_err(signing)?
            .build(&self.key)
            .map_err(signing)?
            .to_der()
            .map_err(|error| AuthorityError::Signing(error.to_string()))
    }
}

#[async_trait]
impl CertificateAuthority for EmbeddedAuthority {
    async fn issue(&self, request: &CertificateRequest) -> Result<Vec<u8>, AuthorityError> {
        let certificate = self.build(request)?;
        lint::check(&certificate, request, &self.certificate, self.policy)?;
        Ok(certificate)
    }

    fn issuer_certificate(&self) -> Vec<u8> {
        self.certificate_der.clone()
    }
}

impl core::fmt::Debug for EmbeddedAuthority {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "EmbeddedAuthority({})",
            self.certificate.tbs_certificate().subject()
        )
    }
}

#[cfg(test)]
mod tests;
