//! The server's copy of a private key: sealed under a slot of its own until the card has proved that
//! it holds the key, then gone everywhere (architecture.md, section 6).

use zeroize::Zeroizing;

use crate::jpki::credential::{Credential, KeyAlgorithm, SealedPrivateKey};
use crate::ports::{
    KeyVault, PrivateKeyParts, SealContext, Store, StoreError, VaultError, Versioned,
};
use crate::record::{Stored, Table};

/// Length of an RSA-2048 prime in bytes.
const PRIME: usize = 128;

impl KeyAlgorithm {
    /// Length in bytes of a signature: PKCS#1 v1.5 for RSA, `r ‖ s` for ECDSA.
    #[must_use]
    pub const fn signature_length(self) -> usize {
        match self {
            Self::Rsa2048 => 256,
            Self::P256 => 64,
            Self::P384 => 96,
        }
    }
}

/// Seals a private key under a new slot. When the record is not stored after
/// all, the caller gives the slot back with [`KeyVault::destroy_slot`].
///
/// # Errors
/// [`VaultError`].
pub(crate) fn seal(
    vault: &dyn KeyVault,
    credential: &str,
    parts: &PrivateKeyParts,
) -> Result<SealedPrivateKey, VaultError> {
    let plain = encode(parts);
    let slot = vault.new_slot()?;
    match vault.seal_in_slot(slot, &context(credential), &plain) {
        Ok(ciphertext) => Ok(SealedPrivateKey { slot, ciphertext }),
        Err(error) => {
            vault.destroy_slot(slot)?;
            Err(error)
        }
    }
}

/// Opens the private key of a credential.
///
/// # Errors
/// [`VaultError`] when it was destroyed, or is not what [`seal`] made.
pub(crate) fn open(
    vault: &dyn KeyVault,
    credential: &Credential,
    sealed: &SealedPrivateKey,
) -> Result<PrivateKeyParts, VaultError> {
    let plain = vault.unseal_in_slot(sealed.slot, &context(&credential.id), &sealed.ciphertext)?;
    decode(credential.algorithm, &plain).ok_or(VaultError::Unseal)
}

/// Why a private key could not be destroyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DestroyError {
    #[error("the private key could not be looked up")]
    Store(#[from] StoreError),
    #[error("the private key could not be destroyed")]
    Vault(#[from] VaultError),
}

/// Destroys the key of a credential's slot, if it has one. Returns the record,
/// which is worthless now and still has to be removed.
///
/// # Errors
/// [`DestroyError`].
pub(crate) async fn destroy(
    store: &dyn Store,
    vault: &dyn KeyVault,
    credential: &str,
) -> Result<Option<Versioned<SealedPrivateKey>>, DestroyError> {
    let Some(found) = store.load::<SealedPrivateKey>(credential).await? else {
        return Ok(None);
    };
    vault.destroy_slot(found.value.slot)?;
    Ok(Some(found))
}

fn context(credential: &str) -> SealContext {
    const TABLE: Table = SealedPrivateKey::TABLE;
    SealContext {
        table: TABLE.name(),
        row: credential.to_owned(),
        column: "ciphertext",
    }
}

fn encode(parts: &PrivateKeyParts) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match parts {
        PrivateKeyParts::Rsa { p, q } => [p.as_slice(), q].concat(),
        PrivateKeyParts::Ec { scalar } => scalar.clone(),
    })
}

fn decode(algorithm: KeyAlgorithm, plain: &[u8]) -> Option<PrivateKeyParts> {
    let scalar = |length| {
        (plain.len() == length).then(|| PrivateKeyParts::Ec {
            scalar: plain.to_vec(),
        })
    };
    match algorithm {
        KeyAlgorithm::Rsa2048 => {
            let (p, q) = plain.split_at_checked(PRIME)?;
            (q.len() == PRIME).then(|| PrivateKeyParts::Rsa {
                p: p.to_vec(),
                q: q.to_vec(),
            })
        }
        KeyAlgorithm::P256 => scalar(32),
        KeyAlgorithm::P384 => scalar(48),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_every_kind_of_key() {
        let rsa = PrivateKeyParts::Rsa {
            p: vec![1; PRIME],
            q: vec![2; PRIME],
        };
        assert_eq!(decode(KeyAlgorithm::Rsa2048, &encode(&rsa)), Some(rsa));
        for (algorithm, length) in [(KeyAlgorithm::P256, 32), (KeyAlgorithm::P384, 48)] {
            let ec = PrivateKeyParts::Ec {
                scalar: vec![7; length],
            };
            assert_eq!(decode(algorithm, &encode(&ec)), Some(ec));
        }
    }

    #[test]
    fn refuses_keys_of_a_wrong_length() {
        for length in [0, 31, 33, 47, 128, 255, 257] {
            for algorithm in [
                KeyAlgorithm::Rsa2048,
                KeyAlgorithm::P256,
                KeyAlgorithm::P384,
            ] {
                assert_eq!(decode(algorithm, &vec![0; length]), None);
            }
        }
    }
}
