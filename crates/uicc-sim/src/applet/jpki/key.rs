//! The private key of a credential: RSA-2048, P-256 or P-384, numbered as in data group 9F01.

use ecdsa_curves::{P256Signature, P256SigningKey, P384Signature, P384SigningKey};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::pkcs1::RsaPublicKeyRef;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, Pkcs1v15Sign, PrivateKey as RsaKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Shorter names for the two curves' types.
mod ecdsa_curves {
    pub(super) use p256::ecdsa::{Signature as P256Signature, SigningKey as P256SigningKey};
    pub(super) use p384::ecdsa::{Signature as P384Signature, SigningKey as P384SigningKey};
}

/// Bytes of one RSA prime.
pub(super) const RSA_PRIME_BYTES: usize = 128;
/// The public exponent of every RSA key.
const RSA_EXPONENT: u32 = 65537;
/// PKCS#1 v1.5 padding takes eleven bytes of the modulus.
const RSA_LARGEST_INPUT: usize = 2 * RSA_PRIME_BYTES - 11;

/// What kind of key a credential has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA with a modulus of 2048 bits and exponent 65537.
    Rsa2048,
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
}

impl Algorithm {
    /// The algorithm with this number in data group 9F01.
    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Rsa2048),
            0x02 => Some(Self::P256),
            0x03 => Some(Self::P384),
            _ => None,
        }
    }

    /// The number in data group 9F01.
    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Self::Rsa2048 => 0x01,
            Self::P256 => 0x02,
            Self::P384 => 0x03,
        }
    }

    /// The name that people use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Bytes of a private scalar; none for RSA.
    pub(super) const fn scalar_bytes(self) -> Option<usize> {
        match self {
            Self::Rsa2048 => None,
            Self::P256 => Some(32),
            Self::P384 => Some(48),
        }
    }
}

/// A private key ready to sign.
#[derive(Clone)]
pub(super) enum PrivateKey {
    /// RSA-2048.
    Rsa(Box<RsaKey>),
    /// P-256.
    P256(Box<P256SigningKey>),
    /// P-384.
    P384(Box<P384SigningKey>),
}

/// The data do not make a key of this algorithm, or the key cannot sign this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusable;

impl PrivateKey {
    /// An RSA-2048 key of two primes, each 128 bytes, big endian.
    pub(super) fn from_primes(p: &[u8], q: &[u8]) -> Result<Self, Unusable> {
        let prime = |bytes: &[u8]| -> Result<BoxedUint, Unusable> {
            let odd = bytes.last().is_some_and(|last| last & 1 == 1);
            if bytes.len() != RSA_PRIME_BYTES || !odd {
                return Err(Unusable);
            }
            BoxedUint::from_be_slice(bytes, 8 * RSA_PRIME_BYTES as u32).map_err(|_| Unusable)
        };
        let exponent = BoxedUint::from(RSA_EXPONENT);
        let key = RsaKey::from_p_q(prime(p)?, prime(q)?, exponent).map_err(|_| Unusable)?;
        if key.n().bit_width() == 16 * RSA_PRIME_BYTES as u32 {
            Ok(Self::Rsa(Box::new(key)))
        } else {
            Err(Unusable)
        }
    }

    /// An EC key of its private scalar, big endian, as long as the curve's field.
    pub(super) fn from_scalar(algorithm: Algorithm, scalar: &[u8]) -> Result<Self, Unusable> {
        if algorithm.scalar_bytes() != Some(scalar.len()) {
            return Err(Unusable);
        }
        match algorithm {
            Algorithm::P256 => P256SigningKey::from_slice(scalar)
                .map(|key| Self::P256(Box::new(key)))
                .map_err(|_| Unusable),
            Algorithm::P384 => P384SigningKey::from_slice(scalar)
                .map(|key| Self::P384(Box::new(key)))
                .map_err(|_| Unusable),
            Algorithm::Rsa2048 => Err(Unusable),
        }
    }

