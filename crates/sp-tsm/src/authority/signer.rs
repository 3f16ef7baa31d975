//! The authority's key behind the traits that the certificate builder asks for.
//!
//! ECDSA signs with the hash of its curve's size, RSA with PKCS#1 v1.5 and
//! SHA-256 (RFC 4055, RFC 5758).

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256,
};
use const_oid::ObjectIdentifier;
use der::asn1::BitString;
use der::{Any, Document};
use signature::{Error, Keypair, Signer};
use spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding,
};

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// Private key of the authority. aws-lc-rs wipes it when it is dropped.
pub struct AuthorityKey {
    pair: Pair,
    public: PublicKeyInfo,
}

enum Pair {
    Ecdsa {
        pair: EcdsaKeyPair,
        algorithm: ObjectIdentifier,
    },
    Rsa(Box<rsa::KeyPair>),
}

/// DER of a `SubjectPublicKeyInfo`.
#[derive(Clone)]
pub struct PublicKeyInfo(Vec<u8>);

/// A signature as it stands in a certificate.
pub struct CertificateSignature(Vec<u8>);

impl AuthorityKey {
    /// Reads PKCS#8; `None` when it is no key that is taken.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        let curves = [
            (&ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_WITH_SHA256),
            (&ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_WITH_SHA384),
        ];
        for (curve, algorithm) in curves {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(curve, pkcs8) {
                let public = PublicKeyInfo(pair.public_key().as_der().ok()?.as_ref().to_vec());
                return Some(Self {
                    pair: Pair::Ecdsa { pair, algorithm },
                    public,
                });
            }
        }
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).ok()?;
        let public = PublicKeyInfo(pair.public_key().as_der().ok()?.as_ref().to_vec());
        Some(Self {
            pair: Pair::Rsa(Box::new(pair)),
            public,
        })
    }

    /// DER of its public key.
    pub fn public_key_info(&self) -> &[u8] {
        &self.public.0
    }
}

impl Signer<CertificateSignature> for AuthorityKey {
    fn try_sign(&self, message: &[u8]) -> Result<CertificateSignature, Error> {
        let random = SystemRandom::new();
        let bytes = match &self.pair {
            Pair::Ecdsa { pair, .. } => pair
                .sign(&random, message)
                .map_err(|_| Error::new())?
                .as_ref()
                .to_vec(),
            Pair::Rsa(pair) => {
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut bytes)
                    .map_err(|_| Error::new())?;
                bytes
            }
        };
        Ok(CertificateSignature(bytes))
    }
}

impl Keypair for AuthorityKey {
    type VerifyingKey = PublicKeyInfo;

    fn verifying_key(&self) -> PublicKeyInfo {
        self.public.clone()
    }
}

impl EncodePublicKey for PublicKeyInfo {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl DynSignatureAlgorithmIdentifier for AuthorityKey {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(match &self.pair {
            Pair::Ecdsa { algorithm, .. } => AlgorithmIdentifierOwned {
                oid: *algorithm,
                parameters: None,
            },
            Pair::Rsa(_) => AlgorithmIdentifierOwned {
                oid: SHA256_WITH_RSA,
                parameters: Some(Any::null()),
            },
        })
    }
}

impl SignatureBitStringEncoding for CertificateSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}
