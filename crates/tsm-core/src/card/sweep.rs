//! A sweep: every card of an issuer is compared with what it shall hold.
//!
//! The sweep goes through the fleet in the order of card numbers. Cards that are attached
//! are read; the others are done when they are next attached, for a card that was not
//! compared since the newest sweep began is still to be done.

use crate::identity::Tenant;
use crate::time::Timestamp;

/// Where a sweep stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SweepState {
    /// Goes through the fleet.
    Running,
    /// Was stopped before its end. Cards that were passed over are still done when attached.
    Stopped,
    /// Came to its end.
    Finished,
}

/// The newest sweep of an issuer. Record id: the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Whose cards.
    pub issuer: Tenant,
    /// 1 for the first sweep of the issuer.
    pub number: u32,
    /// Where it stands.
    pub state: SweepState,
    /// When it began.
    pub started_at: Timestamp,
    /// Last change of this record.
    pub updated_at: Timestamp,
    /// Who started it: tenant and role, or `schedule`.
    pub started_by: String,
    /// Most cards that are read in a second.
    pub cards_per_second: u32,
    /// The last card that was passed; empty at the beginning.
    pub cursor: String,
    /// What was done so far.
    pub counts: SweepCounts,
}

/// Numbers of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepCounts {
    /// Cards that were passed.
    pub cards: u64,
    /// Cards that were read and compared.
    pub compared: u64,
    /// Cards that were not attached when they were passed.
    pub absent: u64,
    /// Of those, cards that were compared since.
    pub caught_up: u64,
    /// Cards that were attached and could not be read.
    pub failed: u64,
    /// Divergences that were found.
    pub divergences: u64,
    /// Divergences that were repaired.
    pub repaired: u64,
    /// Cases that were opened.
    pub cases: u64,
}

impl SweepCounts {
    /// The sums of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            cards: self.cards.saturating_add(other.cards),
            compared: self.compared.saturating_add(other.compared),
            absent: self.absent.saturating_add(other.absent),
            caught_up: self.caught_up.saturating_add(other.caught_up),
            failed: self.failed.saturating_add(other.failed),
            divergences: self.divergences.saturating_add(other.divergences),
            repaired: self.repaired.saturating_add(other.repaired),
            cases: self.cases.saturating_add(other.cases),
        }
    }
}

impl Sweep {
    /// Most cards that a sweep reads in a second.
    pub const FASTEST: u32 = 1_000;
    /// Cards that a sweep reads in a second unless told otherwise.
    pub const USUAL: u32 = 20;

    /// The next sweep after `before`.
    #[must_use]
    pub fn next(
        before: Option<&Self>,
        issuer: &Tenant,
        started_by: &str,
        cards_per_second: u32,
        now: Timestamp,
    ) -> Self {
        Self {
            issuer: issuer.clone(),
            number: before.map_or(1, |before| before.number.saturating_add(1)),
            state: SweepState::Running,
            started_at: now,
            updated_at: now,
            started_by: started_by.to_owned(),
            cards_per_second,
            cursor: String::new(),
            counts: SweepCounts::default(),
        }
    }

    /// Whether a card that was last compared at `compared_at` is still to be done.
    #[must_use]
    pub fn awaits(&self, compared_at: Timestamp) -> bool {
        compared_at < self.started_at
    }
}
