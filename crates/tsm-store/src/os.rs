//! Randomness and time of the operating system, for the ports of `tsm-core`.

use std::time::{SystemTime, UNIX_EPOCH};

use tsm_core::ports::{Clock, Entropy, EntropyError};
use tsm_core::time::Timestamp;

/// The operating system's random generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// The operating system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let milliseconds =
            |elapsed: std::time::Duration| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        Timestamp(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => milliseconds(after),
            Err(before) => milliseconds(before.duration()).saturating_neg(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let mut draws = [[0; 32]; 2];
        for draw in &mut draws {
            OsEntropy.fill(draw).unwrap();
        }
        assert_ne!(draws[0], draws[1]);
    }

    #[test]
    fn the_clock_counts_milliseconds_since_1970() {
        let start_of_2026 = Timestamp(1_767_225_600_000);
        let start_of_2126 = Timestamp(4_922_899_200_000);
        assert!((start_of_2026..start_of_2126).contains(&SystemClock.now()));
    }
}
