//! AES in the two modes of the channel, with every key schedule expanded once per session.
//!
//! Commands and responses are encrypted in CBC mode and then authenticated by CMAC (NIST SP 800-38B). Both chains
//! are serial, but they are independent of each other: while one block is being encrypted, the block before it
//! can enter the MAC. So one pass does both, inside one call into each key's AES backend (entering it is what
//! costs most with run-time detection), and the blocks of the MAC, which lie 5 or 7 bytes off the blocks of the
//! data, are shifted together in registers. The `cmac` crate serves everything outside the channel; it derives
//! its subkeys anew for every MAC.

use alloc::boxed::Box;

use aes::{Aes128, Aes192, Aes256};
use cipher::consts::U16;
use cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt,
    BlockModeDecrypt as _, BlockSizeUser, InnerIvInit as _, KeyInit,
};
use zeroize::Zeroize as _;

use crate::keys::{KeyBytes, SessionKeys};

pub(crate) type Block = Array<u8, U16>;

/// Runs `$body` with `$key` bound to the bytes and `$aes` to the cipher type of the key's length.
macro_rules! with_aes {
    ($bytes:expr, $key:ident, $aes:ident => $body:expr) => {
        match $bytes {
            $crate::keys::KeyBytes::Aes128($key) => {
                type $aes = aes::Aes128;
                $body
            }
            $crate::keys::KeyBytes::Aes192($key) => {
                type $aes = aes::Aes192;
                $body
            }
            $crate::keys::KeyBytes::Aes256($key) => {
                type $aes = aes::Aes256;
                $body
            }
        }
    };
}
pub(crate) use with_aes;

/// The data as whole blocks, or nothing when it is not a whole number of them.
pub(crate) fn as_blocks_mut(data: &mut [u8]) -> Option<&mut [Block]> {
    match Block::slice_as_chunks_mut(data) {
        (blocks, []) => Some(blocks),
        _ => None,
    }
}

/// A message as its MAC sees it: `first | header | data | trailer`.
pub(crate) struct Message<'a> {
    /// The MAC chaining value.
    pub(crate) first: [u8; 16],
    /// What stands before the data: 5 or 7 bytes of a command, nothing of a response.
    pub(crate) header: &'a [u8],
    /// The data field; encrypted in place where that is asked for.
    pub(crate) data: &'a mut [u8],
    /// What stands behind the data: the status word of a response. Header and trailer are never both empty.
    pub(crate) trailer: &'a [u8],
}

/// The ciphers of one session.
pub(crate) enum SessionCiphers {
    Aes128(Box<Suite<Aes128>>),
    Aes192(Box<Suite<Aes192>>),
    Aes256(Box<Suite<Aes256>>),
}

macro_rules! with_suite {
    ($ciphers:expr, $suite:ident => $body:expr) => {
        match $ciphers {
            SessionCiphers::Aes128($suite) => $body,
            SessionCiphers::Aes192($suite) => $body,
            SessionCiphers::Aes256($suite) => $body,
        }
    };
}

impl SessionCiphers {
    /// Expands the keys, or gives nothing when they are not of one length.
    pub(crate) fn new(keys: &SessionKeys) -> Option<Self> {
        match (&keys.enc.0, &keys.mac.0, &keys.rmac.0) {
            (KeyBytes::Aes128(enc), KeyBytes::Aes128(mac), KeyBytes::Aes128(rmac)) => Some(
                Self::Aes128(Suite::boxed(enc.into(), mac.into(), rmac.into())),
            ),
            (KeyBytes::Aes192(enc), KeyBytes::Aes192(mac), KeyBytes::Aes192(rmac)) => Some(
                Self::Aes192(Suite::boxed(enc.into(), mac.into(), rmac.into())),
            ),
            (KeyBytes::Aes256(enc), KeyBytes::Aes256(mac), KeyBytes::Aes256(rmac)) => Some(
                Self::Aes256(Suite::boxed(enc.into(), mac.into(), rmac.into())),
            ),
            _ => None,
        }
    }

    /// The MAC of a command; with a counter block, its data is encrypted first.
    pub(crate) fn seal_command(
        &self,
        counter_block: Option<u128>,
        message: Message<'_>,
    ) -> [u8; 16] {
        with_suite!(self, suite => suite.mac.seal(counter_block.map(|block| (&suite.enc, block)), message))
    }

    /// The MAC of a response; with a counter block, its data is encrypted first.
    pub(crate) fn seal_response(
        &self,
        counter_block: Option<u128>,
        message: Message<'_>,
    ) -> [u8; 16] {
        with_suite!(self, suite => suite.rmac.seal(counter_block.map(|block| (&suite.enc, block)), message))
    }

    /// Decrypts in place. Gives nothing when the data is not a whole number of blocks.
    pub(crate) fn decrypt(&self, counter_block: u128, data: &mut [u8]) -> Option<()> {
        let blocks = as_blocks_mut(data)?;
        with_suite!(self, suite => suite.decrypt(counter_block, blocks));
        Some(())
    }
}

