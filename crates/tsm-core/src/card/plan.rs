//! From what a card shows to what it shall hold: a pure function.
//!
//! Whatever was interrupted, lost or torn before, the answer is the same: read
//! the card and plan again. The plan names only entries of services that are
//! desired (or desired to be gone), what lies in a domain that goes with its
//! last service, and entries of nobody that were named as unwanted.

mod memory;
mod removal;
mod work;

use std::collections::BTreeSet;

use globalplatform::aid::Aid;

use crate::card::content::{CardContent, EntryKind};
use crate::card::deployment::ServiceState;
use crate::card::desired::{Desired, DesiredService};
use crate::error::{Failure, Reason};
use crate::identity::ServiceName;

use memory::Memory;
use removal::Removals;
use work::Work;

/// What a security domain takes of the card beside its quota, in bytes. Cards
/// differ; this and the numbers below err on the safe side.
pub const DOMAIN_BYTES: u32 = 512;
/// What a key set of three AES-128 keys takes of a domain's quota, in bytes.
pub const KEY_SET_BYTES: u32 = 72;
/// What a load file takes beside its data block, in bytes.
pub const LOAD_FILE_BYTES: u32 = 64;
/// What an applet instance takes beside its data, in bytes.
pub const INSTANCE_BYTES: u32 = 96;

/// One change to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// For which service; none when an entry goes that is nobody's.
    pub service: Option<ServiceName>,
    /// What is done.
    pub action: Action,
}

/// What is done to the entries of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Makes the security domain, with its quota, selectable.
    CreateDomain,
    /// Gives the domain first keys of its own; it becomes PERSONALIZED.
    SetDomainKeys,
    /// Loads the package into the domain.
    LoadPackage,
    /// Makes the applet instance, not selectable yet.
    InstallApplet,
    /// Makes the applet selectable.
    MakeSelectable,
    /// Locks the applet.
    Lock,
    /// Unlocks the applet.
    Unlock,
    /// Deletes the applet instance.
    DeleteApplet,
    /// Deletes the load file.
    DeletePackage,
    /// Deletes the security domain.
    DeleteDomain,
    /// Deletes an entry that no service names: unwanted, or in a domain that goes.
    Erase(EntryKind, Aid),
}

impl Action {
    /// Whether something goes off the card for good.
    #[must_use]
    pub const fn is_removal(self) -> bool {
        matches!(
            self,
            Self::DeleteApplet | Self::DeletePackage | Self::DeleteDomain | Self::Erase(..)
        )
    }

    /// The action in words, for audit entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateDomain => "create domain",
            Self::SetDomainKeys => "set domain keys",
            Self::LoadPackage => "load package",
            Self::InstallApplet => "install applet",
            Self::MakeSelectable => "make selectable",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::DeleteApplet => "delete applet",
            Self::DeletePackage => "delete package",
            Self::DeleteDomain => "delete domain",
            Self::Erase(EntryKind::Applet, _) => "erase applet",
            Self::Erase(EntryKind::LoadFile, _) => "erase package",
            Self::Erase(EntryKind::SecurityDomain, _) => "erase domain",
        }
    }
}

impl Change {
    /// The change in words: for whom, what, and what is erased.
    #[must_use]
    pub fn in_words(&self) -> String {
        let action = self.action.name();
        let what = match (&self.service, self.action) {
            (_, Action::Erase(_, aid)) => format!("{action} {aid}"),
            _ => action.to_owned(),
        };
        match &self.service {
            Some(service) => format!("{service} {what}"),
            None => what,
        }
    }
}

/// Why a service cannot come to its desired state. Nothing is written then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Not enough memory, on the card or within the quota.
    #[error("{service} needs {needed} bytes, {free} are free")]
    InsufficientMemory {
        /// Which service.
        service: ServiceName,
        /// Bytes it needs.
        needed: u32,
        /// Bytes it can have.
        free: u32,
    },
    /// A name of the service belongs to something else.
    #[error("{aid}, which {service} needs, belongs to something else")]
    AidConflict {
        /// Which service.
        service: ServiceName,
        /// The name.
        aid: Aid,
    },
    /// The card holds the service in a way that no card can be, or that only
    /// throwing away what others have would mend.
    #[error("{aid}, which {service} needs, can not be mended without loss")]
    Diverged {
        /// Which service.
        service: ServiceName,
        /// The entry that stands in the way.
        aid: Aid,
    },
}

impl PlanError {
    /// The service that cannot be had.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        match self {
            Self::InsufficientMemory { service, .. }
            | Self::AidConflict { service, .. }
            | Self::Diverged { service, .. } => service,
        }
    }
}

