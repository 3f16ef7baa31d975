//! The card's generator: AES-256 in counter mode over zeros, keyed by the card's seed, so that a run can be repeated.
//!
//! The position in the key stream belongs to the non-volatile state: a card that was switched off goes on where it
//! stopped and never gives the same bytes twice.

use aes::Aes256;
use cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::state::encoding::hex_array;

/// A deterministic generator; equal seeds give equal bytes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Generator {
    #[serde(with = "hex_array")]
    seed: [u8; 32],
    /// Bytes given out so far.
    position: u64,
}

impl Generator {
    /// A generator at the start of the stream that belongs to `seed`.
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, position: 0 }
    }

    /// The generator, at its start, of a card that was made of this one and has another number.
    pub(crate) fn fork(&self, iccid: &str) -> Self {
        let seed = Sha256::new()
            .chain_update(b"uicc-sim fork ")
            .chain_update(self.seed)
            .chain_update(iccid)
            .finalize();
        Self::new(seed.into())
    }

    /// The next `N` bytes of the stream.
    pub(crate) fn next<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0u8; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Fills the buffer with the next bytes of the stream.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill(0);
        let mut stream = ctr::Ctr128BE::<Aes256>::new(&self.seed.into(), &[0u8; 16].into());
        if stream.try_seek(self.position).is_ok() {
            stream.apply_keystream(buffer);
        }
        self.position = self.position.saturating_add(buffer.len() as u64);
    }
}

impl core::fmt::Debug for Generator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Generator")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.seed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes_in_pieces_of_any_size() {
        let mut one = Generator::new([7; 32]);
        let mut other = Generator::new([7; 32]);
        let whole: [u8; 48] = one.next();
        let first: [u8; 5] = other.next();
        let rest: [u8; 43] = other.next();
        assert_eq!(&whole[..5], &first);
        assert_eq!(&whole[5..], &rest);
    }

    #[test]
    fn goes_on_after_being_stored() {
        let mut card = Generator::new([9; 32]);
        let _: [u8; 16] = card.next();
        let stored = serde_json::to_string(&card).unwrap();
        let mut reopened: Generator = serde_json::from_str(&stored).unwrap();
        assert_eq!(card.next::<16>(), reopened.next::<16>());
    }

    #[test]
    fn debug_shows_no_seed() {
        assert_eq!(
            format!("{:?}", Generator::new([0xAB; 32])),
            "Generator { position: 0, .. }"
        );
    }
}
