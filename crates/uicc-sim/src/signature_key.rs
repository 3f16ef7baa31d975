//! Stored keys that verify tokens and load files or make receipts: AES, RSA and EC (G B.2 to B.4, C.2 to C.5).

use std::convert::Infallible;

use globalplatform::delegated_management::{
    HashAlgorithm, KeyKind, SignatureScheme, Signer, Verifier,
};
use globalplatform::key::{CurveReference, KeyType};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use rsa::{BoxedUint, PublicKey, pkcs1v15, pss};
use scp03::content_management_mac::{ReceiptKey, TokenKey};
use sha1::Sha1;
use sha2::Sha256;

use crate::security_domain::StoredKey;

/// A key that verifies.
pub(crate) struct VerifyingKey {
    kind: Verifying,
    scheme: SignatureScheme,
}

enum Verifying {
    /// Any AES key; all roles compute the same CMAC.
    Aes(TokenKey),
    Rsa(Box<PublicKey>),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

impl VerifyingKey {
    /// The key, if it is of a kind that can verify: AES, RSA of 1024 bits or more, P-256, P-384.
    pub(crate) fn of(key: &StoredKey) -> Option<Self> {
        let (kind, strength) = if let Some(bytes) = key.part(KeyType::AES) {
            let aes = TokenKey::from_bytes(bytes).ok()?;
            (Verifying::Aes(aes), KeyKind::Aes { bytes: bytes.len() })
        } else if let Some(point) = key.part(KeyType::EC_PUBLIC) {
            ec(key, point)?
        } else {
            rsa_key(key)?
        };
        let scheme = SignatureScheme::for_key(strength)?;
        Some(Self { kind, scheme })
    }

    /// The weakest load file hash that goes with the key (G Table C-3).
    pub(crate) fn weakest_hash(key: &StoredKey) -> Option<HashAlgorithm> {
        match key.part(KeyType::AES) {
            Some(bytes) => HashAlgorithm::for_aes_key(bytes.len()),
            // A signature that hashes its input itself asks for no particular one.
            None => Some(HashAlgorithm::Sha1),
        }
    }
}

fn ec(key: &StoredKey, point: &[u8]) -> Option<(Verifying, KeyKind)> {
    let curve = CurveReference::decode(key.part(KeyType::EC_CURVE_REFERENCE)?).ok()?;
    match curve {
        CurveReference::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .ok()
            .map(|key| (Verifying::P256(key), KeyKind::Ec { bits: 256 })),
        CurveReference::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .ok()
            .map(|key| (Verifying::P384(key), KeyKind::Ec { bits: 384 })),
        _ => None,
    }
}

fn rsa_key(key: &StoredKey) -> Option<(Verifying, KeyKind)> {
    let modulus = key.part(KeyType::RSA_MODULUS)?;
    let number = |bytes: &[u8]| {
        let bits = u32::try_from(bytes.len()).ok()?.checked_mul(8)?;
        BoxedUint::from_be_slice(bytes, bits).ok()
    };
    let exponent = key.part(KeyType::RSA_PUBLIC_EXPONENT)?;
    let exponent = exponent.iter().try_fold(0u64, |sum, byte| {
        sum.checked_mul(256)?.checked_add(u64::from(*byte))
    })?;
    let public = PublicKey::new(number(modulus)?, BoxedUint::from(exponent)).ok()?;
    let bits = modulus.len().checked_mul(8)?;
    Some((Verifying::Rsa(Box::new(public)), KeyKind::Rsa { bits }))
}

impl Verifier for VerifyingKey {
    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    fn is_genuine(&self, input: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Verifying::Aes(key) => key.is_genuine(input, signature),
            Verifying::Rsa(key) => is_rsa_signature(key, self.scheme, input, signature),
            Verifying::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(input, &signature).is_ok()),
            Verifying::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(input, &signature).is_ok()),
        }
    }
}

fn is_rsa_signature(
    key: &PublicKey,
    scheme: SignatureScheme,
    input: &[u8],
    signature: &[u8],
) -> bool {
    match scheme {
        SignatureScheme::RsaPkcs1Sha1 => pkcs1v15::Signature::try_from(signature).is_ok_and(|s| {
            let key = pkcs1v15::VerifyingKey::<Sha1>::new(key.clone());
            key.verify(input, &s).is_ok()
        }),
        _ => pss::Signature::try_from(signature).is_ok_and(|s| {
            let key = pss::VerifyingKey::<Sha256>::new(key.clone());
            key.verify(input, &s).is_ok()
        }),
    }
}

/// A key that makes receipts: AES, P-256 or P-384.
pub(crate) enum SigningKey {
    Aes(ReceiptKey),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
}

impl SigningKey {
    /// The key, if it is of a kind that can sign.
    pub(crate) fn of(key: &StoredKey) -> Option<Self> {
        if let Some(bytes) = key.part(KeyType::AES) {
            return ReceiptKey::from_bytes(bytes).ok().map(Self::Aes);
        }
        let scalar = key.part(KeyType::EC_PRIVATE)?;
        match CurveReference::decode(key.part(KeyType::EC_CURVE_REFERENCE)?).ok()? {
            CurveReference::P256 => p256::ecdsa::SigningKey::from_slice(scalar)
                .ok()
                .map(|key| Self::P256(Box::new(key))),
            CurveReference::P384 => p384::ecdsa::SigningKey::from_slice(scalar)
                .ok()
                .map(|key| Self::P384(Box::new(key))),
            _ => None,
        }
    }
}

impl Signer for SigningKey {
    type Error = Infallible;

    fn scheme(&self) -> SignatureScheme {
        match self {
            Self::Aes(_) => SignatureScheme::AesCmac,
            Self::P256(_) => SignatureScheme::Ecdsa {
                hash: HashAlgorithm::Sha256,
                order_bytes: 32,
            },
            Self::P384(_) => SignatureScheme::Ecdsa {
                hash: HashAlgorithm::Sha384,
                order_bytes: 48,
            },
        }
    }

    /// ECDSA takes its number from key and input (RFC 6979): equal cards give equal receipts.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Infallible> {
        Ok(match self {
            Self::Aes(key) => key.receipt(input).to_vec(),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
        })
    }
}