/// The three expanded keys of one session.
pub(crate) struct Suite<C> {
    enc: C,
    mac: MacKeySchedule<C>,
    rmac: MacKeySchedule<C>,
}

impl<C> Suite<C>
where
    C: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt + KeyInit,
{
    fn boxed(enc: &cipher::Key<C>, mac: &cipher::Key<C>, rmac: &cipher::Key<C>) -> Box<Self> {
        Box::new(Self {
            enc: C::new(enc),
            mac: MacKeySchedule::new(mac),
            rmac: MacKeySchedule::new(rmac),
        })
    }

    fn decrypt(&self, counter_block: u128, blocks: &mut [Block]) {
        let mut icv = Block::from(counter_block.to_be_bytes());
        self.enc.encrypt_block(&mut icv);
        cbc::Decryptor::inner_iv_init(&self.enc, &icv).decrypt_blocks(blocks);
    }
}

/// A CMAC key with its subkeys K1 and K2.
struct MacKeySchedule<C> {
    cipher: C,
    k1: u128,
    k2: u128,
}

impl<C: BlockCipherEncrypt<BlockSize = U16> + KeyInit> MacKeySchedule<C> {
    fn new(key: &cipher::Key<C>) -> Self {
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

    fn seal(&self, encryption: Option<(&C, u128)>, message: Message<'_>) -> [u8; 16] {
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

/// One walk over the message: map each block of the data, and absorb what has become whole blocks of the MAC.
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
        for (slot, byte) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *slot = *byte;
        }
        self.length += bytes.len();
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::keys::StaticKeys;

    /// The same by the `cbc` and `cmac` crates.
    fn reference(
        key: &KeyBytes,
        enc: &KeyBytes,
        counter_block: Option<u128>,
        message: Message<'_>,
    ) -> [u8; 16] {
        use cipher::{BlockModeEncrypt as _, KeyIvInit as _};
        if let Some(counter_block) = counter_block {
            let blocks = as_blocks_mut(message.data).unwrap();
            with_aes!(enc, enc, Aes => {
                let mut icv = Block::from(counter_block.to_be_bytes());
                Aes::new(enc.into()).encrypt_block(&mut icv);
                cbc::Encryptor::<Aes>::new(enc.into(), &icv).encrypt_blocks(blocks);
            });
        }
        key.cmac(&[
            &message.first,
            message.header,
            message.data,
            message.trailer,
        ])
    }

    /// Seals `clear` by one pass and by the separate modes, as a command and as a response.
    fn assert_same(
        keys: &SessionKeys,
        counter_block: Option<u128>,
        header: &[u8],
        clear: &[u8],
        trailer: &[u8],
    ) {
        fn message<'a>(header: &'a [u8], data: &'a mut [u8], trailer: &'a [u8]) -> Message<'a> {
            let first = [0xA5; 16];
            Message {
                first,
                header,
                data,
                trailer,
            }
        }
        let ciphers = SessionCiphers::new(keys).unwrap();
        for as_command in [true, false] {
            let (mut ours, mut theirs) = (clear.to_vec(), clear.to_vec());
            let ours_message = message(header, &mut ours, trailer);
            let (mac, key) = if as_command {
                let mac = ciphers.seal_command(counter_block, ours_message);
                (mac, &keys.mac.0)
            } else {
                let mac = ciphers.seal_response(counter_block, ours_message);
                (mac, &keys.rmac.0)
            };
            let theirs_message = message(header, &mut theirs, trailer);
            let expected = reference(key, &keys.enc.0, counter_block, theirs_message);
            assert_eq!((mac, &ours), (expected, &theirs));
            if let Some(counter_block) = counter_block {
                ciphers.decrypt(counter_block, &mut ours).unwrap();
                assert_eq!(ours, clear);
            }
        }
    }

    #[test]
    fn one_pass_gives_what_the_separate_modes_give() {
        for key_length in [16, 24, 32] {
            let key = alloc::vec![0x3C; key_length];
            let keys = StaticKeys::from_bytes(&key, &key, &key).unwrap();
            let keys = SessionKeys::derive(&keys, &[1; 8], &[2; 8]);
            for length in 0..100 {
                let clear: Vec<u8> = (0..length).collect();
                let counter_block = (length % 16 == 0).then_some(0x80 << 120 | 7);
                for (header, trailer) in [(5, 0), (7, 0), (0, 2), (15, 2)] {
                    let (header, trailer) = (&[9; 15][..header], &[0x90, 0x00][..trailer]);
                    assert_same(&keys, None, header, &clear, trailer);
                    assert_same(&keys, counter_block, header, &clear, trailer);
                }
            }
        }
    }

    #[test]
    fn decrypts_only_whole_blocks() {
        let keys = StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16]).unwrap();
        let keys = SessionKeys::derive(&keys, &[1; 8], &[2; 8]);
        let ciphers = SessionCiphers::new(&keys).unwrap();
        assert_eq!(ciphers.decrypt(1, &mut [0; 15]), None);
        assert_eq!(ciphers.decrypt(1, &mut [0; 32]), Some(()));
    }
}
