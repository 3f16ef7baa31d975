//! Decryption in CBC mode. Blocks do not wait for each other here; the processor runs several at
//! once without being told.

use cipher::consts::U16;
use cipher::{BlockCipherDecBackend, BlockCipherDecClosure, BlockSizeUser};

use super::single::decrypt;

/// One walk over whole blocks, in place.
pub(super) struct Decryption<'a> {
    pub(super) initial_vector: u128,
    pub(super) blocks: &'a mut [[u8; 16]],
}

impl BlockSizeUser for Decryption<'_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for Decryption<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let mut previous = self.initial_vector;
        for block in self.blocks {
            let encrypted = u128::from_ne_bytes(*block);
            *block = (decrypt(backend, encrypted) ^ previous).to_ne_bytes();
            previous = encrypted;
        }
    }
}
