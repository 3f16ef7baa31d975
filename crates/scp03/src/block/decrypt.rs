//! Decryption in CBC mode. Blocks do not wait for each other here; the processor runs several at
//! once without being told.

use cipher::consts::U16;
use cipher::{BlockCipherDecBackend, BlockCipherDecClosure, BlockSizeUser};

use super::single::{Bytes, decrypt, xor};

/// One walk over whole blocks, in place.
pub(super) struct Decryption<'a> {
    pub(super) initial_vector: Bytes,
    pub(super) blocks: &'a mut [Bytes],
}

impl BlockSizeUser for Decryption<'_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for Decryption<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let mut previous = self.initial_vector;
        for block in self.blocks {
            let encrypted = *block;
            *block = xor(decrypt(backend, encrypted), previous);
            previous = encrypted;
        }
    }
}
