//! Vault, authority and key pairs without real cryptography; the card uses the same make-believe.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use scp03::keys::StaticKeys;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::jpki::credential::KeyAlgorithm;
use crate::ports::{
    AuthorityError, CertificateAuthority, CertificateRequest, KeyPair, KeyPairError, KeyPairs,
    KeyVault, PrivateKeyParts, SealContext, SlotId, VaultError,
};

/// Slots are never used twice, as in the real one.
#[derive(Default)]
pub(crate) struct Vault {
    slots: Mutex<Vec<bool>>,
}

impl Vault {
    /// Slots that hold a key.
    pub(crate) fn filled(&self) -> usize {
        self.slots
            .lock()
            .unwrap()
            .iter()
            .filter(|filled| **filled)
            .count()
    }

    fn has(&self, slot: SlotId) -> Result<(), VaultError> {
        let slots = self.slots.lock().unwrap();
        match slots.get(slot.0 as usize) {
            Some(true) => Ok(()),
            _ => Err(VaultError::EmptySlot),
        }
    }
}

fn close(context: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = Sha256::digest(context).to_vec();
    sealed.extend(plaintext.iter().map(|byte| byte ^ 0x5A));
    sealed
}

fn open(context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (head, body) = sealed.split_at_checked(32).ok_or(VaultError::Unseal)?;
    if head != Sha256::digest(context).as_slice() {
        return Err(VaultError::Unseal);
    }
    Ok(Zeroizing::new(
        body.iter().map(|byte| byte ^ 0x5A).collect(),
    ))
}

fn place(context: &SealContext) -> Vec<u8> {
    format!("{context:?}").into_bytes()
}

impl KeyVault for Vault {
    fn issuer_keys(&self, _: &str, _: &[u8; 10]) -> Result<StaticKeys, VaultError> {
        Err(VaultError::NoKey(
            "the provider has no issuer keys".to_owned(),
        ))
    }

    fn unwrap_keys(
        &self,
        _: &str,
        transport: &str,
        _: &[Vec<u8>],
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, VaultError> {
        Err(VaultError::NoKey(transport.to_owned()))
    }

    fn domain_keys(&self, iccid: &str, generation: u32) -> Result<StaticKeys, VaultError> {
        let key = |name: &str| Sha256::digest(format!("{iccid} {generation} {name}"));
        StaticKeys::from_bytes(&key("enc")[..16], &key("mac")[..16], &key("dek")[..16])
            .map_err(|_| VaultError::Unseal)
    }

    fn seal(&self, context: &SealContext, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        Ok(close(&place(context), plaintext))
    }

    fn unseal(
        &self,
        context: &SealContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        open(&place(context), sealed)
    }

    fn new_slot(&self) -> Result<SlotId, VaultError> {
        let mut slots = self.slots.lock().unwrap();
        slots.push(true);
        Ok(SlotId(slots.len() as u64 - 1))
    }

    fn seal_in_slot(
        &self,
        slot: SlotId,
        context: &SealContext,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        self.has(slot)?;
        self.seal(context, plaintext)
    }

    fn unseal_in_slot(
        &self,
        slot: SlotId,
        context: &SealContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.has(slot)?;
        self.unseal(context, sealed)
    }

    fn destroy_slot(&self, slot: SlotId) -> Result<(), VaultError> {
        if let Some(filled) = self.slots.lock().unwrap().get_mut(slot.0 as usize) {
            *filled = false;
        }
        Ok(())
    }

    fn hpke_seal(
        &self,
        public_key: &[u8],
        info: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
        Ok((public_key.to_vec(), close(info, plaintext)))
    }

    fn hpke_open(
        &self,
        info: &[u8],
        _: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        open(info, ciphertext)
    }

    fn hpke_public_key(&self) -> Result<Vec<u8>, VaultError> {
        Ok(vec![4; 65])
    }

    /// Whoever knows the message can make it: good enough to see what was signed.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        Ok(Sha256::digest([b"signed ", message].concat()).to_vec())
    }

    fn signing_public_key(&self) -> Result<Vec<u8>, VaultError> {
        Ok(vec![4; 65])
    }

    fn pseudonym(&self, identifier: &str) -> Result<String, VaultError> {
        Ok(identifier.to_owned())
    }
}

/// Remembers what it signed.
#[derive(Default)]
pub(crate) struct Authority {
    pub(crate) signed: Mutex<Vec<CertificateRequest>>,
}

#[async_trait]
impl CertificateAuthority for Authority {
    async fn issue(&self, request: &CertificateRequest) -> Result<Vec<u8>, AuthorityError> {
        self.signed.lock().unwrap().push(request.clone());
        let mut certificate = vec![0x30; 700];
        certificate.extend([request.serial.as_slice(), &request.public_key].concat());
        Ok(certificate)
    }

    fn issuer_certificate(&self) -> Vec<u8> {
        vec![0x30]
    }
}

/// Hands out key pairs; a "signature" is a hash of the private key and the message.
#[derive(Default)]
pub(crate) struct Pairs {
    made: Mutex<BTreeMap<Vec<u8>, PrivateKeyParts>>,
}

impl Pairs {
    /// All private keys that were handed out.
    pub(crate) fn private_keys(&self) -> Vec<Vec<u8>> {
        self.made.lock().unwrap().values().map(secret).collect()
    }
}

fn secret(parts: &PrivateKeyParts) -> Vec<u8> {
    match parts {
        PrivateKeyParts::Rsa { p, q } => [p.as_slice(), q].concat(),
        PrivateKeyParts::Ec { scalar } => scalar.clone(),
    }
}

/// What the card answers when this key signs.
pub(super) fn sign(length: usize, private_key: &[u8], message: &[u8]) -> Vec<u8> {
    let hash = Sha256::digest([private_key, message].concat());
    hash.iter().copied().cycle().take(length).collect()
}

#[async_trait]
impl KeyPairs for Pairs {
    async fn take(&self, algorithm: KeyAlgorithm) -> Result<KeyPair, KeyPairError> {
        let mut made = self.made.lock().unwrap();
        let bytes = |tag: &str, length: usize| -> Vec<u8> {
            let seed = Sha256::digest(format!("{tag} {}", made.len()));
            seed.iter().copied().cycle().take(length).collect()
        };
        let private = match algorithm {
            KeyAlgorithm::Rsa2048 => PrivateKeyParts::Rsa {
                p: bytes("p", 128),
                q: bytes("q", 128),
            },
            KeyAlgorithm::P256 => PrivateKeyParts::Ec {
                scalar: bytes("d", 32),
            },
            KeyAlgorithm::P384 => PrivateKeyParts::Ec {
                scalar: bytes("d", 48),
            },
        };
        let public_key = Sha256::digest(secret(&private)).to_vec();
        made.insert(public_key.clone(), private.clone());
        Ok(KeyPair {
            algorithm,
            private,
            public_key,
        })
    }

    fn verify(
        &self,
        algorithm: KeyAlgorithm,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let made = self.made.lock().unwrap();
        let private = made.get(public_key);
        let length = algorithm.signature_length();
        private.is_some_and(|private| sign(length, &secret(private), message) == signature)
    }
}
