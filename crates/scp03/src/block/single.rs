//! One AES block as a number in the byte order of the machine.
//!
//! Such numbers are only ever added (`^`) and shifted by whole bytes. The compiler keeps them in
//! one vector register from one round of a chain to the next; as arrays of bytes they fall apart
//! into sixteen registers where two branches meet, and in the byte order of the standard they would
//! travel to the general registers and back for every block.

use cipher::consts::U16;
use cipher::{BlockCipherDecBackend, BlockCipherEncBackend};

use super::Block;

#[inline(always)]
pub(super) fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(backend: &B, block: u128) -> u128 {
    let mut block = Block::from(block.to_ne_bytes());
    backend.encrypt_block_inplace(&mut block);
    u128::from_ne_bytes(block.into())
}

#[inline(always)]
pub(super) fn decrypt<B: BlockCipherDecBackend<BlockSize = U16>>(backend: &B, block: u128) -> u128 {
    let mut block = Block::from(block.to_ne_bytes());
    backend.decrypt_block_inplace(&mut block);
    u128::from_ne_bytes(block.into())
}

/// The last `HEAD` bytes of `before`, and behind them as much of `block` as there is room for.
#[inline(always)]
pub(super) fn shift_in<const HEAD: usize>(before: u128, block: u128) -> u128 {
    // With the first byte lowest, bytes that come later stand higher.
    let (before, block) = (u128::from_le(before), u128::from_le(block));
    let head_bits = 8 * HEAD as u32;
    let end_of_before = before.checked_shr(128 - head_bits).unwrap_or(0);
    let beginning_of_block = block.checked_shl(head_bits).unwrap_or(0);
    // No bit is in both.
    (end_of_before + beginning_of_block).to_le()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_by_as_many_bytes_as_asked_for() {
        let before = u128::from_ne_bytes(*b"ABCDEFGHIJKLMNOP");
        let block = u128::from_ne_bytes(*b"abcdefghijklmnop");
        for (shifted, expected) in [
            (shift_in::<0>(before, block), b"abcdefghijklmnop"),
            (shift_in::<5>(before, block), b"LMNOPabcdefghijk"),
            (shift_in::<16>(before, block), b"ABCDEFGHIJKLMNOP"),
        ] {
            assert_eq!(&shifted.to_ne_bytes(), expected);
        }
    }
}
