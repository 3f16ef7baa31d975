//! From what a card shows to what it shall hold: a pure function.
//!
//! Whatever was interrupted, lost or torn before, the answer is the same: read
//! the card and plan again. The plan names only entries of services that are
//! desired (or desired to be gone); nobody else's are touched.

use globalplatform::aid::Aid;

use crate::card::content::CardContent;
use crate::card::deployment::ServiceState;
use crate::card::desired::{Desired, DesiredService, Found};
use crate::error::{Failure, Reason};
use crate::identity::ServiceName;

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
    /// For which service.
    pub service: ServiceName,
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
}

impl Action {
    /// Whether something goes off the card for good.
    #[must_use]
    pub const fn is_removal(self) -> bool {
        matches!(
            self,
            Self::DeleteApplet | Self::DeletePackage | Self::DeleteDomain
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
    /// The applet is there, in a domain with keys, and its load file is not: no
    /// card can be like that, and what the applet holds is not thrown away for it.
    #[error("{aid}, which {service} needs, is there without its load file")]
    Diverged {
        /// Which service.
        service: ServiceName,
        /// The applet.
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
/// Locks come first, then what is removed, then what is added.
///
/// # Errors
/// [`PlanError`] for the first service that cannot be had.
pub fn plan(desired: &Desired, observed: &CardContent) -> Result<Vec<Change>, PlanError> {
    own_names(desired)?;
    let mut memory = Memory {
        free: observed.free_memory,
    };
    let works: Vec<Work> = desired
        .services
        .iter()
        .map(|service| Work::on(service, observed))
        .collect();
    for (service, work) in desired.services.iter().zip(&works) {
        memory.give_back(service, &work.removals);
    }
    for (service, work) in desired.services.iter().zip(&works) {
        if service.state == ServiceState::Absent {
            continue;
        }
        if let Some(aid) = service.conflicts(observed).first() {
            return Err(conflict(service, *aid));
        }
        if work.is_diverged {
            return Err(diverged(service));
        }
        memory.take(service, &work.additions)?;
    }
    let mut changes = Vec::new();
    let mut add = |part: fn(&Work) -> &Vec<Action>| {
        for (service, work) in desired.services.iter().zip(&works) {
            changes.extend(part(work).iter().map(|action| Change {
                service: service.service.clone(),
                action: *action,
            }));
        }
    };
    add(|work| &work.locks);
    add(|work| &work.removals);
    add(|work| &work.additions);
    Ok(changes)
}

/// Whether any of the changes removes something for a service that shall stay.
#[must_use]
pub fn clears_the_way(desired: &Desired, changes: &[Change]) -> bool {
    changes.iter().any(|change| {
        let service = desired.service(&change.service);
        change.action.is_removal()
            && service.is_none_or(|service| service.state != ServiceState::Absent)
    })
}

/// Everything that keeps `service` from its desired state on a card that holds
/// what `observed` shows: all conflicts, and missing memory.
#[must_use]
pub fn obstacles(service: &DesiredService, observed: &CardContent) -> Vec<PlanError> {
    let work = Work::on(service, observed);
    let mut memory = Memory {
        free: observed.free_memory,
    };
    memory.give_back(service, &work.removals);
    let conflicts = service.conflicts(observed);
    let mut found: Vec<_> = conflicts
        .into_iter()
        .map(|aid| conflict(service, aid))
        .collect();
    found.extend(work.is_diverged.then(|| diverged(service)));
    found.extend(memory.take(service, &work.additions).err());
    found
}

fn conflict(service: &DesiredService, aid: Aid) -> PlanError {
    PlanError::AidConflict {
        service: service.service.clone(),
        aid,
    }
}

fn diverged(service: &DesiredService) -> PlanError {
    PlanError::Diverged {
        service: service.service.clone(),
        aid: service.instance,
    }
}

/// No two services may use one name.
fn own_names(desired: &Desired) -> Result<(), PlanError> {
    let mut taken = std::collections::BTreeSet::new();
    for service in &desired.services {
        for aid in service.names() {
            if !taken.insert(aid) {
                return Err(conflict(service, aid));
            }
        }
    }
    Ok(())
}

/// What is to be done for one service.
#[derive(Debug, Default)]
struct Work {
    locks: Vec<Action>,
    removals: Vec<Action>,
    additions: Vec<Action>,
    /// The applet is there without its load file: nothing is to be done.
    is_diverged: bool,
}

impl Work {
    fn on(service: &DesiredService, observed: &CardContent) -> Self {
        let found = service.find(observed);
        let mut work = Self::default();
        if service.state == ServiceState::Absent {
            work.remove_all(&found);
            return work;
        }
        let mut left = found;
        if !found.domain.is_some_and(|domain| domain.is_personalized()) {
            // Nobody knows the keys of a domain that did not get to PERSONALIZED.
            work.remove_all(&found);
            work.additions
                .extend([Action::CreateDomain, Action::SetDomainKeys]);
            left = Found {
                domain: None,
                load_file: None,
                applet: None,
            };
        }
        if left.load_file.is_none() {
            if left.applet.is_some() {
                work.is_diverged = true;
                return work;
            }
            work.additions.push(Action::LoadPackage);
        }
        work.bring_applet(&left, service.state);
        work
    }

    fn remove_all(&mut self, found: &Found<'_>) {
        let entries = [
            (found.applet, Action::DeleteApplet),
            (found.load_file, Action::DeletePackage),
            (found.domain, Action::DeleteDomain),
        ];
        let present = entries.into_iter().filter(|(entry, _)| entry.is_some());
        self.removals.extend(present.map(|(_, action)| action));
    }

    /// From the applet that is there, if any, to the one that shall be.
    fn bring_applet(&mut self, found: &Found<'_>, state: ServiceState) {
        let (locked, selectable) = match found.applet {
            Some(applet) => (applet.is_locked(), applet.is_selectable()),
            None => {
                self.additions.push(Action::InstallApplet);
                (false, false)
            }
        };
        if state == ServiceState::Suspended {
            if !locked && found.applet.is_some() {
                self.locks.push(Action::Lock);
            } else if !locked {
                self.additions.push(Action::Lock);
            }
            return;
        }
        if locked {
            self.additions.push(Action::Unlock);
        }
        if state == ServiceState::Active && !selectable {
            self.additions.push(Action::MakeSelectable);
        }
    }
}

/// Memory of the card that nobody has.
struct Memory {
    free: u32,
}

impl Memory {
    fn give_back(&mut self, service: &DesiredService, removals: &[Action]) {
        for removal in removals {
            self.free = self.free.saturating_add(match removal {
                Action::DeleteDomain => DOMAIN_BYTES,
                Action::DeletePackage => load_file_bytes(service),
                Action::DeleteApplet => INSTANCE_BYTES,
                _ => 0,
            });
        }
    }

    fn take(&mut self, service: &DesiredService, additions: &[Action]) -> Result<(), PlanError> {
        let content = load_file_bytes(service).saturating_add(INSTANCE_BYTES + KEY_SET_BYTES);
        if additions.contains(&Action::LoadPackage) && content > service.quota {
            return Err(insufficient(service, content, service.quota));
        }
        let needed = if additions.contains(&Action::CreateDomain) {
            // The provider was promised the whole quota.
            DOMAIN_BYTES.saturating_add(service.quota)
        } else {
            let parts = additions.iter().map(|addition| match addition {
                Action::LoadPackage => load_file_bytes(service),
                Action::InstallApplet => INSTANCE_BYTES,
                _ => 0,
            });
            parts.fold(0, u32::saturating_add)
        };
        if needed > self.free {
            return Err(insufficient(service, needed, self.free));
        }
        self.free -= needed;
        Ok(())
    }
}

fn insufficient(service: &DesiredService, needed: u32, free: u32) -> PlanError {
    PlanError::InsufficientMemory {
        service: service.service.clone(),
        needed,
        free,
    }
}

fn load_file_bytes(service: &DesiredService) -> u32 {
    service.load_file_bytes.saturating_add(LOAD_FILE_BYTES)
}

#[cfg(test)]
mod tests;
