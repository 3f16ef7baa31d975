//! Where keys live: derivation, sealing, hand-over and slots that can be destroyed.

use scp03::keys::StaticKeys;
use zeroize::Zeroizing;

/// What a sealed value belongs to; unsealing under another context fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealContext {
    /// Table of the record, for example `credential`.
    pub table: &'static str,
    /// Id of the record.
    pub row: String,
    /// Field of the record.
    pub column: &'static str,
}

/// A slot that holds one random key outside the database and its backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u64);

/// Why a vault operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The sealed value does not belong here, or was changed.
    #[error("the sealed value does not open")]
    Unseal,
    /// The slot was destroyed or never existed.
    #[error("the key slot is empty")]
    EmptySlot,
    /// The vault does not hold the key that was asked for.
    #[error("the vault has no key named {0}")]
    NoKey(String),
    /// The vault's storage or device failed.
    #[error("the vault failed: {0}")]
    Storage(String),
}

/// Keys and the operations that need them.
///
/// Derived card keys leave the vault only as [`StaticKeys`], which are wiped
/// when dropped.
pub trait KeyVault: Send + Sync {
    /// The static keys of an issuer domain: KDF3 of the master key named
    /// `master` over the card's ten bytes of key diversification data.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when the vault has no such master key.
    fn issuer_keys(&self, master: &str, kdd: &[u8; 10]) -> Result<StaticKeys, VaultError>;

    /// Opens keys that a card maker wrapped (AES key wrap, RFC 3394) under the transport key that
    /// it shares with `issuer`.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when the issuer has no such transport key, [`VaultError::Unseal`] when
    /// one of the keys was not wrapped under it.
    fn unwrap_keys(
        &self,
        issuer: &str,
        transport: &str,
        wrapped: &[Vec<u8>],
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, VaultError>;

    /// The provider's own keys for its security domain on one card: derived
    /// from the domain master key, the ICCID and a generation that goes up with
    /// every rotation. AES-128.
    ///
    /// # Errors
    /// [`VaultError`] when the vault has no domain master key.
    fn domain_keys(&self, iccid: &str, generation: u32) -> Result<StaticKeys, VaultError>;

    /// Seals `plaintext` to its place in the database.
    ///
    /// # Errors
    /// [`VaultError::Storage`] when no nonce can be had.
    fn seal(&self, context: &SealContext, plaintext: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Opens what [`seal`](Self::seal) made for the same context.
    ///
    /// # Errors
    /// [`VaultError::Unseal`] for any other context or a changed value.
    fn unseal(
        &self,
        context: &SealContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError>;

    /// Takes a free slot, puts a fresh random key into it, and returns when it is on disk.
    ///
    /// # Errors
    /// [`VaultError::Storage`] when the slot can't be written.
    fn new_slot(&self) -> Result<SlotId, VaultError>;

    /// Seals under the key of a slot.
    ///
    /// # Errors
    /// [`VaultError::EmptySlot`] when the slot holds no key.
    fn seal_in_slot(
        &self,
        slot: SlotId,
        context: &SealContext,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, VaultError>;

    /// Opens what was sealed under the key of a slot.
    ///
    /// # Errors
    /// [`VaultError::EmptySlot`] after the slot was destroyed.
    fn unseal_in_slot(
        &self,
        slot: SlotId,
        context: &SealContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError>;

    /// Overwrites the key of a slot; returns when that is on disk. Everything
    /// sealed under it is gone, in every backup too. Repeating it is harmless.
    ///
    /// # Errors
    /// [`VaultError::Storage`] when the slot can't be overwritten.
    fn destroy_slot(&self, slot: SlotId) -> Result<(), VaultError>;

    /// Seals `plaintext` for the holder of `public_key` (HPKE base mode, RFC
    /// 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM): encapsulated
    /// key and ciphertext.
    ///
    /// # Errors
    /// [`VaultError`] when the public key is not a point of the curve.
    fn hpke_seal(
        &self,
        public_key: &[u8],
        info: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), VaultError>;

    /// Opens what another party sealed for this vault's HPKE key.
    ///
    /// # Errors
    /// [`VaultError::Unseal`] when it was made for another key or `info`.
    fn hpke_open(
        &self,
        info: &[u8],
        encapsulated_key: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError>;

    /// Public key of this vault for HPKE: uncompressed P-256 point, 65 bytes.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when the vault has none.
    fn hpke_public_key(&self) -> Result<Vec<u8>, VaultError>;

    /// Signs with the server's key for receipts and audit heads: ECDSA P-256 with SHA-256, DER.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when the vault has no such key.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Public key of [`sign`](Self::sign): uncompressed P-256 point, 65 bytes.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when the vault has no such key.
    fn signing_public_key(&self) -> Result<Vec<u8>, VaultError>;

    /// A stable pseudonym (HMAC-SHA-256, hex) of an identifier that must not be stored.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] when the vault has no pseudonym key.
    fn pseudonym(&self, identifier: &str) -> Result<String, VaultError>;
}
