//! Signatures of messages and certificates: which algorithms are taken, and the
//! check itself (RFC 3370, RFC 4056, RFC 5754, RFC 5758).
//!
//! Taken are SHA-256, SHA-384 and SHA-512 with RSA of 2048 bits or more (PKCS#1
//! v1.5, or PSS with a salt as long as the hash or as long as it can be, the two
//! that programs write) and with ECDSA on P-256 and P-384.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPssSaltLength,
    UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::ObjectIdentifier;
use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, Sequence, SliceReader};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_cert::Certificate;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Why a signature is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A hash, key or signature algorithm that is too weak or unknown.
    #[error("{0}")]
    Algorithm(&'static str),
    /// It was not made by this key over this message.
    #[error("the signature does not fit")]
    Invalid,
}

/// Hashes that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Hash, its identifier, and the identifiers of RSA and ECDSA with it.
const HASHES: [(Hash, &str, &str, &str); 3] = [
    (
        Hash::Sha256,
        "2.16.840.1.101.3.4.2.1",
        "1.2.840.113549.1.1.11",
        "1.2.840.10045.4.3.2",
    ),
    (
        Hash::Sha384,
        "2.16.840.1.101.3.4.2.2",
        "1.2.840.113549.1.1.12",
        "1.2.840.10045.4.3.3",
    ),
    (
        Hash::Sha512,
        "2.16.840.1.101.3.4.2.3",
        "1.2.840.113549.1.1.13",
        "1.2.840.10045.4.3.4",
    ),
];

impl Hash {
    /// The hash named by a `digestAlgorithm`.
    ///
    /// # Errors
    /// [`SignatureError::Algorithm`] for any other hash.
    pub fn named(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, SignatureError> {
        let found = HASHES.iter().find(|(_, hash, ..)| is(algorithm.oid, hash));
        match found {
            Some((hash, ..)) if absent_or_null(algorithm) => Ok(*hash),
            _ => Err(SignatureError::Algorithm(
                "the hash must be SHA-256, SHA-384 or SHA-512",
            )),
        }
    }

    /// The hash of `message`.
    #[must_use]
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    const fn length(self) -> u16 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

fn is(oid: ObjectIdentifier, text: &str) -> bool {
    ObjectIdentifier::new(text).is_ok_and(|wanted| wanted == oid)
}

fn absent_or_null(algorithm: &AlgorithmIdentifierRef<'_>) -> bool {
    algorithm
        .parameters
        .is_none_or(|parameters| parameters.is_null() && parameters.value().is_empty())
}

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSA, PKCS#1 v1.5.
    Pkcs1(Hash),
    /// RSA-PSS with the longest salt instead of one as long as the hash.
    Pss {
        /// Its hash, also of the mask.
        hash: Hash,
        /// The salt is as long as the key allows.
        longest_salt: bool,
    },
    /// ECDSA, DER-encoded.
    Ecdsa(Hash),
}

impl Scheme {
    /// The scheme of a message's `signatureAlgorithm`, which must use `hash`.
    ///
    /// # Errors
    /// [`SignatureError::Algorithm`] for any other scheme or hash.
    pub fn of_message(
        algorithm: &AlgorithmIdentifierRef<'_>,
        hash: Hash,
    ) -> Result<Self, SignatureError> {
        if algorithm.oid == RSA && absent_or_null(algorithm) {
            return Ok(Self::Pkcs1(hash));
        }
        let scheme = Self::of_certificate(algorithm)?;
        if scheme.hash() != hash {
            return Err(SignatureError::Algorithm(
                "the signature uses another hash than the message",
            ));
        }
        Ok(scheme)
    }

