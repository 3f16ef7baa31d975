//! AES in the two modes of the channel, with every key schedule expanded once per session.
//!
//! The `cmac` and `cbc` crates serve everything outside the channel; `cmac` derives its subkeys
//! anew for every MAC, and the two together enter the AES code once for every block.

mod seal;

use alloc::boxed::Box;

use aes::{Aes128, Aes192, Aes256};
use cipher::consts::U16;
use cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt as _, InnerIvInit as _, KeyInit,
};

use crate::keys::{KeyBytes, SessionKeys};

use seal::MacKeySchedule;
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
        with_suite!(self, suite => suite.seal(&suite.mac, counter_block, message))
    }

    /// The MAC of a response; with a counter block, its data is encrypted first.
    pub(crate) fn seal_response(
        &self,
        counter_block: Option<u128>,
        message: Message<'_>,
    ) -> [u8; 16] {
        with_suite!(self, suite => suite.seal(&suite.rmac, counter_block, message))
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

    fn seal(
        &self,
        key: &MacKeySchedule<C>,
        counter_block: Option<u128>,
        message: Message<'_>,
    ) -> [u8; 16] {
        key.seal(counter_block.map(|block| (&self.enc, block)), message)
    }

    fn decrypt(&self, counter_block: u128, blocks: &mut [Block]) {
        let mut icv = Block::from(counter_block.to_be_bytes());
        self.enc.encrypt_block(&mut icv);
        cbc::Decryptor::inner_iv_init(&self.enc, &icv).decrypt_blocks(blocks);
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
