//! Encryption and MAC in one pass.
//!
//! Commands and responses are encrypted in CBC mode and then authenticated by CMAC (NIST SP
//! 800-38B). Both chains are serial, but they are independent of each other: while one block is
//! being encrypted, the block before it can enter the MAC. So one pass does both, inside one call
//! into each key's AES backend (entering it is what costs most with run-time detection), and the
//! blocks of the MAC, which lie 5 or 7 bytes off the blocks of the data, are shifted together in
//! registers.

use cipher::consts::U16;
use cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use zeroize::Zeroize as _;

use super::Block;

/// A message as its MAC sees it: `first | header | data | trailer`.
pub(crate) struct Message<'a> {
    /// The MAC chaining value.
    pub(crate) first: [u8; 16],
    /// What stands before the data: 5 or 7 bytes of a command, nothing of a response.
    pub(crate) header: &'a [u8],
    /// The data field; encrypted in place where that is asked for.
    pub(crate) data: &'a mut [u8],
    /// What stands behind the data: the status word of a response. Header and trailer are never
    /// both empty.
    pub(crate) trailer: &'a [u8],
}

/// A CMAC key with its subkeys K1 and K2.
pub(super) struct MacKeySchedule<C> {
    cipher: C,
    k1: u128,
    k2: u128,
}

impl<C: BlockCipherEncrypt<BlockSize = U16> + KeyInit> MacKeySchedule<C> {
    pub(super) fn new(key: &cipher::Key<C>) -> Self {
        let cipher = C::new(key);
        let mut zero = Block::default();
        cipher.encrypt_block(&mut zero);
        let k1 = double(u128::from_be_bytes(zero.into()));
        Self {
            cipher,
            k1,
            k2: double(k1),
        }
    }

    pub(super) fn seal(&self, encryption: Option<(&C, u128)>, message: Message<'_>) -> [u8; 16] {
        let mut mac = 0;
        let output = &mut mac;
        match encryption {
            None => self.cipher.encrypt_with_backend(MacPass {
                keys: self,
                data_map: Unchanged,
                message,
                output,
            }),
            Some((enc, counter_block)) => {
                enc.encrypt_with_backend(EncryptionPass {
                    keys: self,
                    counter_block,
                    message,
                    output,
                });
            }
        }
        mac.to_be_bytes()
    }
}

impl<C> Drop for MacKeySchedule<C> {
    fn drop(&mut self) {
        self.k1.zeroize();
        self.k2.zeroize();
    }
}

/// Doubling in GF(2^128), without a branch on the secret.
fn double(value: u128) -> u128 {
    (value << 1) ^ (0x87 * (value >> 127))
}

/// What happens to a block of data before it enters the MAC.
trait DataMap {
    fn next(&mut self, block: u128) -> u128;
}

struct Unchanged;

impl DataMap for Unchanged {
    #[inline(always)]
    fn next(&mut self, block: u128) -> u128 {
        block
    }
}

struct Cbc<'a, B> {
    backend: &'a B,
    previous: u128,
}

impl<B: BlockCipherEncBackend<BlockSize = U16>> DataMap for Cbc<'_, B> {
    #[inline(always)]
    fn next(&mut self, block: u128) -> u128 {
        self.previous = encrypt(self.backend, block ^ self.previous);
        self.previous
    }
}

/// Holds the backend of the encryption key while [`MacPass`] does the work.
struct EncryptionPass<'a, C> {
    keys: &'a MacKeySchedule<C>,
    counter_block: u128,
    message: Message<'a>,
    output: &'a mut u128,
}

impl<C> BlockSizeUser for EncryptionPass<'_, C> {
    type BlockSize = U16;
}

impl<C: BlockCipherEncrypt<BlockSize = U16>> BlockCipherEncClosure for EncryptionPass<'_, C> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let data_map = Cbc {
            backend,
            previous: encrypt(backend, self.counter_block),
        };
        let Self {
            keys,
            message,
            output,
            ..
        } = self;
        keys.cipher.encrypt_with_backend(MacPass {
            keys,
            data_map,
            message,
            output,
        });
    }
}

/// One walk over the message: map each block of the data, and absorb what has become whole blocks
/// of the MAC.
struct MacPass<'a, C, M> {
    keys: &'a MacKeySchedule<C>,
    data_map: M,
    message: Message<'a>,
    output: &'a mut u128,
}

impl<C, M> BlockSizeUser for MacPass<'_, C, M> {
    type BlockSize = U16;
}

impl<C, M: DataMap> BlockCipherEncClosure for MacPass<'_, C, M> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(mut self, backend: &B) {
        let Message {
            first,
            header,
            data,
            trailer,
        } = self.message;
        let (blocks, rest) = data.as_chunks_mut::<16>();

        // `held` are the bytes, left-aligned, that wait for the rest of their block: as many as the header has.
        let mut held = Unfinished::default();
        held.push(header);
        let held_bits = 8 * header.len() as u32;
        let mut waiting = held.first_block();
        let mut state = encrypt(backend, u128::from_be_bytes(first));
        for block in blocks {
            let mapped = self.data_map.next(u128::from_be_bytes(*block));
            *block = mapped.to_be_bytes();
            let whole = waiting | mapped.checked_shr(held_bits).unwrap_or(0);
            waiting = mapped.checked_shl(128 - held_bits).unwrap_or(0);
            state = encrypt(backend, state ^ whole);
        }

        let mut last = Unfinished::default();
        last.push(waiting.to_be_bytes().get(..header.len()).unwrap_or(&[]));
        last.push(rest);
        last.push(trailer);
        *self.output = last.finish(state, backend, self.keys.k1, self.keys.k2);
    }
}

/// The end of a message: at most 15 bytes held, 15 of data and 2 of trailer.
#[derive(Default)]
struct Unfinished {
    bytes: [u8; 32],
    length: usize,
}

impl Unfinished {
    #[inline(always)]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    #[inline(always)]
    fn first_block(&self) -> u128 {
        self.blocks().0
    }

    #[inline(always)]
    fn blocks(&self) -> (u128, u128) {
        let (blocks, _) = self.bytes.as_chunks::<16>();
        match blocks {
            [one, two] => (u128::from_be_bytes(*one), u128::from_be_bytes(*two)),
            _ => (0, 0),
        }
    }

    /// Absorbs what is here as the last one or two blocks of a CMAC.
    #[inline(always)]
    fn finish<B: BlockCipherEncBackend<BlockSize = U16>>(
        mut self,
        mut state: u128,
        backend: &B,
        k1: u128,
        k2: u128,
    ) -> u128 {
        let is_whole = self.length == 16 || self.length == 32;
        if !is_whole {
            let (length, marker) = (self.length, [0x80]);
            self.push(&marker);
            self.length = length;
        }
        let (one, two) = self.blocks();
        let mut last = one;
        if self.length > 16 {
            state = encrypt(backend, state ^ one);
            last = two;
        }
        encrypt(backend, state ^ last ^ if is_whole { k1 } else { k2 })
    }
}

#[inline(always)]
fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(backend: &B, block: u128) -> u128 {
    let mut block = Block::from(block.to_be_bytes());
    backend.encrypt_block_inplace(&mut block);
    u128::from_be_bytes(block.into())
}