impl Failure for PlanError {
    fn reason(&self) -> Reason {
        match self {
            Self::InsufficientMemory { .. } => Reason::InsufficientSeMemory,
            Self::AidConflict { .. } => Reason::AidConflict,
            Self::Diverged { .. } => Reason::Diverged,
        }
    }
}

/// The changes that bring `observed` to `desired`, in the order in which they
/// must be made; empty when there is nothing to do.
///
/// Locks come first, then what is removed (applets, load files, domains), then
/// what is added. What something else on the card still needs is not removed.
///
/// # Errors
/// [`PlanError`] for the first service that cannot be had.
pub fn plan(desired: &Desired, observed: &CardContent) -> Result<Vec<Change>, PlanError> {
    own_names(desired)?;
    let works: Vec<Work<'_>> = desired
        .services
        .iter()
        .map(|service| Work::on(service, desired, observed))
        .collect();
    let removals = Removals::of(desired, observed, &works);
    let mut memory = Memory::after(&removals, observed);
    let mut taken = BTreeSet::new();
    let mut additions = Vec::new();
    for work in &works {
        let service = work.service;
        if service.state == ServiceState::Absent {
            continue;
        }
        if let Some(aid) = service.conflicts(observed).first() {
            return Err(conflict(service, *aid));
        }
        if let Some(aid) = work.diverged.or_else(|| removals.left_of(work)) {
            return Err(diverged(service, aid));
        }
        // What is shared is made for the first one that needs it.
        let own: Vec<Action> = work
            .additions
            .iter()
            .copied()
            .filter(|action| match action {
                Action::CreateDomain | Action::SetDomainKeys => {
                    !taken.contains(&service.security_domain)
                }
                Action::LoadPackage => !taken.contains(&service.package),
                _ => true,
            })
            .collect();
        memory.take(service, &own, desired)?;
        taken.extend(
            own.contains(&Action::CreateDomain)
                .then_some(service.security_domain),
        );
        taken.extend(
            own.contains(&Action::LoadPackage)
                .then_some(service.package),
        );
        additions.extend(own.into_iter().map(|action| change(service, action)));
    }
    let locks = works
        .iter()
        .flat_map(|work| work.locks.iter().map(|lock| change(work.service, *lock)));
    Ok(locks.chain(removals.changes()).chain(additions).collect())
}

/// Whether any of the changes removes something that is not for a service that shall go.
#[must_use]
pub fn clears_the_way(desired: &Desired, changes: &[Change]) -> bool {
    changes.iter().any(|change| {
        let service = change
            .service
            .as_ref()
            .and_then(|name| desired.service(name));
        change.action.is_removal()
            && service.is_none_or(|service| service.state != ServiceState::Absent)
    })
}

/// Everything that keeps `service` from its desired state on a card that holds
/// what `observed` shows: all conflicts, and missing memory.
#[must_use]
pub fn obstacles(service: &DesiredService, observed: &CardContent) -> Vec<PlanError> {
    let desired = Desired::of(vec![service.clone()]);
    let work = Work::on(service, &desired, observed);
    let removals = Removals::of(&desired, observed, core::slice::from_ref(&work));
    let mut memory = Memory::after(&removals, observed);
    let conflicts = service.conflicts(observed);
    let mut found: Vec<_> = conflicts
        .into_iter()
        .map(|aid| conflict(service, aid))
        .collect();
    let left = work.diverged.or_else(|| removals.left_of(&work));
    found.extend(left.map(|aid| diverged(service, aid)));
    found.extend(memory.take(service, &work.additions, &desired).err());
    found
}

fn change(service: &DesiredService, action: Action) -> Change {
    Change {
        service: Some(service.service.clone()),
        action,
    }
}

fn conflict(service: &DesiredService, aid: Aid) -> PlanError {
    PlanError::AidConflict {
        service: service.service.clone(),
        aid,
    }
}

fn diverged(service: &DesiredService, aid: Aid) -> PlanError {
    PlanError::Diverged {
        service: service.service.clone(),
        aid,
    }
}

/// No two services may use one name, unless one provider shares it.
fn own_names(desired: &Desired) -> Result<(), PlanError> {
    for (index, service) in desired.services.iter().enumerate() {
        let earlier = desired.services.iter().take(index).chain(&desired.kept);
        for other in earlier {
            if !service.agrees_with(other) {
                let names = service.names().into_iter();
                let shared = names.clone().find(|name| other.names().contains(name));
                return Err(conflict(service, shared.unwrap_or(service.instance)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
