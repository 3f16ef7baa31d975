//! Encryption and MAC in one pass.
//!
//! Commands and responses are encrypted in CBC mode and then authenticated by CMAC (NIST SP
//! 800-38B). Both chains are serial, but they are independent of each other: while one block is
//! being encrypted, the block before it can enter the MAC. So one pass does both, inside one call
//! into each key's AES code (with run-time detection, entering it costs as much as several blocks),
//! and the blocks of the MAC, which lie some bytes off the blocks of the data, are shifted together
//! in registers: read back from the buffer, each would straddle two stores that are still under
//! way. The shift must be known to the compiler: it is 5 bytes in a short command, the length of
//! its header, and 0 in a response. Extended commands, with 7, are encrypted first and read then.
//!
//! Both keys run on the same kind of AES code, but the types do not say so: the pass would be
//! compiled for each pair of kinds. It is left out for pairs that cannot meet; kinds differ in how
//! many blocks they take at a time.

use cipher::consts::U16;
use cipher::typenum::Unsigned as _;
use cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser};

use super::absorber::Absorber;
use super::cmac_key::CmacKey;
use super::single::{encrypt, shift_in};

/// A message as its MAC sees it: `first | header | data | trailer`.
pub(crate) struct Message<'a> {
    /// The MAC chaining value.
    pub(crate) first: [u8; 16],
    /// What stands before the data: 5 or 7 bytes of a command, nothing of a response.
    pub(crate) header: &'a [u8],
    /// The data field; encrypted in place where that is asked for, and then whole blocks.
    pub(crate) data: &'a mut [u8],
    /// What stands behind the data: the status word of a response.
    pub(crate) trailer: &'a [u8],
}

impl<C: BlockCipherEncrypt<BlockSize = U16>> CmacKey<C> {
    /// The MAC of a message that is sent as it is.
    pub(super) fn mac(&self, message: Message<'_>) -> [u8; 16] {
        let mut output = [0; 16];
        self.cipher.encrypt_with_backend(MacPass {
            key: self,
            message,
            output: &mut output,
        });
        output
    }

    /// Encrypts the data, then gives the MAC.
    pub(super) fn seal<E>(&self, enc: &E, counter_block: u128, message: Message<'_>) -> [u8; 16]
    where
        E: BlockCipherEncrypt<BlockSize = U16>,
    {
        let counter_block = counter_block.to_be();
        let Message {
            first,
            header,
            data,
            trailer,
        } = message;
        debug_assert!(data.len().is_multiple_of(16), "padded before");
        let blocks = data.as_chunks_mut().0;
        let mac = if let Ok(header) = <[u8; 5]>::try_from(header) {
            self.seal_at_once(enc, counter_block, first, header, blocks, trailer)
        } else if header.is_empty() {
            self.seal_at_once(enc, counter_block, first, [], blocks, trailer)
        } else {
            None
        };
        mac.unwrap_or_else(|| {
            enc.encrypt_with_backend(CbcPass {
                counter_block,
                blocks: data.as_chunks_mut().0,
            });
            self.mac(Message {
                first,
                header,
                data,
                trailer,
            })
        })
    }

    /// The one pass; nothing, and nothing done, where it was not compiled for the pair of kinds.
    #[inline(always)]
    fn seal_at_once<E, const HEAD: usize>(
        &self,
        enc: &E,
        counter_block: u128,
        first: [u8; 16],
        header: [u8; HEAD],
        blocks: &mut [[u8; 16]],
        trailer: &[u8],
    ) -> Option<[u8; 16]>
    where
        E: BlockCipherEncrypt<BlockSize = U16>,
    {
        let mut output = None;
        enc.encrypt_with_backend(EncryptionPass {
            key: self,
            counter_block,
            work: Work {
                first,
                header,
                blocks,
                trailer,
                output: &mut output,
            },
        });
        output
    }
}

/// A MAC alone.
struct MacPass<'a, C> {
    key: &'a CmacKey<C>,
    message: Message<'a>,
    output: &'a mut [u8; 16],
}

impl<C> BlockSizeUser for MacPass<'_, C> {
    type BlockSize = U16;
}

impl<C> BlockCipherEncClosure for MacPass<'_, C> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut mac = Absorber::new(self.message.first);
        mac.bytes(backend, self.message.header);
        mac.bytes(backend, self.message.data);
        mac.bytes(backend, self.message.trailer);
        *self.output = mac.finish(backend, *self.key.k1, *self.key.k2);
    }
}

