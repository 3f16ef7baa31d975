//! The key that signs receipts and audit heads, as others get it.

use std::path::{Path, PathBuf};

use der::Decode as _;
use der::Encode as _;
use der::pem::LineEnding;
use tsm_core::ports::{KeyVault, VaultError};
use x509_cert::Certificate;

/// `SubjectPublicKeyInfo` of a P-256 key before the point (RFC 5480): sequence of id-ecPublicKey
/// with secp256r1, and a bit string of 65 bytes.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A,
    0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Bytes of an uncompressed point.
const POINT: usize = 65;

/// Why a signing key is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The vault does not give it.
    #[error("the vault has no signing key")]
    Vault(#[from] VaultError),
    /// Not PEM of a certificate or public key.
    #[error("this is not a certificate or a public key in PEM")]
    Malformed,
    /// Another kind of key.
    #[error("the key is not one for ECDSA on P-256")]
    OtherKind,
    /// The certificate's file can't be used.
    #[error("the certificate for receipts, {}: {problem}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The certificate is another key's.
    #[error("the certificate is not that of the vault's signing key")]
    OtherKey,
}

/// The public key and its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// `SubjectPublicKeyInfo`, PEM.
    pub public_key: String,
    /// PEM; empty when there is none.
    pub certificate: String,
}

impl SigningKey {
    /// The key of a vault, and its certificate when there is one.
    ///
    /// # Errors
    /// [`SigningKeyError`] when the vault has no key, or the certificate is another key's.
    pub fn open(vault: &dyn KeyVault, certificate: Option<&str>) -> Result<Self, SigningKeyError> {
        let point = vault.signing_public_key()?;
        if let Some(certificate) = certificate
            && point_of(certificate)? != point
        {
            return Err(SigningKeyError::OtherKey);
        }
        Ok(Self {
            public_key: pem(&point)?,
            certificate: certificate.unwrap_or_default().to_owned(),
        })
    }
}

impl SigningKey {
    /// The key of a vault, with the certificate in a file when one is named.
    ///
    /// # Errors
    /// [`SigningKeyError`]; it names the file.
    pub fn load(vault: &dyn KeyVault, certificate: Option<&Path>) -> Result<Self, SigningKeyError> {
        let Some(path) = certificate else {
            return Self::open(vault, None);
        };
        let file = |problem: String| SigningKeyError::File {
            path: path.to_owned(),
            problem,
        };
        let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
        Self::open(vault, Some(&text)).map_err(|error| file(error.to_string()))
    }
}

/// `SubjectPublicKeyInfo` of an uncompressed P-256 point, DER.
#[must_use]
pub fn spki(point: &[u8]) -> Vec<u8> {
    [P256_SPKI.as_slice(), point].concat()
}

fn pem(point: &[u8]) -> Result<String, SigningKeyError> {
    der::pem::encode_string("PUBLIC KEY", LineEnding::LF, &spki(point))
        .map_err(|_| SigningKeyError::Malformed)
}

/// The uncompressed point of a P-256 key, from its certificate or `SubjectPublicKeyInfo` in PEM.
///
/// # Errors
/// [`SigningKeyError`] for anything else.
pub fn point_of(pem: &str) -> Result<Vec<u8>, SigningKeyError> {
    let decoded = der::pem::decode_vec(pem.trim_start().as_bytes());
    let (label, bytes) = decoded.map_err(|_| SigningKeyError::Malformed)?;
    let spki = match label {
        "PUBLIC KEY" => bytes,
        "CERTIFICATE" => {
            let certificate = Certificate::from_der(&bytes);
            let certificate = certificate.map_err(|_| SigningKeyError::Malformed)?;
            let key = certificate.tbs_certificate().subject_public_key_info();
            key.to_der().map_err(|_| SigningKeyError::Malformed)?
        }
        _ => return Err(SigningKeyError::Malformed),
    };
    match spki.strip_prefix(&P256_SPKI) {
        Some(point) if point.len() == POINT => Ok(point.to_vec()),
        _ => Err(SigningKeyError::OtherKind),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData as _};

    use super::*;

    #[test]
    fn certificate_and_public_key_give_the_same_point() {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let point = point_of(&certificate.pem()).unwrap();
        assert_eq!(point, key.der_bytes());
        assert_eq!(point_of(&pem(&point).unwrap()).unwrap(), point);
        assert_eq!(point_of(&key.public_key_pem()).unwrap(), point);
    }

    #[test]
    fn refuses_what_is_no_such_key() {
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let other = point_of(&p384.public_key_pem());
        assert_eq!(other, Err(SigningKeyError::OtherKind));
        let private = KeyPair::generate().unwrap().serialize_pem();
        for text in ["", "key", private.as_str()] {
            assert_eq!(point_of(text), Err(SigningKeyError::Malformed));
        }
    }
}
