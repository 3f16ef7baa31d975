//! LOAD (G 11.6): a load file in numbered blocks.

use alloc::vec::Vec;

use super::header::{self, INVALID_P1, Origin};
use crate::{
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::{DecodeError, EncodeError},
};

/// Instruction byte.
pub const INS: u8 = 0xE8;

/// P1 b8: the last block.
const LAST: u8 = 0x80;

/// One block of a load file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Whether this is the last block.
    pub last: bool,
    /// Counts from 0 by one.
    pub block_number: u8,
    /// Part of the load file structure ([`crate::load_file::LoadFile::load_file_structure`]).
    pub block: Vec<u8>,
}

impl Load {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let p1 = if self.last { LAST } else { 0 };
        CommandApdu::new(0x80, INS, p1, self.block_number)
            .with_data(self.block.clone())
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; a block is not empty.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        if apdu.p1 & !LAST != 0 {
            return Err(INVALID_P1);
        }
        if apdu.data.is_empty() {
            return Err(DecodeError::Truncated {
                offset: apdu.data_offset(),
                needed: 1,
            });
        }
        Ok(Self {
            last: apdu.p1 == LAST,
            block_number: apdu.p2,
            block: apdu.data.clone(),
        })
    }
}

/// Cuts a load file structure into LOAD commands of at most `block_size` bytes.
///
/// # Errors
/// [`EncodeError::TooManyBlocks`] when 256 blocks do not suffice, [`EncodeError::EmptyBlocks`] when
/// `block_size` is zero.
///
/// ```
/// use globalplatform::commands::load::load_blocks;
///
/// let blocks = load_blocks(&[0xC4, 3, 1, 2, 3], 2)?;
/// assert_eq!(blocks.len(), 3);
/// assert!(blocks[2].last && blocks[2].block == [3]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
pub fn load_blocks(
    load_file_structure: &[u8],
    block_size: usize,
) -> Result<Vec<Load>, EncodeError> {
    let blocks = numbered_blocks(load_file_structure, block_size)?;
    Ok(blocks
        .map(|(block_number, last, block)| Load {
            last,
            block_number,
            block: block.to_vec(),
        })
        .collect())
}

/// Cuts bytes into at most 256 blocks with number and whether it is the last.
pub(super) fn numbered_blocks(
    bytes: &[u8],
    block_size: usize,
) -> Result<impl Iterator<Item = (u8, bool, &[u8])>, EncodeError> {
    if block_size == 0 {
        return Err(EncodeError::EmptyBlocks);
    }
    let chunks = bytes.chunks(block_size);
    let blocks = chunks.len();
    if blocks > 256 {
        return Err(EncodeError::TooManyBlocks { blocks });
    }
    Ok((0..=u8::MAX)
        .zip(chunks)
        .map(move |(number, block)| (number, usize::from(number) + 1 == blocks, block)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips,
    };
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn encodes_an_example() {
        let last = Load {
            last: true,
            block_number: 7,
            block: vec![1, 2],
        };
        assert_encodes(&last.to_apdu(), "80E88007 02 0102 00");
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00E80000010000", 0),
            ("80E60000010000", 1),
            ("80E84000010000", 2),
            ("80E8000000", 5),
        ] {
            let error = Load::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn refuses_a_257th_block_and_blocks_of_nothing() {
        assert_eq!(load_blocks(&[0; 512], 2).unwrap().len(), 256);
        assert_eq!(
            load_blocks(&[0; 513], 2),
            Err(EncodeError::TooManyBlocks { blocks: 257 })
        );
        assert_eq!(load_blocks(&[0], 0), Err(EncodeError::EmptyBlocks));
        assert_eq!(load_blocks(&[], 9), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn blocks_join_to_the_whole(bytes in any_bytes(1..2000), size in 8usize..300) {
            let blocks = load_blocks(&bytes, size).unwrap();
            let joined: Vec<u8> = blocks.iter().flat_map(|load| load.block.clone()).collect();
            prop_assert_eq!(joined, bytes);
            for (i, load) in blocks.iter().enumerate() {
                prop_assert_eq!(usize::from(load.block_number), i);
                prop_assert_eq!(load.last, i + 1 == blocks.len());
                prop_assert!(load.block.len() <= size);
            }
        }

        #[test]
        fn round_trips(last: bool, block_number: u8, block in any_bytes(1..300)) {
            let command = Load { last, block_number, block };
            assert_round_trips(&command, Load::to_apdu, Load::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, Load::from_apdu);
        }
    }
}
