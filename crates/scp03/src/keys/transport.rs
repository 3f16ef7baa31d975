//! An AES key on its way to a card: encrypted under the static DEK (Amendment D 6.2.8, 7.2).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{AesKey, DekKey, KeyBytes, KeyError};

impl DekKey {
    /// Encrypts a key, filled to whole blocks: an AES-192 key gets 8 bytes of filler.
    pub(crate) fn encrypt_key(&self, key: &KeyBytes) -> Vec<u8> {
        let mut block = key.as_slice().to_vec();
        if !block.len().is_multiple_of(16) {
            crate::padding::pad(&mut block);
        }
        if self.encrypt(&mut block).is_err() {
            // Whole blocks by construction; never let a clear key out all the same.
            block.clear();
        }
        block
    }

    /// Decrypts a key of `length` bytes; filler is ignored, whatever it is.
    pub(crate) fn decrypt_key(&self, block: &[u8], length: usize) -> Result<AesKey, KeyError> {
        if block.len() != length.next_multiple_of(16) {
            return Err(KeyError::InvalidLength { length });
        }
        let mut clear = Zeroizing::new(block.to_vec());
        self.decrypt(&mut clear)?;
        let key = clear
            .get(..length)
            .ok_or(KeyError::InvalidLength { length })?;
        AesKey::from_bytes(key)
    }
}
