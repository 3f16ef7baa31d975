//! Version 7 UUIDs (RFC 9562, 5.7), from a clock and randomness that are handed in.

use crate::ports::{Entropy, EntropyError};
use crate::time::Timestamp;

/// A new UUID: the moment in milliseconds, then 74 random bits. Later ones sort after earlier ones.
///
/// # Errors
/// [`EntropyError`].
pub fn version_7(now: Timestamp, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut random = [0; 10];
    entropy.fill(&mut random)?;
    let moment = u64::try_from(now.0).unwrap_or(0).to_be_bytes();
    let [_, _, m0, m1, m2, m3, m4, m5] = moment;
    let [a0, a1, b @ ..] = random;
    let [b0, b1, node @ ..] = b;
    let version = 0x70 | (a0 & 0x0F);
    let variant = 0x80 | (b0 & 0x3F);
    Ok(format!(
        "{}-{}-{}-{}-{}",
        hex::encode([m0, m1, m2, m3]),
        hex::encode([m4, m5]),
        hex::encode([version, a1]),
        hex::encode([variant, b1]),
        hex::encode(node),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn follows_the_layout_of_rfc_9562() {
        // Moment, version and variant of the example in RFC 9562, A.6.
        let uuid = version_7(Timestamp(0x017F_22E2_79B0), &Fixed(0xFF)).unwrap();
        assert_eq!(uuid, "017f22e2-79b0-7fff-bfff-ffffffffffff");
        let uuid = version_7(Timestamp(0x017F_22E2_79B0), &Fixed(0x00)).unwrap();
        assert_eq!(uuid, "017f22e2-79b0-7000-8000-000000000000");
    }

    #[test]
    fn later_ones_sort_after_earlier_ones() {
        let early = version_7(Timestamp(1_700_000_000_000), &Fixed(0xFF)).unwrap();
        let late = version_7(Timestamp(1_700_000_000_001), &Fixed(0x00)).unwrap();
        assert!(early < late);
    }
}
