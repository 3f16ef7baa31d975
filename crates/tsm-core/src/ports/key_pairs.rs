//! Key pairs that the provider makes for a card.

use async_trait::async_trait;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::jpki::credential::KeyAlgorithm;

/// The private half, as the card takes it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub enum PrivateKeyParts {
    /// RSA with exponent 65537: both primes, big endian, 128 bytes each for RSA-2048.
    Rsa {
        /// First prime.
        p: Vec<u8>,
        /// Second prime.
        q: Vec<u8>,
    },
    /// Elliptic curve: the scalar, big endian, as long as the field.
    Ec {
        /// The scalar.
        scalar: Vec<u8>,
    },
}

impl core::fmt::Debug for PrivateKeyParts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Rsa { .. } => f.write_str("PrivateKeyParts::Rsa"),
            Self::Ec { .. } => f.write_str("PrivateKeyParts::Ec"),
        }
    }
}

/// A fresh key pair.
#[derive(Debug)]
pub struct KeyPair {
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// The private half.
    pub private: PrivateKeyParts,
    /// DER of the `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
}

/// No key pair could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key pair could be made: {0}")]
pub struct KeyPairError(pub String);

/// Makes key pairs, from a pool where making them is slow, and checks signatures.
#[async_trait]
pub trait KeyPairs: Send + Sync {
    /// A key pair that was never given out before.
    ///
    /// # Errors
    /// [`KeyPairError`] when none can be made.
    async fn take(&self, algorithm: KeyAlgorithm) -> Result<KeyPair, KeyPairError>;

    /// Whether `signature` is over SHA-256 of `message` under `public_key`
    /// (`SubjectPublicKeyInfo`): PKCS#1 v1.5 for RSA, raw `r ‖ s` for ECDSA.
    fn verify(
        &self,
        algorithm: KeyAlgorithm,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> bool;
}
