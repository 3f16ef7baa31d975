//! The bytes behind every key type.

use cipher::{BlockCipherEncrypt as _, KeyInit as _};
use cmac::{Cmac, Mac as _};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::KeyError;
use crate::block::with_aes;

/// The bytes of an AES key of any length.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) enum KeyBytes {
    Aes128([u8; 16]),
    Aes192([u8; 24]),
    Aes256([u8; 32]),
}

impl KeyBytes {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if let Ok(bytes) = bytes.try_into() {
            Ok(Self::Aes128(bytes))
        } else if let Ok(bytes) = bytes.try_into() {
            Ok(Self::Aes192(bytes))
        } else if let Ok(bytes) = bytes.try_into() {
            Ok(Self::Aes256(bytes))
        } else {
            Err(KeyError::InvalidLength {
                length: bytes.len(),
            })
        }
    }

    /// Zeros of the same length as this key, to be filled.
    pub(crate) fn blank(&self) -> Self {
        match self {
            Self::Aes128(_) => Self::Aes128([0; 16]),
            Self::Aes192(_) => Self::Aes192([0; 24]),
            Self::Aes256(_) => Self::Aes256([0; 32]),
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            Self::Aes128(bytes) => bytes,
            Self::Aes192(bytes) => bytes,
            Self::Aes256(bytes) => bytes,
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Aes128(bytes) => bytes,
            Self::Aes192(bytes) => bytes,
            Self::Aes256(bytes) => bytes,
        }
    }

    /// Length in bytes.
    pub(crate) fn length(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn check_value(&self) -> [u8; 3] {
        let mut block = [0x01; 16].into();
        with_aes!(self, key, Aes => Aes::new(key.into()).encrypt_block(&mut block));
        let [a, b, c, ..]: [u8; 16] = block.into();
        [a, b, c]
    }

    /// AES-CMAC (NIST SP 800-38B) over the parts, one after the other.
    pub(crate) fn cmac(&self, parts: &[&[u8]]) -> [u8; 16] {
        with_aes!(self, key, Aes => {
            let mut mac = <Cmac<Aes> as cmac::KeyInit>::new(key.into());
            for part in parts {
                mac.update(part);
            }
            mac.finalize().into_bytes().into()
        })
    }
}

impl PartialEq for KeyBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice().ct_eq(other.as_slice()).into()
    }
}

impl Eq for KeyBytes {}
