//! What reconciliation remembers of a card.

use crate::card::difference::{Difference, Noted};
use crate::time::Timestamp;

/// Record id: the ICCID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardHistory {
    /// When the card was last compared with what it shall hold.
    pub compared_at: Timestamp,
    /// Key sets of the issuer domain that are as they should be: those of the first
    /// reading, until somebody accepts others.
    pub issuer_keys: Option<Vec<u8>>,
    /// Differences between readings that this server did not make, oldest first.
    pub differences: Vec<Noted>,
}

impl CardHistory {
    /// Most differences that are kept.
    pub const KEPT: usize = 20;

    /// Adds differences; the oldest go.
    pub fn note(&mut self, found: &[Difference], at: Timestamp) {
        self.differences
            .extend(found.iter().map(|difference| Noted {
                at,
                difference: difference.clone(),
            }));
        let surplus = self.differences.len().saturating_sub(Self::KEPT);
        self.differences.drain(..surplus);
    }
}
