//! Making one key pair with aws-lc-rs and taking its parts out, as the card
//! takes them.

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};
use pkcs1::RsaPrivateKey;
use pkcs8::PrivateKeyInfoRef;
use tsm_core::jpki::credential::KeyAlgorithm;
use tsm_core::ports::{KeyPair, KeyPairError, PrivateKeyParts};

/// Bytes of a prime of RSA-2048.
const PRIME_BYTES: usize = 128;

/// A fresh RSA-2048 key pair with exponent 65537.
pub fn rsa_2048() -> Result<KeyPair, KeyPairError> {
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let private = primes(pkcs8.as_ref()).ok_or_else(unreadable)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    Ok(KeyPair {
        algorithm: KeyAlgorithm::Rsa2048,
        private,
        public_key: public.as_ref().to_vec(),
    })
}

/// A fresh key pair on P-256 or P-384.
pub fn ec(algorithm: KeyAlgorithm) -> Result<KeyPair, KeyPairError> {
    let curve = match algorithm {
        KeyAlgorithm::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
    };
    let pair = EcdsaKeyPair::generate(curve).map_err(failed)?;
    let scalar: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().map_err(failed)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    if Some(scalar.as_ref().len()) != field_bytes(algorithm) {
        return Err(unreadable());
    }
    Ok(KeyPair {
        algorithm,
        private: PrivateKeyParts::Ec {
            scalar: scalar.as_ref().to_vec(),
        },
        public_key: public.as_ref().to_vec(),
    })
}

/// Bytes of a coordinate, for algorithms on curves.
pub fn field_bytes(algorithm: KeyAlgorithm) -> Option<usize> {
    match algorithm {
        KeyAlgorithm::P256 => Some(32),
        KeyAlgorithm::P384 => Some(48),
        _ => None,
    }
}

/// `ECDSA-Sig-Value` (RFC 3279, section 2.2.3) of a raw `r ‖ s`.
pub fn ecdsa_der(raw: &[u8], field_bytes: usize) -> Option<Vec<u8>> {
    #[derive(Sequence)]
    struct SigValue<'a> {
        r: UintRef<'a>,
        s: UintRef<'a>,
    }
    if raw.len() != 2 * field_bytes {
        return None;
    }
    let (r, s) = raw.split_at(field_bytes);
    let value = SigValue {
        r: UintRef::new(r).ok()?,
        s: UintRef::new(s).ok()?,
    };
    value.to_der().ok()
}

fn primes(pkcs8: &[u8]) -> Option<PrivateKeyParts> {
    let info = PrivateKeyInfoRef::from_der(pkcs8).ok()?;
    let key = RsaPrivateKey::<UintRef<'_>>::from_der(info.private_key.as_bytes()).ok()?;
    if key.public_exponent.as_bytes() != [1, 0, 1] {
        return None;
    }
    let padded = |prime: &UintRef<'_>| {
        let missing = PRIME_BYTES.checked_sub(prime.as_bytes().len())?;
        let mut bytes = Vec::with_capacity(PRIME_BYTES);
        bytes.resize(missing, 0);
        bytes.extend_from_slice(prime.as_bytes());
        Some(bytes)
    };
    Some(PrivateKeyParts::Rsa {
        p: padded(&key.prime1)?,
        q: padded(&key.prime2)?,
    })
}

fn failed(_: Unspecified) -> KeyPairError {
    KeyPairError("the generator failed".into())
}

fn unreadable() -> KeyPairError {
    KeyPairError("the generated key can not be taken apart".into())
}
