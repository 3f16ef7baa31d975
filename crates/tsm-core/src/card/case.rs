//! Cases: divergence that people have to look at. One case per card, kind and entry,
//! however often it is seen.

use crate::card::difference::EntryName;
use crate::card::divergence::{Divergence, DivergenceKind};
use crate::identity::{Iccid, ServiceName, Tenant};
use crate::time::Timestamp;

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaseState {
    /// Nobody looks at it yet.
    Open,
    /// Somebody does.
    Assigned,
    /// It is settled. Seen again, it is opened again.
    Resolved,
}

/// A case. Record id: [`Case::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The card.
    pub iccid: Iccid,
    /// Whose subscriber holds it.
    pub tenant: Tenant,
    /// What is wrong.
    pub kind: DivergenceKind,
    /// With which entry.
    pub entry: EntryName,
    /// Of which service, if any.
    pub service: Option<ServiceName>,
    /// What was seen last, for people.
    pub detail: String,
    /// Where it stands.
    pub state: CaseState,
    /// Who looks at it, in its tenant's own words; empty for nobody.
    pub assignee: String,
    /// How it was settled; empty before.
    pub resolution: String,
    /// How often it was opened.
    pub openings: u32,
    /// First opened.
    pub opened_at: Timestamp,
    /// Last seen or changed.
    pub updated_at: Timestamp,
    /// The card alone can not settle it: it stays until somebody does.
    pub needs_people: bool,
}

impl Case {
    /// Most bytes of an assignee or a resolution.
    pub const MAX_WORDS: usize = 500;

    /// Record id: card, kind and AID.
    #[must_use]
    pub fn id(iccid: &Iccid, kind: DivergenceKind, entry: &EntryName) -> String {
        format!("{iccid}/{}/{}", kind.as_str(), entry.aid)
    }

    /// A new case.
    #[must_use]
    pub fn open(iccid: &Iccid, tenant: &Tenant, seen: &Divergence, now: Timestamp) -> Self {
        Self {
            iccid: iccid.clone(),
            tenant: tenant.clone(),
            kind: seen.kind,
            entry: seen.entry,
            service: seen.service.clone(),
            detail: seen.detail.clone(),
            state: CaseState::Open,
            assignee: String::new(),
            resolution: String::new(),
            openings: 1,
            opened_at: now,
            updated_at: now,
            needs_people: false,
        }
    }

    /// The case after its divergence was seen once more.
    #[must_use]
    pub fn seen_again(mut self, seen: &Divergence, now: Timestamp) -> Self {
        if self.state == CaseState::Resolved {
            self.state = CaseState::Open;
            self.openings = self.openings.saturating_add(1);
            self.assignee.clear();
            self.resolution.clear();
        }
        self.service.clone_from(&seen.service);
        self.detail.clone_from(&seen.detail);
        self.updated_at = now;
        self
    }

    /// The case, settled.
    #[must_use]
    pub fn resolved(mut self, words: &str, now: Timestamp) -> Self {
        self.state = CaseState::Resolved;
        words.clone_into(&mut self.resolution);
        self.needs_people = false;
        self.updated_at = now;
        self
    }
}
