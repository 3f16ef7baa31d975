//! ES256: ECDSA over P-256 with SHA-256, signatures in DER. The work is done by aws-lc.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use tsm_core::ports::VaultError;
use zeroize::Zeroizing;

/// A fresh private key, PKCS#8.
pub(super) fn generate() -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .map_err(|_| VaultError::Storage("no key pair could be made".to_owned()))?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// Uncompressed point, 65 bytes.
pub(super) fn public_key(pkcs8: &[u8]) -> Result<Vec<u8>, VaultError> {
    Ok(open(pkcs8)?.public_key().as_ref().to_vec())
}

pub(super) fn sign(pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, VaultError> {
    let signature = open(pkcs8)?.sign(&SystemRandom::new(), message);
    let signature = signature.map_err(|_| VaultError::Storage("nothing was signed".to_owned()))?;
    Ok(signature.as_ref().to_vec())
}

fn open(pkcs8: &[u8]) -> Result<EcdsaKeyPair, VaultError> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).map_err(|_| VaultError::Unseal)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

    use super::*;

    #[test]
    fn what_is_signed_verifies_with_the_public_key_only() {
        let [key, other] = [generate().unwrap(), generate().unwrap()];
        let signature = sign(&key, b"message").unwrap();
        let verifies = |key: &[u8], message: &[u8]| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key(key).unwrap())
                .verify(message, &signature)
                .is_ok()
        };
        assert!(verifies(&key, b"message"));
        assert!(!verifies(&key, b"other"));
        assert!(!verifies(&other, b"message"));
        assert_eq!(public_key(&key).unwrap().len(), 65);
        assert_eq!(sign(b"no key", b"").unwrap_err(), VaultError::Unseal);
    }
}
