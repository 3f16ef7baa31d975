//! One AES block as sixteen bytes, in the byte order of the message.
//!
//! Everything is written over arrays of a fixed length, so that the compiler keeps a block in one
//! vector register from one round of a chain to the next; as integers, blocks would travel to the
//! general registers and back for every block.

use cipher::consts::U16;
use cipher::{BlockCipherDecBackend, BlockCipherEncBackend};

use super::Block;

pub(super) type Bytes = [u8; 16];

#[inline(always)]
pub(super) fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(
    backend: &B,
    block: Bytes,
) -> Bytes {
    let mut block = Block::from(block);
    backend.encrypt_block_inplace(&mut block);
    block.into()
}

#[inline(always)]
pub(super) fn decrypt<B: BlockCipherDecBackend<BlockSize = U16>>(
    backend: &B,
    block: Bytes,
) -> Bytes {
    let mut block = Block::from(block);
    backend.decrypt_block_inplace(&mut block);
    block.into()
}

#[inline(always)]
pub(super) fn xor(a: Bytes, b: Bytes) -> Bytes {
    core::array::from_fn(|i| a[i] ^ b[i])
}

/// The last `HEAD` bytes of `before`, and behind them as much of `block` as there is room for.
#[inline(always)]
pub(super) fn shift_in<const HEAD: usize>(before: Bytes, block: Bytes) -> Bytes {
    core::array::from_fn(|i| {
        if i < HEAD {
            before[16 - HEAD + i]
        } else {
            block[i - HEAD]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_by_as_many_bytes_as_asked_for() {
        let (before, block) = (*b"ABCDEFGHIJKLMNOP", *b"abcdefghijklmnop");
        assert_eq!(&shift_in::<0>(before, block), b"abcdefghijklmnop");
        assert_eq!(&shift_in::<5>(before, block), b"LMNOPabcdefghijk");
        assert_eq!(&shift_in::<16>(before, block), b"ABCDEFGHIJKLMNOP");
    }

    #[test]
    fn adds_without_carry() {
        assert_eq!(xor([0xF0; 16], [0x3C; 16]), [0xCC; 16]);
    }
}
