//! Which refused calls go to the audit log.
//!
//! Anybody with a certificate can be refused as often as they like, and every
//! audit entry is kept for ever. So of equal refusals ten a minute are recorded;
//! the server's own log shows each.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tsm_core::time::Timestamp;

/// Equal refusals are counted over this time …
const WINDOW: Duration = Duration::from_secs(60);
/// … in which so many are recorded.
const RECORDED: u32 = 10;
/// Different refusals that are remembered; beyond, all are forgotten at once.
const MOST: usize = 4_096;

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub struct Denials {
    seen: Mutex<BTreeMap<String, (Timestamp, u32)>>,
}

impl Denials {
    /// Whether a refusal is to be recorded; `what` names caller, call and reason.
    pub fn is_recorded(&self, what: &str, now: Timestamp) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, count)) = seen.get_mut(what)
            && now.since(*since) < WINDOW
        {
            *count = count.saturating_add(1);
            return *count <= RECORDED;
        }
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(what.to_owned(), (now, 1));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_refusals_ten_a_minute_are_recorded() {
        let denials = Denials::default();
        for _ in 0..RECORDED {
            assert!(denials.is_recorded("a", Timestamp(0)));
        }
        assert!(!denials.is_recorded("a", Timestamp(59_999)));
        assert!(denials.is_recorded("b", Timestamp(59_999)));
        assert!(denials.is_recorded("a", Timestamp(60_000)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let denials = Denials::default();
        for index in 0..3 * MOST {
            denials.is_recorded(&index.to_string(), Timestamp(0));
        }
        assert!(denials.seen.lock().unwrap().len() <= MOST);
    }
}
