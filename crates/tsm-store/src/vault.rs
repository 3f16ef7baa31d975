//! The `KeyVault` port in a directory of sealed files.
//!
//! | File | Content |
//! |---|---|
//! | `root.key` | 32 random bytes; only its owner may read it |
//! | `<name>.sealed` | one key or secret, AES-SIV under a key of the root key |
//! | `slots` | random keys in slots that are overwritten in place |
//!
//! A backup must hold `root.key` and the sealed entries, apart from the
//! database; it must never hold `slots`, or destroyed keys come back.

mod entries;
mod hpke;
mod key_wrap;
mod root_file;
mod signing;
mod slots;
mod synced_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use scp03::keys::{MasterKey, StaticKeys};
use sha2::Sha256;
use tsm_core::ports::{Entropy, KeyVault, SealContext, SlotId, VaultError};
use zeroize::Zeroizing;

use crate::durable;
use crate::sealing::{self, Purpose, RootKey, SivKey};
use entries::{Entries, Entry};
use slots::Slots;

/// A vault whose keys lie in files, sealed under a root key.
pub struct EmbeddedVault {
    directory: PathBuf,
    entropy: Arc<dyn Entropy>,
    root: RootKey,
    records: SivKey,
    entries: Entries,
    slots: Slots,
}

impl core::fmt::Debug for EmbeddedVault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("EmbeddedVault")
            .field(&self.directory)
            .finish()
    }
}

/// Making, opening and filling.
impl EmbeddedVault {
    /// Makes a vault with a fresh root key and no other keys.
    ///
    /// # Errors
    /// [`VaultError::Storage`] when there is one already, or the files can't be written.
    pub fn create(directory: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        durable::create_directory(directory).map_err(|error| failed(directory, error))?;
        root_file::create(directory, entropy.as_ref())?;
        Self::open(directory, entropy)
    }

    /// Opens a vault. One that is being dropped is waited for, up to a few seconds.
    ///
    /// # Errors
    /// [`VaultError::Storage`] when there is none, when group or others may
    /// read its root key, or when it is open elsewhere.
    pub fn open(directory: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        let root = root_file::read(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            entropy,
            records: root.derive(Purpose::Records),
            entries: Entries::new(directory, root.derive(Purpose::VaultEntries)),
            slots: Slots::open(&directory.join("slots"))?,
            root,
        })
    }

    /// Keeps the master key of an issuer's cards: 16, 24 or 32 bytes. Importing
    /// the same key again is harmless.
    ///
    /// # Errors
    /// [`VaultError::Storage`] for another length, a bad name, or when another
    /// key has this name.
    pub fn import_master_key(&self, name: &str, key: &[u8]) -> Result<(), VaultError> {
        MasterKey::from_bytes(key).map_err(|error| VaultError::Storage(error.to_string()))?;
        self.entries
            .insert(self.entropy.as_ref(), &Entry::master(name), key)
    }

    /// Keeps the transport key that a card maker shares with an issuer: 16, 24 or 32 bytes.
    /// Importing the same key again is harmless.
    ///
    /// # Errors
    /// [`VaultError::Storage`] for another length, a bad name, or when another key of the issuer
    /// has this name.
    pub fn import_transport_key(
        &self,
        issuer: &str,
        name: &str,
        key: &[u8],
    ) -> Result<(), VaultError> {
        key_wrap::check(key)?;
        self.entries
            .insert(self.entropy.as_ref(), &Entry::transport(issuer, name), key)
    }

    /// As [`import_transport_key`](Self::import_transport_key), into a vault that a server may have
    /// open: it finds the key from then on.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn add_transport_key(
        directory: &Path,
        entropy: &dyn Entropy,
        issuer: &str,
        name: &str,
        key: &[u8],
    ) -> Result<(), VaultError> {
        key_wrap::check(key)?;
        let root = root_file::read(directory)?;
        Entries::new(directory, root.derive(Purpose::VaultEntries)).insert(
            entropy,
            &Entry::transport(issuer, name),
            key,
        )
    }

    /// Makes the provider's domain master key, unless the vault has one.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn ensure_domain_master(&self) -> Result<(), VaultError> {
        self.ensure_random(&Entry::domain_master())
    }

    /// Makes the key for pseudonyms, unless the vault has one.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn ensure_pseudonym_key(&self) -> Result<(), VaultError> {
        self.ensure_random(&Entry::pseudonym())
    }

    /// Makes the HPKE key pair, unless the vault has one; returns its public
    /// key: uncompressed P-256 point, 65 bytes.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn ensure_hpke_key(&self) -> Result<Vec<u8>, VaultError> {
        let entry = Entry::hpke();
        if !self.entries.contains(&entry)? {
            let pair = hpke::generate()?;
            self.entries.insert(self.entropy.as_ref(), &entry, &pair)?;
        }
        self.hpke_public_key()
    }

    /// Makes the key for receipts and audit heads, unless the vault has one; returns its public
    /// key: uncompressed P-256 point, 65 bytes.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn ensure_signing_key(&self) -> Result<Vec<u8>, VaultError> {
        let entry = Entry::signing();
        if !self.entries.contains(&entry)? {
            let pair = signing::generate()?;
            self.entries.insert(self.entropy.as_ref(), &entry, &pair)?;
        }
        self.signing_public_key()
    }

    /// Keeps a named secret, for example a private key in PKCS#8; replaces the
    /// one that has this name.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn put_secret(&self, name: &str, secret: &[u8]) -> Result<(), VaultError> {
        self.entries
            .replace(self.entropy.as_ref(), &Entry::secret(name), secret)
    }

    /// A secret that was kept by [`put_secret`](Self::put_secret).
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when there is none.
    pub fn secret(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.entries.read(&Entry::secret(name))
    }

    fn ensure_random(&self, entry: &Entry) -> Result<(), VaultError> {
        if self.entries.contains(entry)? {
            return Ok(());
        }
        let key = random_key(self.entropy.as_ref())?;
        self.entries.insert(self.entropy.as_ref(), entry, &*key)
    }

    fn slot_key(&self, slot: SlotId) -> Result<SivKey, VaultError> {
        let key = self.slots.read(slot)?;
        Ok(self.root.derive_with_slot(&key, slot.0))
    }
}

