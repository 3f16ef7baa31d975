//! Joining the blocks of STORE DATA (G 11.11.2.2): numbers from 00 on by one, up to the last block.

use alloc::vec::Vec;

use super::StoreData;
use crate::status_word::StatusWord;

/// A block that does not follow the one before, or too much data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The block has another number than the next one.
    #[error("block {found}, expected {expected}")]
    Number {
        /// The number that should come.
        expected: u16,
        /// The number that came.
        found: u8,
    },
    /// The blocks together are longer than the receiver takes.
    #[error("more than {limit} bytes")]
    TooLong {
        /// How many bytes it takes.
        limit: usize,
    },
}

impl BlockError {
    /// What a card answers.
    #[must_use]
    pub const fn status_word(&self) -> StatusWord {
        match self {
            Self::Number { .. } => StatusWord::WRONG_P1P2,
            Self::TooLong { .. } => StatusWord::NO_MEMORY,
        }
    }
}

/// Joins blocks; an error and the last block begin anew.
///
/// ```
/// use globalplatform::commands::store_data::{BlockJoiner, Encryption, Structure, store_data_blocks};
///
/// let payload = [7; 500];
/// let mut joiner = BlockJoiner::new(1000);
/// let mut joined = None;
/// for block in store_data_blocks(&payload, 239, Encryption::None, Structure::Dgi, false)? {
///     joined = joiner.take(&block)?;
/// }
/// assert_eq!(joined.unwrap(), payload);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct BlockJoiner {
    limit: usize,
    next: u16,
    data: Vec<u8>,
}

impl BlockJoiner {
    /// Takes up to `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            next: 0,
            data: Vec::new(),
        }
    }

    /// Forgets what came: SELECT, a new personalization, the end of the secure channel.
    pub fn reset(&mut self) {
        self.next = 0;
        self.data.clear();
    }

    /// Takes a block; gives the whole payload with the last one.
    ///
    /// # Errors
    /// [`BlockError`]; the next block is the first one then.
    pub fn take(&mut self, block: &StoreData) -> Result<Option<Vec<u8>>, BlockError> {
        let (expected, found) = (self.next, block.block_number);
        let limit = self.limit;
        let error = if u16::from(found) != expected {
            Some(BlockError::Number { expected, found })
        } else if self.data.len().saturating_add(block.data.len()) > limit {
            Some(BlockError::TooLong { limit })
        } else {
            None
        };
        if let Some(error) = error {
            self.reset();
            return Err(error);
        }
        self.data.extend_from_slice(&block.data);
        self.next += 1;
        if !block.last {
            return Ok(None);
        }
        self.next = 0;
        Ok(Some(core::mem::take(&mut self.data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::store_data::{Encryption, Structure, store_data_blocks};
    use alloc::vec;

    fn blocks(length: usize, size: usize) -> Vec<StoreData> {
        let payload = vec![9; length];
        store_data_blocks(&payload, size, Encryption::None, Structure::None, false).unwrap()
    }

    #[test]
    fn joins_256_blocks_and_no_more() {
        let mut joiner = BlockJoiner::new(256);
        let mut all = blocks(256, 1);
        for block in all.iter().take(255) {
            assert_eq!(joiner.take(block), Ok(None));
        }
        assert_eq!(joiner.take(&all[255]), Ok(Some(vec![9; 256])));
        // Without a last block the number after FF is none.
        all[255].last = false;
        for block in &all {
            assert_eq!(joiner.take(block), Ok(None));
        }
        let error = BlockError::Number {
            expected: 256,
            found: 0,
        };
        assert_eq!(joiner.take(&all[0]), Err(error));
        assert_eq!(error.status_word(), StatusWord::WRONG_P1P2);
    }

    #[test]
    fn an_error_begins_anew() {
        let parts = blocks(9, 3);
        let mut joiner = BlockJoiner::new(9);
        assert_eq!(joiner.take(&parts[0]), Ok(None));
        let error = BlockError::Number {
            expected: 1,
            found: 2,
        };
        assert_eq!(joiner.take(&parts[2]), Err(error));
        for part in parts.iter().take(2) {
            assert_eq!(joiner.take(part), Ok(None));
        }
        assert_eq!(joiner.take(&parts[2]), Ok(Some(vec![9; 9])));
        assert_eq!(joiner.take(&parts[0]), Ok(None));
        joiner.reset();
        assert_eq!(joiner.take(&parts[0]), Ok(None));
    }

    #[test]
    fn refuses_more_than_the_limit() {
        let parts = blocks(9, 3);
        let mut joiner = BlockJoiner::new(8);
        assert_eq!(joiner.take(&parts[0]), Ok(None));
        assert_eq!(joiner.take(&parts[1]), Ok(None));
        let error = BlockError::TooLong { limit: 8 };
        assert_eq!(joiner.take(&parts[2]), Err(error));
        assert_eq!(error.status_word(), StatusWord::NO_MEMORY);
        assert_eq!(joiner.take(&parts[0]), Ok(None));
    }
}