    /// The key's algorithm.
    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Rsa2048,
            Self::P256(_) => Algorithm::P256,
            Self::P384(_) => Algorithm::P384,
        }
    }

    /// The secret parts as they were written: p and q, or the scalar.
    pub(super) fn danger_parts(&self) -> Vec<Zeroizing<Vec<u8>>> {
        match self {
            Self::Rsa(key) => key
                .primes()
                .iter()
                .map(|prime| Zeroizing::new(prime.as_ref().to_be_bytes().to_vec()))
                .collect(),
            Self::P256(key) => vec![Zeroizing::new(key.to_bytes().to_vec())],
            Self::P384(key) => vec![Zeroizing::new(key.to_bytes().to_vec())],
        }
    }

    /// The private exponent in both usual forms: modulo λ(n) and modulo φ(n); nothing for EC keys.
    pub(super) fn danger_exponents(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let Self::Rsa(key) = self else {
            return Vec::new();
        };
        let bytes = |d: &BoxedUint| Zeroizing::new(d.to_be_bytes().to_vec());
        let primes = key.primes().iter().map(|p| p.as_ref().clone()).collect();
        let mut exponents = vec![bytes(key.d())];
        if let Ok(same) = RsaKey::from_primes(primes, BoxedUint::from(RSA_EXPONENT)) {
            exponents.push(bytes(same.d()));
        }
        exponents
    }

    /// Whether the certificate (DER) is for this key.
    pub(super) fn is_certified_by(&self, certificate: &[u8]) -> bool {
        use x509_cert::der::Decode;
        let Ok(certificate) = x509_cert::Certificate::from_der(certificate) else {
            return false;
        };
        let info = certificate.tbs_certificate().subject_public_key_info();
        let Some(public) = info.subject_public_key.as_bytes() else {
            return false;
        };
        match self {
            Self::Rsa(key) => {
                info.algorithm.oid == rsa::pkcs1::ALGORITHM_OID
                    && RsaPublicKeyRef::from_der(public).is_ok_and(|public| {
                        public.modulus.as_bytes() == &*key.n_bytes()
                            && public.public_exponent.as_bytes() == &*key.e_bytes()
                    })
            }
            Self::P256(key) => p256::PublicKey::from_sec1_bytes(public)
                .is_ok_and(|p| p == key.verifying_key().into()),
            Self::P384(key) => p384::PublicKey::from_sec1_bytes(public)
                .is_ok_and(|p| p == key.verifying_key().into()),
        }
    }

    /// Signs the SHA-256 of `message`: PKCS#1 v1.5 with its DigestInfo, or ECDSA as r and s of field length.
    pub(super) fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Unusable> {
        match self {
            Self::Rsa(key) => key.pkcs1v15_sign::<Sha256>(message).map_err(|_| Unusable),
            Self::P256(key) => p256_signature(key, &Sha256::digest(message)).map(|s| s.to_vec()),
            Self::P384(key) => p384_signature(key, &Sha256::digest(message)).map(|s| s.to_vec()),
        }
    }

    /// PSO: COMPUTE DIGITAL SIGNATURE. RSA pads whatever it is given; EC takes a digest of 32 or 48 bytes and answers a
    /// DER ECDSA-Sig-Value.
    pub(super) fn sign_as_given(&self, data: &[u8]) -> Result<Vec<u8>, Unusable> {
        let is_digest = matches!(data.len(), 32 | 48);
        match self {
            Self::Rsa(key) if (1..=RSA_LARGEST_INPUT).contains(&data.len()) => key
                .sign(Pkcs1v15Sign::new_unprefixed(), data)
                .map_err(|_| Unusable),
            Self::P256(key) if is_digest => {
                p256_signature(key, data).map(|s| s.to_der().as_bytes().to_vec())
            }
            Self::P384(key) if is_digest => {
                p384_signature(key, data).map(|s| s.to_der().as_bytes().to_vec())
            }
            _ => Err(Unusable),
        }
    }
}

fn p256_signature(key: &P256SigningKey, digest: &[u8]) -> Result<P256Signature, Unusable> {
    key.sign_prehash(digest).map_err(|_| Unusable)
}

fn p384_signature(key: &P384SigningKey, digest: &[u8]) -> Result<P384Signature, Unusable> {
    key.sign_prehash(digest).map_err(|_| Unusable)
}

impl core::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("PrivateKey")
            .field(&self.algorithm())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: &[u8] = include_bytes!("../../../tests/card/credentials/rsa.p");
    const Q: &[u8] = include_bytes!("../../../tests/card/credentials/rsa.q");
    const RSA: &[u8] = include_bytes!("../../../tests/card/credentials/rsa.der");
    const P256: &[u8] = include_bytes!("../../../tests/card/credentials/p256.der");

    #[test]
    fn knows_its_certificate() {
        let rsa = PrivateKey::from_primes(P, Q).unwrap();
        let swapped = PrivateKey::from_primes(Q, P).unwrap();
        assert!(rsa.is_certified_by(RSA) && swapped.is_certified_by(RSA));
        assert!(!rsa.is_certified_by(P256));
        assert!(!rsa.is_certified_by(&RSA[1..]));
        let scalar = include_bytes!("../../../tests/card/credentials/p256.scalar");
        let ec = PrivateKey::from_scalar(Algorithm::P256, scalar).unwrap();
        assert!(ec.is_certified_by(P256));
        assert!(!ec.is_certified_by(RSA));
    }

    #[test]
    fn gives_its_parts_as_they_came() {
        let rsa = PrivateKey::from_primes(P, Q).unwrap();
        let parts = rsa.danger_parts();
        assert_eq!((parts[0].as_slice(), parts[1].as_slice()), (P, Q));
        assert_eq!(rsa.danger_exponents().len(), 2);
    }

    #[test]
    fn refuses_numbers_that_are_no_primes_of_a_key() {
        let one = {
            let mut one = [0; RSA_PRIME_BYTES];
            one[RSA_PRIME_BYTES - 1] = 1;
            one
        };
        for (p, q) in [
            (P, P),
            (&one[..], Q),
            (P, &[0; RSA_PRIME_BYTES][..]),
            (&P[1..], Q),
            (P, &[]),
        ] {
            assert_eq!(PrivateKey::from_primes(p, q).unwrap_err(), Unusable);
        }
        assert!(PrivateKey::from_scalar(Algorithm::P256, &[0; 32]).is_err());
        assert!(PrivateKey::from_scalar(Algorithm::P384, &[0xFF; 48]).is_err());
        assert!(PrivateKey::from_scalar(Algorithm::Rsa2048, &[1; 32]).is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        let key = PrivateKey::from_scalar(Algorithm::P256, &[0x11; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(P256)");
    }
}
