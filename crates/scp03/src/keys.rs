//! Key types: one type for each role, so that a MAC key cannot be passed for an encryption key.
//!
//! All of them wipe their bytes on drop, compare in constant time, show no bytes in `Debug`, and
//! give their bytes away only through a method whose name starts with `danger`.

mod bytes;
mod session_keys;
mod static_keys;
mod transport;

pub use session_keys::{SEnc, SMac, SRmac, SessionKeys};
pub use static_keys::StaticKeys;

pub(crate) use bytes::KeyBytes;

use cipher::BlockModeDecrypt as _;
use cipher::BlockModeEncrypt as _;
use cipher::KeyIvInit as _;
use thiserror::Error;

use crate::block::{as_blocks_mut, with_aes};

/// A key or a piece of key data has the wrong shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An AES key has 16, 24 or 32 bytes.
    #[error("an AES key has 16, 24 or 32 bytes, not {length}")]
    InvalidLength {
        /// Length given, in bytes.
        length: usize,
    },
    /// The keys of one set must have one length.
    #[error("the keys of a set have different lengths")]
    MixedLengths,
    /// CBC without padding needs whole blocks.
    #[error("{length} bytes are not a whole number of AES blocks")]
    NotWholeBlocks {
        /// Length given, in bytes.
        length: usize,
    },
    /// The key derivation function cannot make so much output.
    #[error("the key derivation function gives at most 4080 bytes, not {length}")]
    OutputTooLong {
        /// Length asked for, in bytes.
        length: usize,
    },
}

macro_rules! key_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(pub(crate) KeyBytes);

        impl $name {
            /// Takes the bytes of an AES-128, AES-192 or AES-256 key.
            ///
            /// # Errors
            /// The length is not 16, 24 or 32.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
                KeyBytes::new(bytes).map(Self)
            }

            /// The key itself. Only for sealing it, or for a checker that looks for it in places
            /// where it must not be.
            pub fn danger_bytes(&self) -> &[u8] {
                self.0.as_slice()
            }

            /// Key check value: the first three bytes of `01*16` encrypted under the key (D 7.2.2,
            /// G B.6).
            pub fn check_value(&self) -> [u8; 3] {
                self.0.check_value()
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "(AES-{})"), 8 * self.0.length())
            }
        }
    };
}
pub(crate) use key_type;

key_type!(
    /// Static Key-ENC, key identifier 01: session encryption keys, cryptograms of the card
    /// challenge.
    EncKey
);
key_type!(
    /// Static Key-MAC, key identifier 02: session MAC keys.
    MacKey
);
key_type!(
    /// Static Key-DEK, key identifier 03: encrypts keys sent to the card.
    DekKey
);
key_type!(
    /// A master key, from which the static keys of cards are diversified off the card.
    MasterKey
);
key_type!(
    /// An AES key whose role is said by the version and identifier it is stored under.
    AesKey
);

impl AesKey {
    /// AES-CMAC over the data (NIST SP 800-38B).
    pub fn cmac(&self, data: &[u8]) -> [u8; 16] {
        self.0.cmac(&[data])
    }
}

impl DekKey {
    /// Encrypts whole blocks in place: AES-CBC, zero initial vector, no padding (D 6.2.8).
    ///
    /// # Errors
    /// The length of `data` is not a multiple of 16.
    pub fn encrypt(&self, data: &mut [u8]) -> Result<(), KeyError> {
        let length = data.len();
        let blocks = as_blocks_mut(data).ok_or(KeyError::NotWholeBlocks { length })?;
        with_aes!(&self.0, key, Aes => {
            cbc::Encryptor::<Aes>::new(key.into(), &[0; 16].into()).encrypt_blocks(blocks);
        });
        Ok(())
    }

    /// Decrypts whole blocks in place, the inverse of [`DekKey::encrypt`].
    ///
    /// # Errors
    /// The length of `data` is not a multiple of 16.
    pub fn decrypt(&self, data: &mut [u8]) -> Result<(), KeyError> {
        let length = data.len();
        let blocks = as_blocks_mut(data).ok_or(KeyError::NotWholeBlocks { length })?;
        with_aes!(&self.0, key, Aes => {
            cbc::Decryptor::<Aes>::new(key.into(), &[0; 16].into()).decrypt_blocks(blocks);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn refuses_lengths_that_are_not_of_aes() {
        for length in (0..40).filter(|length| ![16, 24, 32].contains(length)) {
            let bytes = alloc::vec![0x5A; length];
            assert_eq!(
                EncKey::from_bytes(&bytes),
                Err(KeyError::InvalidLength { length })
            );
        }
    }

    #[test]
    fn debug_output_shows_no_key_byte() {
        let key = |length: usize| alloc::vec![0xA7; length];
        insta::assert_snapshot!(format!("{:?}", EncKey::from_bytes(&key(16))), @"Ok(EncKey(AES-128))");
        insta::assert_snapshot!(format!("{:?}", MacKey::from_bytes(&key(24))), @"Ok(MacKey(AES-192))");
        insta::assert_snapshot!(format!("{:?}", DekKey::from_bytes(&key(32))), @"Ok(DekKey(AES-256))");
        insta::assert_snapshot!(format!("{:?}", MasterKey::from_bytes(&key(32))), @"Ok(MasterKey(AES-256))");
        insta::assert_snapshot!(format!("{:?}", AesKey::from_bytes(&key(16))), @"Ok(AesKey(AES-128))");
    }

    #[test]
    fn equal_keys_are_equal_and_others_are_not() {
        let key = MacKey::from_bytes(&[1; 16]).unwrap();
        assert_eq!(key, key.clone());
        assert_ne!(key, MacKey::from_bytes(&[2; 16]).unwrap());
        assert_ne!(key, MacKey::from_bytes(&[1; 24]).unwrap());
    }

    #[test]
    fn dek_encryption_undoes_itself_and_refuses_odd_lengths() {
        for length in [16, 24, 32] {
            let dek = DekKey::from_bytes(&alloc::vec![0x11; length]).unwrap();
            let mut data = *b"0123456789ABCDEFfedcba9876543210";
            dek.encrypt(&mut data).unwrap();
            assert_ne!(&data, b"0123456789ABCDEFfedcba9876543210");
            dek.decrypt(&mut data).unwrap();
            assert_eq!(&data, b"0123456789ABCDEFfedcba9876543210");
            assert_eq!(
                dek.encrypt(&mut [0; 17]),
                Err(KeyError::NotWholeBlocks { length: 17 })
            );
            assert_eq!(
                dek.decrypt(&mut [0; 15]),
                Err(KeyError::NotWholeBlocks { length: 15 })
            );
        }
    }
}