impl KeyVault for EmbeddedVault {
    fn issuer_keys(&self, master: &str, kdd: &[u8; 10]) -> Result<StaticKeys, VaultError> {
        let key = self.entries.read(&Entry::master(master))?;
        let key = MasterKey::from_bytes(&key).map_err(|_| VaultError::Unseal)?;
        Ok(StaticKeys::kdf3(&key, kdd))
    }

    fn unwrap_keys(
        &self,
        issuer: &str,
        transport: &str,
        wrapped: &[Vec<u8>],
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, VaultError> {
        let key = self.entries.read(&Entry::transport(issuer, transport))?;
        wrapped
            .iter()
            .map(|wrapped| key_wrap::unwrap(&key, wrapped))
            .collect()
    }

    /// HKDF-SHA-256 of the domain master key; info is the label, the ICCID's
    /// digits and the generation (4 bytes, big endian); output ENC, MAC, DEK.
    fn domain_keys(&self, iccid: &str, generation: u32) -> Result<StaticKeys, VaultError> {
        let master = self.entries.read(&Entry::domain_master())?;
        let info = [
            b"tsm domain keys v1",
            iccid.as_bytes(),
            &generation.to_be_bytes(),
        ];
        let keys = sealing::hkdf_sha256::<48>(&[], &master, &info);
        let (enc, rest) = keys.split_at(16);
        let (mac, dek) = rest.split_at(16);
        StaticKeys::from_bytes(enc, mac, dek)
            .map_err(|error| VaultError::Storage(error.to_string()))
    }

    fn seal(&self, context: &SealContext, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        sealing::seal(&self.records, self.entropy.as_ref(), context, plaintext)
    }

    fn unseal(
        &self,
        context: &SealContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        sealing::unseal(&self.records, context, sealed)
    }

    fn new_slot(&self) -> Result<SlotId, VaultError> {
        self.slots.fill(&*random_key(self.entropy.as_ref())?)
    }

    fn seal_in_slot(
        &self,
        slot: SlotId,
        context: &SealContext,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        sealing::seal(
            &self.slot_key(slot)?,
            self.entropy.as_ref(),
            context,
            plaintext,
        )
    }

    fn unseal_in_slot(
        &self,
        slot: SlotId,
        context: &SealContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        sealing::unseal(&self.slot_key(slot)?, context, sealed)
    }

    fn destroy_slot(&self, slot: SlotId) -> Result<(), VaultError> {
        self.slots.destroy(slot)
    }

    fn hpke_seal(
        &self,
        public_key: &[u8],
        info: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
        hpke::seal(public_key, info, plaintext)
    }

    fn hpke_open(
        &self,
        info: &[u8],
        encapsulated_key: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let pair = self.entries.read(&Entry::hpke())?;
        hpke::open(&pair, info, encapsulated_key, ciphertext)
    }

    fn hpke_public_key(&self) -> Result<Vec<u8>, VaultError> {
        let pair = self.entries.read(&Entry::hpke())?;
        hpke::public_key(&pair).map(<[u8]>::to_vec)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        signing::sign(&self.entries.read(&Entry::signing())?, message)
    }

    fn signing_public_key(&self) -> Result<Vec<u8>, VaultError> {
        signing::public_key(&self.entries.read(&Entry::signing())?)
    }

    fn pseudonym(&self, identifier: &str) -> Result<String, VaultError> {
        let key = self.entries.read(&Entry::pseudonym())?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| VaultError::Unseal)?;
        mac.update(identifier.as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}

fn random_key(entropy: &dyn Entropy) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let mut key = Zeroizing::new([0; 32]);
    entropy
        .fill(&mut *key)
        .map_err(|error| VaultError::Storage(error.to_string()))?;
    Ok(key)
}

fn failed(path: &Path, error: impl core::fmt::Display) -> VaultError {
    VaultError::Storage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
