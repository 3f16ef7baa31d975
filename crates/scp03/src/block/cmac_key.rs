//! A CMAC key, expanded once, with its subkeys (NIST SP 800-38B), and many short MACs in one go.

use alloc::vec::Vec;

use cipher::consts::U16;
use cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::single::encrypt;

/// An expanded key with its subkeys K1 and K2.
pub(super) struct CmacKey<C> {
    pub(super) cipher: C,
    pub(super) k1: Zeroizing<u128>,
    pub(super) k2: Zeroizing<u128>,
}

impl<C: BlockCipherEncrypt<BlockSize = U16> + KeyInit> CmacKey<C> {
    /// Expands a key; [`CmacKey::derive`] makes it ready.
    #[inline]
    pub(super) fn expand(key: &cipher::Key<C>) -> Self {
        Self {
            cipher: C::new(key),
            k1: Zeroizing::new(0),
            k2: Zeroizing::new(0),
        }
    }

    /// Finds the subkeys, and makes the derivations that are needed at once: all of it enters the
    /// AES code one time.
    pub(super) fn derive(&mut self, derivations: &mut [Derivation<'_>]) {
        (*self.k1, *self.k2) = derive(&self.cipher, derivations);
    }
}

/// Makes the derivations; gives K1 and K2.
pub(super) fn derive<C: BlockCipherEncrypt<BlockSize = U16>>(
    cipher: &C,
    derivations: &mut [Derivation<'_>],
) -> (u128, u128) {
    let (mut k1, mut k2) = (0, 0);
    cipher.encrypt_with_backend(Derive {
        derivations,
        subkeys: (&mut k1, &mut k2),
    });
    (k1, k2)
}

/// One output of the key derivation function of SCP03 (Amendment D 4.1.5), or one short MAC.
pub(crate) struct Derivation<'a> {
    /// The derivation constant; without one, this is the MAC of a command whose chaining value is
    /// zero (D 6.2.4).
    pub(crate) constant: Option<u8>,
    pub(crate) input: Input<'a>,
    /// Takes the output; L follows its length, at most 255 blocks.
    pub(crate) output: &'a mut [u8],
}

/// What follows the first block of a derivation.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    /// This.
    Context(&'a Context),
    /// This, and then the output of the derivation before: what depends on it need not enter the
    /// AES code again.
    Followed(&'a [u8]),
}

/// A context as the MAC sees it: whole blocks, padded.
pub(crate) struct Context {
    /// The usual ones, of two challenges or a counter and an AID, fit here.
    short: [[u8; 16]; 3],
    /// Others.
    long: Vec<[u8; 16]>,
    /// Length in bytes, without padding.
    length: usize,
}

impl Context {
    /// Joins the parts.
    #[inline(never)]
    pub(crate) fn new(parts: [&[u8]; 2]) -> Self {
        let [one, two] = parts;
        let length = one.len().saturating_add(two.len());
        let mut context = Self {
            short: [[0; 16]; 3],
            long: Vec::new(),
            length,
        };
        if length > context.short.as_flattened().len() {
            context.long.resize(length.div_ceil(16), [0; 16]);
        }
        let bytes = match context.long.as_flattened_mut() {
            [] => context.short.as_flattened_mut(),
            long => long,
        };
        if let Some(room) = bytes.get_mut(..one.len()) {
            room.copy_from_slice(one);
        }
        if let Some(room) = bytes.get_mut(one.len()..length) {
            room.copy_from_slice(two);
        }
        if let Some(marker) = bytes.get_mut(length) {
            *marker = 0x80;
        }
        context
    }

    /// Whole blocks.
    fn blocks(&self) -> &[[u8; 16]] {
        let blocks = match self.long.as_slice() {
            [] => self.short.as_slice(),
            long => long,
        };
        blocks.get(..self.length.div_ceil(16)).unwrap_or(blocks)
    }

    /// Whether the last block came without padding: it then takes K1, otherwise K2.
    fn is_whole(&self) -> bool {
        self.length.is_multiple_of(16)
    }
}

/// Doubling in GF(2^128), without a branch on the secret.
fn double(value: u128) -> u128 {
    let value = u128::from_be(value);
    ((value << 1) ^ (0x87 * (value >> 127))).to_be()
}

struct Derive<'a, 'd> {
    derivations: &'a mut [Derivation<'d>],
    subkeys: (&'a mut u128, &'a mut u128),
}

impl BlockSizeUser for Derive<'_, '_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Derive<'_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let k1 = double(encrypt(backend, 0));
        let k2 = double(k1);
        (*self.subkeys.0, *self.subkeys.1) = (k1, k2);
        let mut before: &[u8] = &[];
        for derivation in self.derivations {
            let Derivation {
                constant,
                input,
                output,
            } = derivation;
            let joined;
            let context = match *input {
                Input::Context(context) => context,
                Input::Followed(beginning) => {
                    joined = Context::new([beginning, before]);
                    &joined
                }
            };
            let subkey = if context.is_whole() { k1 } else { k2 };
            let bits = u64::from((output.len() * 8) as u16);
            for (i, out) in (1u8..=255).zip(output.chunks_mut(16)) {
                // As a number: bytes would be put together in memory, and awaited there.
                let label = constant.map_or(0, |constant| {
                    u128::from(u64::from(constant) << 32 | bits << 8 | u64::from(i)).to_be()
                });
                let last = match context.blocks().split_last() {
                    None => label ^ k1,
                    Some((last, others)) => {
                        let mut state = encrypt(backend, label);
                        for block in others {
                            state = encrypt(backend, state ^ u128::from_ne_bytes(*block));
                        }
                        state ^ u128::from_ne_bytes(*last) ^ subkey
                    }
                };
                write(encrypt(backend, last), out);
            }
            before = output;
        }
    }
}

