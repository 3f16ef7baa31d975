//! Which signature belongs to which key (G Tables C-1 and B-3, B.1.2.2, B.2.2, B.3, B.4.3).

use alloc::vec::Vec;

use super::HashAlgorithm;

/// A key that signs or verifies, as far as the choice of the scheme depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// DES of 16 bytes.
    Des,
    /// AES of this many bytes.
    Aes {
        /// 16, 24 or 32.
        bytes: usize,
    },
    /// RSA with a modulus of this many bits.
    Rsa {
        /// 1024 or more.
        bits: usize,
    },
    /// An elliptic curve whose order has this many bits.
    Ec {
        /// 256 or more.
        bits: usize,
    },
}

/// How tokens, receipts and load files are signed.
///
/// ```
/// use globalplatform::delegated_management::{HashAlgorithm, KeyKind, SignatureScheme};
///
/// let scheme = SignatureScheme::for_key(KeyKind::Ec { bits: 384 }).unwrap();
/// assert_eq!(scheme.hash(), Some(HashAlgorithm::Sha384));
/// assert_eq!(scheme.signature_length(), 96);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// Single DES plus final triple DES MAC with zero initial vector, padded with 80 00…; 8 bytes.
    DesMac,
    /// AES-CMAC, all 16 bytes.
    AesCmac,
    /// RSASSA-PKCS1-v1_5 with SHA-1, for 1024 bits.
    RsaPkcs1Sha1,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes, above 1024 bits.
    RsaPssSha256 {
        /// Length of the modulus in bytes.
        modulus_bytes: usize,
    },
    /// ECDSA in plain format: r and s, each as long as the order.
    Ecdsa {
        /// The hash that belongs to the key length.
        hash: HashAlgorithm,
        /// Length of the order in bytes.
        order_bytes: usize,
    },
}

impl SignatureScheme {
    /// The scheme that a key of this kind is used with; `None` if keys of that length are not used.
    #[must_use]
    pub const fn for_key(key: KeyKind) -> Option<Self> {
        Some(match key {
            KeyKind::Des => Self::DesMac,
            KeyKind::Aes {
                bytes: 16 | 24 | 32,
            } => Self::AesCmac,
            KeyKind::Rsa { bits: 1024 } => Self::RsaPkcs1Sha1,
            KeyKind::Rsa { bits: 1025.. } => {
                let KeyKind::Rsa { bits } = key else {
                    return None;
                };
                Self::RsaPssSha256 {
                    modulus_bytes: bits.div_ceil(8),
                }
            }
            KeyKind::Ec { bits } => {
                let hash = match bits {
                    ..256 => return None,
                    256..384 => HashAlgorithm::Sha256,
                    384..512 => HashAlgorithm::Sha384,
                    512.. => HashAlgorithm::Sha512,
                };
                Self::Ecdsa {
                    hash,
                    order_bytes: bits.div_ceil(8),
                }
            }
            KeyKind::Aes { .. } | KeyKind::Rsa { .. } => return None,
        })
    }

    /// The hash that the scheme applies to its input; MACs have none.
    #[must_use]
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::DesMac | Self::AesCmac => None,
            Self::RsaPkcs1Sha1 => Some(HashAlgorithm::Sha1),
            Self::RsaPssSha256 { .. } => Some(HashAlgorithm::Sha256),
            Self::Ecdsa { hash, .. } => Some(hash),
        }
    }

    /// How many bytes a signature has.
    #[must_use]
    pub const fn signature_length(self) -> usize {
        match self {
            Self::DesMac => 8,
            Self::AesCmac => 16,
            Self::RsaPkcs1Sha1 => 128,
            Self::RsaPssSha256 { modulus_bytes } => modulus_bytes,
            Self::Ecdsa { order_bytes, .. } => order_bytes.saturating_mul(2),
        }
    }
}

/// Something that signs: a key, or the service that keeps it.
pub trait Signer {
    /// Why it could not sign.
    type Error;

    /// The scheme of its key.
    fn scheme(&self) -> SignatureScheme;

    /// Signs `input`, which the scheme still has to hash.
    ///
    /// # Errors
    /// Whatever kept the key from signing.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Self::Error>;
}

/// Something that verifies.
pub trait Verifier {
    /// The scheme of its key.
    fn scheme(&self) -> SignatureScheme;

    /// Whether `signature`, which has the length that the scheme demands, is one over `input`.
    /// MACs must be compared in constant time.
    fn is_genuine(&self, input: &[u8], signature: &[u8]) -> bool;

    /// Whether `signature` has the right length and is one over `input`.
    fn verify(&self, input: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.scheme().signature_length() && self.is_genuine(input, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_scheme() {
        use HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
        for (key, hash, length) in [
            (KeyKind::Des, None, 8),
            (KeyKind::Aes { bytes: 16 }, None, 16),
            (KeyKind::Aes { bytes: 24 }, None, 16),
            (KeyKind::Aes { bytes: 32 }, None, 16),
            (KeyKind::Rsa { bits: 1024 }, Some(Sha1), 128),
            (KeyKind::Rsa { bits: 1025 }, Some(Sha256), 129),
            (KeyKind::Rsa { bits: 2048 }, Some(Sha256), 256),
            (KeyKind::Ec { bits: 256 }, Some(Sha256), 64),
            (KeyKind::Ec { bits: 383 }, Some(Sha256), 96),
            (KeyKind::Ec { bits: 384 }, Some(Sha384), 96),
            (KeyKind::Ec { bits: 511 }, Some(Sha384), 128),
            (KeyKind::Ec { bits: 512 }, Some(Sha512), 128),
            (KeyKind::Ec { bits: 521 }, Some(Sha512), 132),
        ] {
            let scheme = SignatureScheme::for_key(key).unwrap();
            assert_eq!(scheme.hash(), hash, "{key:?}");
            assert_eq!(scheme.signature_length(), length, "{key:?}");
        }
        for key in [
            KeyKind::Aes { bytes: 15 },
            KeyKind::Aes { bytes: 17 },
            KeyKind::Rsa { bits: 1023 },
            KeyKind::Ec { bits: 255 },
        ] {
            assert_eq!(SignatureScheme::for_key(key), None, "{key:?}");
        }
    }

    struct Verdict(bool);

    impl Verifier for Verdict {
        fn scheme(&self) -> SignatureScheme {
            SignatureScheme::DesMac
        }

        fn is_genuine(&self, _input: &[u8], _signature: &[u8]) -> bool {
            self.0
        }
    }

    #[test]
    fn a_signature_of_another_length_is_never_genuine() {
        assert!(Verdict(true).verify(&[], &[0; 8]));
        assert!(!Verdict(true).verify(&[], &[0; 7]));
        assert!(!Verdict(true).verify(&[], &[0; 9]));
        assert!(!Verdict(false).verify(&[], &[0; 8]));
    }
}
