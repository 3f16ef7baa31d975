//! The limit: the AES blocks that the standard requires, and nothing else.
//!
//! Same `aes` crate, same processor features found at run time, keys expanded before. Each key's
//! AES code is entered once for each direction; within a chain (CBC encryption, CMAC) a block waits
//! for the block before. Chains follow one another, as they would in a program that calls CBC and
//! then CMAC without any cost of its own. No APDU, no padding, no subkeys, no comparison.
//!
//! For a command of 239 bytes at level 33 that is 1 block for the initial vector, 15 of CBC and 17
//! of CMAC (chaining value, header and data, rest).

use std::hint::black_box;

use cipher::consts::U16;
use cipher::{
    Array, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit as _,
};

use crate::measure::Fastest;

pub type Block = [u8; 16];

/// How the `aes` crate runs here.
pub fn backend() -> &'static str {
    if aes::hardware_accelerated() {
        "instructions of the processor, found at run time"
    } else {
        "software"
    }
}

fn xor(a: Block, b: Block) -> Block {
    core::array::from_fn(|i| a[i] ^ b[i])
}

struct Chain<'a> {
    state: Block,
    blocks: &'a mut [Block],
    /// CBC writes each block back, CMAC does not.
    writes: bool,
    /// Blocks more, of CMAC.
    more: usize,
}

impl BlockSizeUser for Chain<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Chain<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let encrypt = |block: Block| -> Block {
            let mut block = Array::from(block);
            backend.encrypt_block_inplace(&mut block);
            block.into()
        };
        let mut state = encrypt(self.state);
        for block in self.blocks {
            state = encrypt(xor(state, *block));
            if self.writes {
                *block = state;
            }
        }
        for _ in 0..self.more {
            state = encrypt(state);
        }
        black_box(state);
    }
}

struct Decryption<'a>(&'a mut [Block]);

impl BlockSizeUser for Decryption<'_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for Decryption<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let mut previous = [0; 16];
        for block in self.0 {
            let encrypted = *block;
            let mut clear = Array::from(encrypted);
            backend.decrypt_block_inplace(&mut clear);
            *block = xor(clear.into(), previous);
            previous = encrypted;
        }
    }
}

/// Initial vector, CBC, and a MAC of `blocks.len() + beside` blocks.
#[inline(never)]
pub fn wrap<E, M>(enc: &E, mac: &M, blocks: &mut [Block], beside: usize)
where
    E: BlockCipherEncrypt<BlockSize = U16>,
    M: BlockCipherEncrypt<BlockSize = U16>,
{
    enc.encrypt_with_backend(Chain {
        state: [1; 16],
        blocks,
        writes: true,
        more: 0,
    });
    mac_chain(mac, blocks, beside);
}

/// A MAC of `blocks.len() + beside` blocks, initial vector, and CBC decryption.
#[inline(never)]
pub fn unwrap<E, M>(enc: &E, mac: &M, blocks: &mut [Block], beside: usize)
where
    E: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt,
    M: BlockCipherEncrypt<BlockSize = U16>,
{
    mac_chain(mac, blocks, beside);
    enc.encrypt_with_backend(Chain {
        state: [1; 16],
        blocks: &mut [],
        writes: false,
        more: 0,
    });
    enc.decrypt_with_backend(Decryption(blocks));
}

fn mac_chain<M: BlockCipherEncrypt<BlockSize = U16>>(mac: &M, blocks: &mut [Block], beside: usize) {
    mac.encrypt_with_backend(Chain {
        state: [2; 16],
        blocks,
        writes: false,
        more: beside - 1,
    });
}

/// Many short MACs under one key: its subkey block, and then chains of so many blocks each.
pub struct Macs<'a>(pub &'a [usize]);

impl BlockSizeUser for Macs<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Macs<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        for blocks in core::iter::once(&1).chain(self.0) {
            let mut state = Array::from([3; 16]);
            for _ in 0..*blocks {
                backend.encrypt_block_inplace(&mut state);
            }
            black_box(state);
        }
    }
}

/// What the pieces cost here.
pub struct SingleBlock {
    /// One more block in a chain, nanoseconds.
    pub in_a_chain: f64,
    /// One call into the AES code, without its blocks.
    pub entry: f64,
}

pub fn single_block(rounds: usize) -> SingleBlock {
    let aes = aes::Aes128Enc::new(&[4; 16].into());
    let (mut short, mut long) = (Fastest::new(), Fastest::new());
    for _ in 0..rounds {
        for (fastest, blocks) in [(&mut short, 1), (&mut long, 65)] {
            fastest.time(16, || {
                for _ in 0..16 {
                    mac_chain(black_box(&aes), &mut [], black_box(blocks));
                }
            });
        }
    }
    let in_a_chain = (long.nanos() - short.nanos()) / 64.0;
    SingleBlock {
        in_a_chain,
        entry: short.nanos() - in_a_chain,
    }
}