/// Encryption alone.
struct CbcPass<'a> {
    counter_block: u128,
    blocks: &'a mut [[u8; 16]],
}

impl BlockSizeUser for CbcPass<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for CbcPass<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut previous = encrypt(backend, self.counter_block);
        for block in self.blocks {
            previous = encrypt(backend, previous ^ u128::from_ne_bytes(*block));
            *block = previous.to_ne_bytes();
        }
    }
}

/// A message whose header has a length known to the compiler.
struct Work<'a, const HEAD: usize> {
    first: [u8; 16],
    header: [u8; HEAD],
    blocks: &'a mut [[u8; 16]],
    trailer: &'a [u8],
    output: &'a mut Option<[u8; 16]>,
}

/// Holds the AES code of the encryption key while [`FusedPass`] does the work.
struct EncryptionPass<'a, C, const HEAD: usize> {
    key: &'a CmacKey<C>,
    counter_block: u128,
    work: Work<'a, HEAD>,
}

impl<C, const HEAD: usize> BlockSizeUser for EncryptionPass<'_, C, HEAD> {
    type BlockSize = U16;
}

impl<C, const HEAD: usize> BlockCipherEncClosure for EncryptionPass<'_, C, HEAD>
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        self.key.cipher.encrypt_with_backend(FusedPass {
            enc: backend,
            key: self.key,
            counter_block: self.counter_block,
            work: self.work,
        });
    }
}

/// One walk over the data: encrypt each block, and absorb what has become a whole block of the MAC.
struct FusedPass<'a, E, C, const HEAD: usize> {
    enc: &'a E,
    key: &'a CmacKey<C>,
    counter_block: u128,
    work: Work<'a, HEAD>,
}

impl<E, C, const HEAD: usize> BlockSizeUser for FusedPass<'_, E, C, HEAD> {
    type BlockSize = U16;
}

impl<E, C, const HEAD: usize> BlockCipherEncClosure for FusedPass<'_, E, C, HEAD>
where
    E: BlockCipherEncBackend<BlockSize = U16>,
{
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        if const { B::ParBlocksSize::USIZE != E::ParBlocksSize::USIZE } {
            return;
        }
        let Work {
            first,
            header,
            blocks,
            trailer,
            output,
        } = self.work;
        let mut mac = Absorber::new(first);
        // The header first, as if it were the end of a block; after that, the block before.
        let mut before = at_the_end(header);
        let mut previous = encrypt(self.enc, self.counter_block);
        for block in blocks {
            previous = encrypt(self.enc, previous ^ u128::from_ne_bytes(*block));
            *block = previous.to_ne_bytes();
            mac.block(backend, shift_in::<HEAD>(before, previous));
            before = previous;
        }
        mac.hold(&end_of::<HEAD>(before));
        mac.bytes(backend, trailer);
        *output = Some(mac.finish(backend, *self.key.k1, *self.key.k2));
    }
}

/// A block that ends with the header; before that, zeros.
#[inline(always)]
fn at_the_end<const HEAD: usize>(header: [u8; HEAD]) -> u128 {
    let byte = |i: usize| (i + HEAD).checked_sub(16).map_or(0, |i| header[i]);
    u128::from_ne_bytes(core::array::from_fn(byte))
}

#[inline(always)]
fn end_of<const HEAD: usize>(block: u128) -> [u8; HEAD] {
    let block = block.to_ne_bytes();
    core::array::from_fn(|i| block[16 - HEAD + i])
}

#[cfg(test)]
mod tests {
    use aes::{Aes128, Aes128Enc, Aes192, Aes192Enc, Aes256, Aes256Enc};
    use cipher::KeyInit;

    use super::*;

    fn seals_at_once<E, M>(key: &[u8]) -> bool
    where
        E: BlockCipherEncrypt<BlockSize = U16> + KeyInit,
        M: BlockCipherEncrypt<BlockSize = U16> + KeyInit,
    {
        let enc = E::new_from_slice(key).unwrap();
        let mac = CmacKey::<M>::expand(key.try_into().unwrap());
        let blocks = &mut [[0; 16]];
        mac.seal_at_once(&enc, 1, [0; 16], [0; 5], blocks, &[])
            .is_some()
    }

    #[test]
    fn the_one_pass_is_there_for_the_keys_of_a_session() {
        assert!(seals_at_once::<Aes128, Aes128Enc>(&[1; 16]));
        assert!(seals_at_once::<Aes192, Aes192Enc>(&[1; 24]));
        assert!(seals_at_once::<Aes256, Aes256Enc>(&[1; 32]));
    }
}
