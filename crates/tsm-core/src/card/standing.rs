//! Whether a card is in use, as its operator declared it.

use crate::identity::Iccid;
use crate::ports::{Store, StoreError};
use crate::time::Timestamp;

/// What was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// With its subscriber. Cards of which nothing was declared are.
    InUse,
    /// Lost.
    Lost,
    /// Stolen.
    Stolen,
    /// Not to be used again.
    Retired,
}

impl Standing {
    /// As audit entries and people spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in use",
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Retired => "retired",
        }
    }

    /// Lost, stolen and recovered may follow in any order; who is retired stays so.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        self != Self::Retired || next == Self::Retired
    }
}

/// A declaration. Record id: the ICCID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// What.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Who declared it: tenant and role.
    pub by: String,
}

impl Declaration {
    /// What is declared of a card.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing(store: &dyn Store, iccid: &Iccid) -> Result<Standing, StoreError> {
        let found = store.load::<Self>(iccid.as_str()).await?;
        Ok(found.map_or(Standing::InUse, |found| found.value.standing))
    }
}
