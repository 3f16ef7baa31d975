//! The encrypted component of a secret key (G 11.8.2.3.2, Tables 11-70 and 11-71; Amendment D Table
//! 7-10; ETSI TS 102 226, 8.2.1.5).

use crate::{
    error::{DecodeError, EncodeError},
    tlv::{Reader, Writer},
};
use alloc::vec::Vec;

/// The block of a secret key: `[clear length] | cipher text | [CMAC length]`.
///
/// A block whose length is a multiple of the cipher's block size is the cipher text alone
/// (G 11.8.2.3.3). SCP80 has one more byte after key 02 (KID) when that is AES: the length of its
/// CMACs, 04 or 08.
///
/// ```
/// use globalplatform::commands::put_key::SecretBlock;
///
/// let block = SecretBlock { clear_length: Some(24), cipher_text: &[0; 32], cmac_length: None };
/// let bytes = block.encode()?;
/// assert_eq!((bytes.len(), bytes[0]), (33, 0x18));
/// assert_eq!(SecretBlock::decode(&bytes, SecretBlock::AES_BLOCK)?, block);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretBlock<'a> {
    /// How many bytes of the decrypted block are the key; `None` when the length is left out and all
    /// of them are.
    pub clear_length: Option<usize>,
    /// The encrypted key, whole blocks of the cipher.
    pub cipher_text: &'a [u8],
    /// 04 or 08 with key 02 of an SCP80 key set.
    pub cmac_length: Option<u8>,
}

impl<'a> SecretBlock<'a> {
    /// Block size of AES in bytes.
    pub const AES_BLOCK: usize = 16;
    /// Block size of DES in bytes.
    pub const DES_BLOCK: usize = 8;

    /// The block as it stands in the key field.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the clear length is above that of the cipher text.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        if let Some(length) = self.clear_length {
            if length > self.cipher_text.len() {
                return Err(EncodeError::TooLong {
                    field: "clear key",
                    length,
                    limit: self.cipher_text.len(),
                });
            }
            writer.length(length);
        }
        writer.bytes(self.cipher_text);
        writer.bytes(self.cmac_length.as_slice());
        Ok(writer.into_vec())
    }

    /// Decodes a block encrypted by a cipher with blocks of `cipher_block` bytes.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the block: a length that does not fit the cipher text, or
    /// more behind it than a CMAC length.
    pub fn decode(block: &'a [u8], cipher_block: usize) -> Result<Self, DecodeError> {
        if block.is_empty() || cipher_block == 0 {
            return Err(DecodeError::InvalidLength { offset: 0 });
        }
        if block.len().is_multiple_of(cipher_block) {
            return Ok(Self {
                clear_length: None,
                cipher_text: block,
                cmac_length: None,
            });
        }
        let mut reader = Reader::new(block);
        let length = reader.lenient_length()?;
        let padded = length
            .checked_next_multiple_of(cipher_block)
            .filter(|padded| *padded > 0)
            .ok_or(DecodeError::InvalidLength { offset: 0 })?;
        let cipher_text = reader.take(padded)?;
        let offset = reader.offset();
        let cmac_length = match reader.rest() {
            [] => None,
            [length @ (0x04 | 0x08)] => Some(*length),
            _ => return Err(DecodeError::TrailingBytes { offset }),
        };
        Ok(Self {
            clear_length: Some(length),
            cipher_text,
            cmac_length,
        })
    }
}

impl core::fmt::Debug for SecretBlock<'_> {
    /// Lengths only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SecretBlock")
            .field("clear_length", &self.clear_length)
            .field(
                "cipher_text",
                &format_args!("[{} bytes]", self.cipher_text.len()),
            )
            .field("cmac_length", &self.cmac_length)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::any_bytes;
    use alloc::{format, vec};
    use proptest::prelude::*;

    const AES: usize = SecretBlock::AES_BLOCK;

    #[test]
    fn decodes_the_forms_of_the_tables() {
        for (first, clear, cipher, cmac) in [
            (Some(0x10), Some(16), 16, None),
            (Some(0x18), Some(24), 32, None),
            (Some(0x20), Some(32), 32, None),
            (None, None, 16, None),
            (None, None, 32, None),
            (Some(0x10), Some(16), 16, Some(4)),
            (Some(0x10), Some(16), 16, Some(8)),
        ] {
            let mut block = vec![];
            block.extend(first);
            block.extend(vec![0xC1; cipher]);
            block.extend(cmac);
            let decoded = SecretBlock::decode(&block, AES).unwrap();
            assert_eq!(decoded.clear_length, clear);
            assert_eq!(decoded.cipher_text, vec![0xC1; cipher]);
            assert_eq!(decoded.cmac_length, cmac);
            assert_eq!(decoded.encode(), Ok(block));
        }
        let des = [7; 24];
        assert_eq!(
            SecretBlock::decode(&des, SecretBlock::DES_BLOCK)
                .unwrap()
                .cipher_text,
            des
        );
    }

    #[test]
    fn refuses_malformed_blocks_with_offsets() {
        let mut too_much = vec![0x10; 17];
        too_much.extend([4, 4]);
        let mut odd_cmac = vec![0x10; 17];
        odd_cmac.push(5);
        for (block, cipher_block, error) in [
            (vec![], AES, DecodeError::InvalidLength { offset: 0 }),
            (vec![1; 16], 0, DecodeError::InvalidLength { offset: 0 }),
            (vec![0; 3], AES, DecodeError::InvalidLength { offset: 0 }),
            (vec![0x85; 3], AES, DecodeError::InvalidLength { offset: 0 }),
            (
                vec![0x11; 20],
                AES,
                DecodeError::Truncated {
                    offset: 20,
                    needed: 13,
                },
            ),
            (too_much, AES, DecodeError::TrailingBytes { offset: 17 }),
            (odd_cmac, AES, DecodeError::TrailingBytes { offset: 17 }),
        ] {
            assert_eq!(SecretBlock::decode(&block, cipher_block), Err(error));
        }
    }

    #[test]
    fn refuses_to_encode_a_key_longer_than_its_cipher_text() {
        let block = |clear| SecretBlock {
            clear_length: Some(clear),
            cipher_text: &[0; 16],
            cmac_length: None,
        };
        assert_eq!(block(16).encode().unwrap().len(), 17);
        assert_eq!(
            block(17).encode(),
            Err(EncodeError::TooLong {
                field: "clear key",
                length: 17,
                limit: 16
            })
        );
    }

    #[test]
    fn debug_shows_no_cipher_text() {
        let block = SecretBlock {
            clear_length: None,
            cipher_text: &[0xDE; 16],
            cmac_length: Some(4),
        };
        assert_eq!(
            format!("{block:?}"),
            "SecretBlock { clear_length: None, cipher_text: [16 bytes], cmac_length: Some(4) }"
        );
    }

    proptest! {
        #[test]
        fn round_trips(blocks in 1usize..5, short in 0usize..16, cmac in prop_oneof![
            Just(None), Just(Some(4)), Just(Some(8))]) {
            let cipher_text = vec![0x5A; 16 * blocks];
            let block = SecretBlock {
                clear_length: Some(16 * blocks - short),
                cipher_text: &cipher_text,
                cmac_length: cmac,
            };
            let bytes = block.encode().unwrap();
            prop_assert_eq!(SecretBlock::decode(&bytes, AES), Ok(block));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..60), block in 0usize..20) {
            if let Err(error) = SecretBlock::decode(&data, block) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
