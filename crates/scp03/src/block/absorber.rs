//! CMAC of a message that comes in parts (NIST SP 800-38B), inside one call into the AES code.

use cipher::BlockCipherEncBackend;
use cipher::consts::U16;

use super::single::encrypt;

/// A MAC under way. A block enters the cipher once it is known not to be the last one.
pub(super) struct Absorber {
    state: u128,
    /// The last whole block.
    whole: u128,
    /// What has come behind it, `length` bytes; the rest of the array is zero.
    held: [u8; 16],
    length: usize,
}

impl Absorber {
    /// Starts with a whole block.
    #[inline(always)]
    pub(super) fn new(first: [u8; 16]) -> Self {
        Self {
            state: 0,
            whole: u128::from_ne_bytes(first),
            held: [0; 16],
            length: 0,
        }
    }

    /// Absorbs a whole block. What is held stands behind it.
    #[inline(always)]
    pub(super) fn block<B: BlockCipherEncBackend<BlockSize = U16>>(
        &mut self,
        backend: &B,
        block: u128,
    ) {
        self.state = encrypt(backend, self.state ^ self.whole);
        self.whole = block;
    }

    /// Replaces what is held; at most 15 bytes.
    #[inline(always)]
    pub(super) fn hold<const N: usize>(&mut self, held: &[u8; N]) {
        const { assert!(N < 16) }
        self.held = core::array::from_fn(|i| if i < N { held[i] } else { 0 });
        self.length = N;
    }

    /// Absorbs any number of bytes.
    #[inline(always)]
    pub(super) fn bytes<B: BlockCipherEncBackend<BlockSize = U16>>(
        &mut self,
        backend: &B,
        mut part: &[u8],
    ) {
        if self.length > 0 {
            let (fill, rest) = part
                .split_at_checked(16 - self.length)
                .unwrap_or((part, &[]));
            self.push(fill);
            part = rest;
            if self.length == 16 {
                let held = core::mem::take(&mut self.held);
                self.block(backend, u128::from_ne_bytes(held));
                self.length = 0;
            }
        }
        let (blocks, rest) = part.as_chunks::<16>();
        for block in blocks {
            self.block(backend, u128::from_ne_bytes(*block));
        }
        self.push(rest);
    }

    #[inline(always)]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.held.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        }
    }

    /// The MAC of all that was absorbed.
    #[inline(always)]
    pub(super) fn finish<B: BlockCipherEncBackend<BlockSize = U16>>(
        mut self,
        backend: &B,
        k1: u128,
        k2: u128,
    ) -> [u8; 16] {
        let last = match self.held.get_mut(self.length).filter(|_| self.length > 0) {
            None => self.state ^ self.whole ^ k1,
            Some(marker) => {
                *marker = 0x80;
                let held = u128::from_ne_bytes(self.held);
                self.block(backend, held);
                self.state ^ self.whole ^ k2
            }
        };
        encrypt(backend, last).to_ne_bytes()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use cipher::{BlockCipherEncClosure, BlockCipherEncrypt as _, BlockSizeUser, KeyInit as _};

    use super::*;
    use crate::block::cmac_key::CmacKey;
    use crate::keys::KeyBytes;

    struct Parts<'a> {
        parts: [&'a [u8]; 3],
        held: bool,
        subkeys: (u128, u128),
        output: &'a mut [u8; 16],
    }

    impl BlockSizeUser for Parts<'_> {
        type BlockSize = U16;
    }

    impl BlockCipherEncClosure for Parts<'_> {
        fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
            let mut mac = Absorber::new([0xA5; 16]);
            if self.held {
                mac.hold(b"held");
            }
            for part in self.parts {
                mac.bytes(backend, part);
            }
            *self.output = mac.finish(backend, self.subkeys.0, self.subkeys.1);
        }
    }

    #[test]
    fn parts_of_any_length_give_the_mac_of_the_whole() {
        let key = [0x3C; 16];
        let mut schedule = CmacKey::<aes::Aes128Enc>::expand(&key.into());
        schedule.derive(&mut []);
        let data: Vec<u8> = (0..70).collect();
        for length in 0..=data.len() {
            for (one, two) in [(0, 0), (5, 5), (7, 40), (15, 16), (16, 17), (17, 49)] {
                let (one, two) = (one.min(length), two.min(length));
                let parts = [&data[..one], &data[one..two], &data[two..length]];
                for held in [false, true] {
                    let mut output = [0; 16];
                    aes::Aes128Enc::new(&key.into()).encrypt_with_backend(Parts {
                        parts,
                        held,
                        subkeys: (*schedule.k1, *schedule.k2),
                        output: &mut output,
                    });
                    let before: &[u8] = if held { b"held" } else { b"" };
                    let expected =
                        KeyBytes::Aes128(key).cmac(&[&[0xA5; 16], before, &data[..length]]);
                    assert_eq!(output, expected, "{length} bytes at {one}, {two}");
                }
            }
        }
    }
}