    /// The scheme of a certificate's `signatureAlgorithm`.
    ///
    /// # Errors
    /// [`SignatureError::Algorithm`] for any scheme that is not taken.
    pub fn of_certificate(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, SignatureError> {
        if algorithm.oid == RSA_PSS {
            return Self::pss(algorithm);
        }
        for (hash, _, rsa, ecdsa) in HASHES {
            if is(algorithm.oid, rsa) && absent_or_null(algorithm) {
                return Ok(Self::Pkcs1(hash));
            }
            if is(algorithm.oid, ecdsa) && algorithm.parameters.is_none() {
                return Ok(Self::Ecdsa(hash));
            }
        }
        Err(SignatureError::Algorithm(
            "the signature must be RSA or ECDSA with SHA-256, SHA-384 or SHA-512",
        ))
    }

    fn pss(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, SignatureError> {
        const WRONG: SignatureError =
            SignatureError::Algorithm("these parameters of RSA-PSS are not taken");
        let parameters = algorithm.parameters.ok_or(WRONG)?;
        let parameters: PssParameters<'_> = parameters.decode_as().map_err(|_| WRONG)?;
        // Absent members mean SHA-1, which is not taken.
        let hash = Hash::named(&parameters.hash.ok_or(WRONG)?)?;
        let mask = parameters.mask.ok_or(WRONG)?;
        let mask_hash = mask
            .parameters
            .and_then(|value| value.decode_as().ok())
            .ok_or(WRONG)?;
        let trailer = parameters.trailer.unwrap_or(1);
        if mask.oid != MGF1 || Hash::named(&mask_hash)? != hash || trailer != 1 {
            return Err(WRONG);
        }
        let longest_salt = parameters.salt.unwrap_or(20) != hash.length();
        Ok(Self::Pss { hash, longest_salt })
    }

    const fn hash(self) -> Hash {
        match self {
            Self::Pkcs1(hash) | Self::Ecdsa(hash) | Self::Pss { hash, .. } => hash,
        }
    }

    fn rsa(self) -> Option<&'static dyn VerificationAlgorithm> {
        const fn longest(parameters: RsaParameters) -> RsaParameters {
            parameters.with_pss_salt_length(RsaPssSaltLength::Max)
        }
        Some(match self {
            Self::Pkcs1(Hash::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
            Self::Pkcs1(Hash::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
            Self::Pkcs1(Hash::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
            Self::Pss {
                hash: Hash::Sha256,
                longest_salt: false,
            } => &RSA_PSS_2048_8192_SHA256,
            Self::Pss {
                hash: Hash::Sha384,
                longest_salt: false,
            } => &RSA_PSS_2048_8192_SHA384,
            Self::Pss {
                hash: Hash::Sha512,
                longest_salt: false,
            } => &RSA_PSS_2048_8192_SHA512,
            Self::Pss {
                hash: Hash::Sha256,
                longest_salt: true,
            } => &const { longest(RSA_PSS_2048_8192_SHA256) },
            Self::Pss {
                hash: Hash::Sha384,
                longest_salt: true,
            } => &const { longest(RSA_PSS_2048_8192_SHA384) },
            Self::Pss {
                hash: Hash::Sha512,
                longest_salt: true,
            } => &const { longest(RSA_PSS_2048_8192_SHA512) },
            Self::Ecdsa(_) => return None,
        })
    }

    fn ecdsa(self, curve: ObjectIdentifier) -> Option<&'static dyn VerificationAlgorithm> {
        let Self::Ecdsa(hash) = self else {
            return None;
        };
        Some(match (curve, hash) {
            (P256, Hash::Sha256) => &ECDSA_P256_SHA256_ASN1,
            (P256, Hash::Sha384) => &ECDSA_P256_SHA384_ASN1,
            (P256, Hash::Sha512) => &ECDSA_P256_SHA512_ASN1,
            (P384, Hash::Sha256) => &ECDSA_P384_SHA256_ASN1,
            (P384, Hash::Sha384) => &ECDSA_P384_SHA384_ASN1,
            (P384, Hash::Sha512) => &ECDSA_P384_SHA512_ASN1,
            _ => return None,
        })
    }
}

/// `RSASSA-PSS-params` (RFC 4055, section 3.1).
#[derive(Sequence)]
struct PssParameters<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

/// A public key that may verify.
pub struct PublicKey<'a> {
    kind: KeyKind,
    /// `RSAPublicKey`, or an uncompressed point.
    bytes: &'a [u8],
}

enum KeyKind {
    Rsa { pss_only: bool },
    Ec { curve: ObjectIdentifier },
}

impl<'a> PublicKey<'a> {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`SignatureError::Algorithm`] for RSA below 2048 bits and other kinds of keys.
    pub fn parse(info: &'a [u8]) -> Result<Self, SignatureError> {
        const OTHER: SignatureError =
            SignatureError::Algorithm("the key must be RSA, P-256 or P-384");
        let info = SubjectPublicKeyInfoRef::<'a>::from_der(info).map_err(|_| OTHER)?;
        let bytes = info.subject_public_key.as_bytes().ok_or(OTHER)?;
        let kind = match info.algorithm.oid {
            RSA | RSA_PSS => {
                let bits = RsaParameters::public_modulus_len(bytes).map_err(|_| OTHER)?;
                if !(2048..=8192).contains(&bits) {
                    return Err(SignatureError::Algorithm(
                        "an RSA key must have 2048 to 8192 bits",
                    ));
                }
                KeyKind::Rsa {
                    pss_only: info.algorithm.oid == RSA_PSS,
                }
            }
            EC => {
                let curve = info.algorithm.parameters.ok_or(OTHER)?;
                let curve: ObjectIdentifier = AnyRef::decode_as(curve).map_err(|_| OTHER)?;
                if curve != P256 && curve != P384 {
                    return Err(OTHER);
                }
                KeyKind::Ec { curve }
            }
            _ => return Err(OTHER),
        };
        Ok(Self { kind, bytes })
    }

    /// Checks `signature` over `message`.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`] when it does not fit.
    pub fn verify(
        &self,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let algorithm = match self.kind {
            KeyKind::Rsa { pss_only: true } if matches!(scheme, Scheme::Pkcs1(_)) => None,
            KeyKind::Rsa { .. } => scheme.rsa(),
            KeyKind::Ec { curve } => scheme.ecdsa(curve),
        };
        UnparsedPublicKey::new(algorithm.ok_or(SignatureError::Invalid)?, self.bytes)
            .verify(message, signature)
            .map_err(|_| SignatureError::Invalid)
    }
}

/// Whether `certificate`, whose DER is `der`, names `issuer` and was signed by
/// its key. Dates and extensions are not looked at.
#[must_use]
pub fn is_certified_by(der: &[u8], certificate: &Certificate, issuer: &Certificate) -> bool {
    let issuer = issuer.tbs_certificate();
    certificate.tbs_certificate().issuer() == issuer.subject()
        && issuer
            .subject_public_key_info()
            .to_der()
            .is_ok_and(|info| verify_certificate(der, certificate, &info).is_some())
}

fn verify_certificate(der: &[u8], certificate: &Certificate, issuer_key: &[u8]) -> Option<()> {
    let outer = certificate.signature_algorithm();
    if outer != certificate.tbs_certificate().signature() {
        return None;
    }
    let algorithm = outer.to_der().ok()?;
    let scheme =
        Scheme::of_certificate(&AlgorithmIdentifierRef::from_der(&algorithm).ok()?).ok()?;
    let signature = certificate.signature().as_bytes()?;
    let key = PublicKey::parse(issuer_key).ok()?;
    key.verify(scheme, signed_bytes(der).ok()?, signature).ok()
}

/// The signed part of a certificate, as it came.
fn signed_bytes(der: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|certificate| {
        let signed = certificate.tlv_bytes()?;
        certificate.tlv_bytes()?;
        certificate.tlv_bytes()?;
        Ok(signed)
    })
}