/// Writes as much of the block as there is room for.
#[inline(always)]
fn write(mut block: u128, out: &mut [u8]) {
    if let Ok(out) = <&mut [u8; 16]>::try_from(&mut *out) {
        *out = block.to_ne_bytes();
    } else {
        for (out, byte) in out.iter_mut().zip(block.to_ne_bytes()) {
            *out = byte;
        }
        block.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyBytes;

    /// The same by the `cmac` crate.
    fn reference(key: &KeyBytes, constant: u8, context: &[u8], output: &mut [u8]) {
        let [high, low] = (8 * output.len() as u16).to_be_bytes();
        for (i, out) in (1..).zip(output.chunks_mut(16)) {
            let mut label = [0; 16];
            label[11..].copy_from_slice(&[constant, 0x00, high, low, i]);
            out.copy_from_slice(&key.cmac(&[&label, context])[..out.len()]);
        }
    }

    #[test]
    fn derives_what_the_cmac_crate_derives_for_every_length_of_context_and_output() {
        for key_length in [16, 24, 32] {
            let key = KeyBytes::new(&alloc::vec![0x5C; key_length]).unwrap();
            for length in 0..50 {
                let bytes: Vec<u8> = (1..=length).collect();
                for (split, output_length) in (0..=bytes.len()).step_by(7).zip([8, 16, 24, 32, 40])
                {
                    let (one, two) = bytes.split_at(split);
                    let context = Context::new([one, two]);
                    let (mut ours, mut also_ours) = ([0; 40], [0; 40]);
                    let derivation = |constant, output| Derivation {
                        constant: Some(constant),
                        input: Input::Context(&context),
                        output,
                    };
                    crate::block::derive(
                        &key,
                        &mut [
                            derivation(4, &mut ours[..output_length]),
                            derivation(7, &mut also_ours[..output_length]),
                        ],
                    );
                    for (constant, ours) in [(4, ours), (7, also_ours)] {
                        let mut theirs = [0; 40];
                        reference(&key, constant, &bytes, &mut theirs[..output_length]);
                        assert_eq!(ours, theirs, "{length} bytes of context");
                    }
                }
            }
        }
    }

    #[test]
    fn what_follows_a_derivation_takes_its_output() {
        let key = KeyBytes::new(&[0x5C; 16]).unwrap();
        let header = [0x84, 0x82, 0x33, 0x00, 0x10];
        for length in [8, 16] {
            let context = Context::new([&[1; 8], &[2; 8]]);
            let (mut first, mut second, mut mac) = ([0; 16], [0; 16], [0; 16]);
            crate::block::derive(
                &key,
                &mut [
                    Derivation {
                        constant: Some(1),
                        input: Input::Context(&context),
                        output: &mut first[..length],
                    },
                    Derivation {
                        constant: None,
                        input: Input::Followed(&header),
                        output: &mut mac,
                    },
                    Derivation {
                        constant: Some(4),
                        input: Input::Followed(&[3; 8]),
                        output: &mut second,
                    },
                ],
            );
            let mut expected = [0; 16];
            let both = [[1; 8], [2; 8]].concat();
            reference(&key, 1, &both, &mut expected[..length]);
            assert_eq!(first, expected);
            assert_eq!(mac, key.cmac(&[&[0; 16], &header, &first[..length]]));
            reference(&key, 4, &[&[3; 8][..], &mac].concat(), &mut expected);
            assert_eq!(second, expected);
        }
    }

    #[test]
    fn subkeys_are_those_of_the_standard() {
        // NIST SP 800-38B, D.1 and D.3.
        let bytes = |text: &str| -> [u8; 16] { hex::decode(text).unwrap().try_into().unwrap() };
        let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        let mut key = CmacKey::<aes::Aes128Enc>::expand(&key.into());
        key.derive(&mut []);
        assert_eq!(
            key.k1.to_ne_bytes(),
            bytes("fbeed618357133667c85e08f7236a8de")
        );
        assert_eq!(
            key.k2.to_ne_bytes(),
            bytes("f7ddac306ae266ccf90bc11ee46d513b")
        );
    }
}
