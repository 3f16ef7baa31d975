//! Keys and certificates for tests (see `credentials/README.md`), and the data groups that bring them.

use globalplatform::commands::store_data::Dgi;

pub const RSA_P: &[u8] = include_bytes!("credentials/rsa.p");
pub const RSA_Q: &[u8] = include_bytes!("credentials/rsa.q");
pub const RSA_CERTIFICATE: &[u8] = include_bytes!("credentials/rsa.der");
pub const P256_SCALAR: &[u8] = include_bytes!("credentials/p256.scalar");
pub const P256_CERTIFICATE: &[u8] = include_bytes!("credentials/p256.der");
pub const P384_SCALAR: &[u8] = include_bytes!("credentials/p384.scalar");
pub const P384_CERTIFICATE: &[u8] = include_bytes!("credentials/p384.der");

/// What kind of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rsa,
    P256,
    P384,
}

impl Kind {
    pub const fn algorithm(self) -> u8 {
        match self {
            Self::Rsa => 1,
            Self::P256 => 2,
            Self::P384 => 3,
        }
    }

    pub const fn certificate(self) -> &'static [u8] {
        match self {
            Self::Rsa => RSA_CERTIFICATE,
            Self::P256 => P256_CERTIFICATE,
            Self::P384 => P384_CERTIFICATE,
        }
    }

    pub fn key_groups(self) -> Vec<Dgi> {
        match self {
            Self::Rsa => vec![Dgi::new(0x8121, RSA_P), Dgi::new(0x8122, RSA_Q)],
            Self::P256 => vec![Dgi::new(0x8137, P256_SCALAR)],
            Self::P384 => vec![Dgi::new(0x8137, P384_SCALAR)],
        }
    }
}

/// Encodes groups one after the other.
pub fn payload(groups: &[Dgi]) -> Vec<u8> {
    groups
        .iter()
        .flat_map(|group| group.encode().unwrap())
        .collect()
}

/// The groups of the signature credential are those of the authentication credential and this.
pub const FOR_SIGNATURES: u16 = 0x0010;

/// Everything that the pending slot of the signature credential needs.
pub fn signature_credential(kind: Kind, id: [u8; 16], pin: &str) -> Vec<u8> {
    let mut start = id.to_vec();
    start.push(kind.algorithm());
    let mut groups = vec![Dgi::new(0x9F01, start)];
    groups.extend(kind.key_groups());
    groups.push(Dgi::new(0x9F02, kind.certificate()));
    groups.push(Dgi::new(0x9F03, pin.as_bytes()));
    for group in &mut groups {
        group.tag += FOR_SIGNATURES;
    }
    payload(&groups)
}

/// Everything that a pending slot needs.
pub fn credential(kind: Kind, id: [u8; 16], pin: &str) -> Vec<u8> {
    let mut start = id.to_vec();
    start.push(kind.algorithm());
    let mut groups = vec![Dgi::new(0x9F01, start)];
    groups.extend(kind.key_groups());
    groups.push(Dgi::new(0x9F02, kind.certificate()));
    groups.push(Dgi::new(0x9F03, pin.as_bytes()));
    payload(&groups)
}

/// The public key in a credential's certificate verifies a signature over the SHA-256 of the message.
pub fn verify(kind: Kind, message: &[u8], signature: &[u8], der: bool) -> bool {
    use p256::ecdsa::signature::hazmat::PrehashVerifier;
    use sha2::{Digest, Sha256};
    use x509_cert::der::Decode;
    let certificate = x509_cert::Certificate::from_der(kind.certificate()).unwrap();
    let info = certificate.tbs_certificate().subject_public_key_info();
    let public = info.subject_public_key.as_bytes().unwrap();
    let digest = Sha256::digest(message);
    match kind {
        Kind::Rsa => {
            use rsa::pkcs1::DecodeRsaPublicKey;
            let key = rsa::PublicKey::from_pkcs1_der(public).unwrap();
            key.pkcs1v15_verify::<Sha256>(message, signature).is_ok()
        }
        Kind::P256 => {
            use p256::ecdsa::{Signature, VerifyingKey};
            let signature = if der {
                Signature::from_der(signature)
            } else {
                Signature::from_slice(signature)
            };
            let key = VerifyingKey::from_sec1_bytes(public).unwrap();
            key.verify_prehash(&digest, &signature.unwrap()).is_ok()
        }
        Kind::P384 => {
            use p384::ecdsa::{Signature, VerifyingKey};
            let signature = if der {
                Signature::from_der(signature)
            } else {
                Signature::from_slice(signature)
            };
            let key = VerifyingKey::from_sec1_bytes(public).unwrap();
            key.verify_prehash(&digest, &signature.unwrap()).is_ok()
        }
    }
}
