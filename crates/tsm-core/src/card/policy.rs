//! What is done about a card that does not hold what it shall, by kind of divergence.
//! An operator has a policy for its subscribers' cards; where it has none, that of the
//! issuer counts, and the usual one where there is none either.

use globalplatform::aid::Aid;

use crate::card::divergence::DivergenceKind;
use crate::card::steps::SECURITY_DOMAIN_PACKAGE;
use crate::card::uicc::Uicc;
use crate::identity::Tenant;
use crate::ports::{Store, StoreError};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reaction {
    /// The card is brought to what is desired.
    Repair,
    /// A case is opened; people decide.
    Report,
    /// Nothing.
    Ignore,
}

/// A policy. Record id: the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whose it is.
    pub tenant: Tenant,
    /// For what is left of services that shall not be there.
    pub orphan: Reaction,
    /// For what a service lacks.
    pub missing: Reaction,
    /// For what is in another state than it shall be.
    pub wrong_state: Reaction,
    /// For what is nobody's.
    pub foreign: Reaction,
    /// What begins with one of these is never foreign. Five to sixteen bytes each.
    pub ignored: Vec<Aid>,
}

impl Policy {
    /// Most AIDs that a policy ignores.
    pub const MOST_IGNORED: usize = 64;

    /// Repairs what is ours, reports what is not, and knows the package of security
    /// domains that every card comes with.
    #[must_use]
    pub fn usual(tenant: Tenant) -> Self {
        Self {
            tenant,
            orphan: Reaction::Repair,
            missing: Reaction::Repair,
            wrong_state: Reaction::Repair,
            foreign: Reaction::Report,
            ignored: vec![SECURITY_DOMAIN_PACKAGE],
        }
    }

    /// The policy for a card.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(store: &dyn Store, uicc: &Uicc) -> Result<Self, StoreError> {
        for tenant in [&uicc.tenant, &uicc.issuer] {
            if let Some(found) = store.load::<Self>(tenant.as_str()).await? {
                return Ok(found.value);
            }
        }
        Ok(Self::usual(uicc.issuer.clone()))
    }

    /// What is done about divergence of this kind. Keys are never changed without people.
    #[must_use]
    pub const fn reaction(&self, kind: DivergenceKind) -> Reaction {
        match kind {
            DivergenceKind::Orphan => self.orphan,
            DivergenceKind::Missing => self.missing,
            DivergenceKind::WrongState => self.wrong_state,
            DivergenceKind::Foreign => self.foreign,
            DivergenceKind::StaleKeyVersion => Reaction::Report,
        }
    }

    /// Whether an entry with this name is never foreign.
    #[must_use]
    pub fn ignores(&self, aid: &Aid) -> bool {
        let mut ignored = self.ignored.iter();
        ignored.any(|known| aid.starts_with(known.as_bytes()))
    }
}
