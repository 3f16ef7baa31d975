//! A CMAC key, expanded once, with its subkeys (NIST SP 800-38B), and many short MACs in one go.

use alloc::vec::Vec;

use cipher::consts::U16;
use cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::single::{Bytes, encrypt, xor};

/// An expanded key with its subkeys K1 and K2.
pub(super) struct CmacKey<C> {
    pub(super) cipher: C,
    pub(super) k1: Bytes,
    pub(super) k2: Bytes,
}

impl<C: BlockCipherEncrypt<BlockSize = U16> + KeyInit> CmacKey<C> {
    /// Expands a key and makes the derivations that are needed at once: all of it enters the AES
    /// code one time.
    pub(super) fn new(key: &cipher::Key<C>, derivations: &mut [Derivation<'_>]) -> Self {
        let cipher = C::new(key);
        let (mut k1, mut k2) = ([0; 16], [0; 16]);
        cipher.encrypt_with_backend(Derive {
            derivations,
            subkeys: (&mut k1, &mut k2),
        });
        Self { cipher, k1, k2 }
    }
}

impl<C> Drop for CmacKey<C> {
    fn drop(&mut self) {
        self.k1.zeroize();
        self.k2.zeroize();
    }
}

/// One output of the key derivation function of SCP03 (Amendment D 4.1.5).
pub(crate) struct Derivation<'a> {
    /// The derivation constant.
    pub(crate) constant: u8,
    pub(crate) context: &'a Context,
    /// Takes the output; L follows its length, at most 255 blocks.
    pub(crate) output: &'a mut [u8],
}

/// A context as the MAC sees it: whole blocks, padded.
pub(crate) struct Context {
    blocks: Vec<Bytes>,
    /// Whether the last block came without padding: it then takes K1, otherwise K2.
    is_whole: bool,
}

impl Context {
    /// Joins the parts.
    pub(crate) fn new(parts: [&[u8]; 2]) -> Self {
        let length = parts[0].len() + parts[1].len();
        let mut blocks = alloc::vec![[0; 16]; length.div_ceil(16)];
        let bytes = blocks.as_flattened_mut();
        for (byte, value) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *byte = *value;
        }
        if let Some(marker) = bytes.get_mut(length) {
            *marker = 0x80;
        }
        Self {
            blocks,
            is_whole: length.is_multiple_of(16),
        }
    }
}

/// Doubling in GF(2^128), without a branch on the secret.
fn double(value: Bytes) -> Bytes {
    let value = u128::from_be_bytes(value);
    ((value << 1) ^ (0x87 * (value >> 127))).to_be_bytes()
}

struct Derive<'a, 'd> {
    derivations: &'a mut [Derivation<'d>],
    subkeys: (&'a mut Bytes, &'a mut Bytes),
}

impl BlockSizeUser for Derive<'_, '_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Derive<'_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let k1 = double(encrypt(backend, [0; 16]));
        let k2 = double(k1);
        (*self.subkeys.0, *self.subkeys.1) = (k1, k2);
        for derivation in self.derivations {
            let Derivation {
                constant,
                context,
                output,
            } = derivation;
            let [high, low] = ((output.len() * 8) as u16).to_be_bytes();
            for (i, out) in (1u8..=255).zip(output.chunks_mut(16)) {
                let label = [
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, *constant, 0x00, high, low, i,
                ];
                let mac = Zeroizing::new(match context.blocks.split_last() {
                    None => encrypt(backend, xor(label, k1)),
                    Some((last, others)) => {
                        let mut state = encrypt(backend, label);
                        for block in others {
                            state = encrypt(backend, xor(state, *block));
                        }
                        let subkey = if context.is_whole { k1 } else { k2 };
                        encrypt(backend, xor(xor(state, *last), subkey))
                    }
                });
                for (out, byte) in out.iter_mut().zip(mac.iter()) {
                    *out = *byte;
                }
            }
        }
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
                        constant,
                        context: &context,
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
    fn subkeys_are_those_of_the_standard() {
        // NIST SP 800-38B, D.1 and D.3.
        let bytes = |text: &str| -> Bytes { hex::decode(text).unwrap().try_into().unwrap() };
        let key = CmacKey::<aes::Aes128Enc>::new(
            &bytes("2b7e151628aed2a6abf7158809cf4f3c").into(),
            &mut [],
        );
        assert_eq!(key.k1, bytes("fbeed618357133667c85e08f7236a8de"));
        assert_eq!(key.k2, bytes("f7ddac306ae266ccf90bc11ee46d513b"));
    }
}
