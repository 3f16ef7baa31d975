//! AES in the two modes of the channel, with every key schedule expanded once per session.
//!
//! The `cmac` and `cbc` crates serve everything outside the channel; `cmac` derives its subkeys
//! anew for every MAC, and the two together enter the AES code once for every block.

mod absorber;
mod cmac_key;
mod decrypt;
mod seal;
mod single;

use alloc::boxed::Box;

use aes::{Aes128, Aes128Enc, Aes192, Aes192Enc, Aes256, Aes256Enc};
use cipher::consts::U16;
use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use crate::keys::{KeyBytes, SessionKeys};

use cmac_key::CmacKey;
pub(crate) use cmac_key::{Context, Derivation, Input};
use decrypt::Decryption;
pub(crate) use seal::Message;

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

/// Makes derivations under one key: expands it once, enters the AES code once.
pub(crate) fn derive(key: &KeyBytes, derivations: &mut [Derivation<'_>]) {
    match key {
        KeyBytes::Aes128(key) => cmac_key::derive(&Aes128Enc::new(key.into()), derivations),
        KeyBytes::Aes192(key) => cmac_key::derive(&Aes192Enc::new(key.into()), derivations),
        KeyBytes::Aes256(key) => cmac_key::derive(&Aes256Enc::new(key.into()), derivations),
    };
}

/// The ciphers of one session.
pub(crate) enum SessionCiphers {
    Aes128(Box<[Suite<Aes128, Aes128Enc>; 1]>),
    Aes192(Box<[Suite<Aes192, Aes192Enc>; 1]>),
    Aes256(Box<[Suite<Aes256, Aes256Enc>; 1]>),
}

/// Expands the keys where they stay: `Box::new` would build the 2 to 3 kB on the stack, and leave a
/// copy there; an element of `vec!` is written to its place.
macro_rules! suite {
    ($aes:ident, $enc:ident, $mac:ident, $rmac:ident, $keys:ident, $under_mac:ident) => {{
        let place = alloc::vec![Suite {
            enc: $aes::new($enc.into()),
            mac: CmacKey::expand($mac.into()),
            rmac: CmacKey::expand($rmac.into()),
            keys: $keys,
        }];
        let mut place: Box<[_; 1]> = place.try_into().ok()?;
        let [suite] = &mut *place;
        suite.mac.derive($under_mac);
        suite.rmac.derive(&mut []);
        place
    }};
}

macro_rules! with_suite {
    ($ciphers:expr, $suite:ident => $body:expr) => {
        match $ciphers {
            SessionCiphers::Aes128(suite) => {
                let [$suite] = &**suite;
                $body
            }
            SessionCiphers::Aes192(suite) => {
                let [$suite] = &**suite;
                $body
            }
            SessionCiphers::Aes256(suite) => {
                let [$suite] = &**suite;
                $body
            }
        }
    };
}

impl SessionCiphers {
    /// Expands the keys and makes derivations under S-MAC (the cryptograms), or gives nothing when
    /// the keys are not of one length.
    pub(crate) fn new(keys: SessionKeys, under_mac: &mut [Derivation<'_>]) -> Option<Self> {
        let ciphers = match (&keys.enc.0, &keys.mac.0, &keys.rmac.0) {
            (KeyBytes::Aes128(enc), KeyBytes::Aes128(mac), KeyBytes::Aes128(rmac)) => {
                Self::Aes128(suite!(Aes128, enc, mac, rmac, keys, under_mac))
            }
            (KeyBytes::Aes192(enc), KeyBytes::Aes192(mac), KeyBytes::Aes192(rmac)) => {
                Self::Aes192(suite!(Aes192, enc, mac, rmac, keys, under_mac))
            }
            (KeyBytes::Aes256(enc), KeyBytes::Aes256(mac), KeyBytes::Aes256(rmac)) => {
                Self::Aes256(suite!(Aes256, enc, mac, rmac, keys, under_mac))
            }
            _ => return None,
        };
        Some(ciphers)
    }

    /// The keys as they were derived.
    pub(crate) fn keys(&self) -> &SessionKeys {
        with_suite!(self, suite => &suite.keys)
    }

    /// The MAC of a command; with a counter block, its data is encrypted first.
    pub(crate) fn seal_command(
        &self,
        counter_block: Option<u128>,
        message: Message<'_>,
    ) -> [u8; 16] {
        with_suite!(self, suite => match counter_block {
            Some(counter_block) => suite.mac.seal(&suite.enc, counter_block, message),
            None => suite.mac.mac(message),
        })
    }

    /// The MAC of a response; with a counter block, its data is encrypted first.
    pub(crate) fn seal_response(
        &self,
        counter_block: Option<u128>,
        message: Message<'_>,
    ) -> [u8; 16] {
        with_suite!(self, suite => match counter_block {
            Some(counter_block) => suite.rmac.seal(&suite.enc, counter_block, message),
            None => suite.rmac.mac(message),
        })
    }

    /// Decrypts in place. Gives nothing when the data is not a whole number of blocks.
    pub(crate) fn decrypt(&self, counter_block: u128, data: &mut [u8]) -> Option<()> {
        let (blocks, []) = data.as_chunks_mut::<16>() else {
            return None;
        };
        with_suite!(self, suite => suite.decrypt(counter_block, blocks));
        Some(())
    }
}

/// The three expanded keys of one session: `E` encrypts and decrypts, `M` only encrypts.
pub(crate) struct Suite<E, M> {
    enc: E,
    mac: CmacKey<M>,
    rmac: CmacKey<M>,
    keys: SessionKeys,
}

impl<E, M> Suite<E, M>
where
    E: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt,
{
    fn decrypt(&self, counter_block: u128, blocks: &mut [[u8; 16]]) {
        let mut initial_vector = Block::from(counter_block.to_be_bytes());
        self.enc.encrypt_block(&mut initial_vector);
        self.enc.decrypt_with_backend(Decryption {
            initial_vector: u128::from_ne_bytes(initial_vector.into()),
            blocks,
        });
    }
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
        let ciphers = SessionCiphers::new(keys.clone(), &mut []).unwrap();
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
        let ciphers = SessionCiphers::new(keys, &mut []).unwrap();
        assert_eq!(ciphers.decrypt(1, &mut [0; 15]), None);
        assert_eq!(ciphers.decrypt(1, &mut [0; 32]), Some(()));
    }
}
