//! Memory: what removals give back and additions take. All numbers err on the safe side.

use crate::card::content::{CardContent, EntryKind};
use crate::card::deployment::ServiceState;
use crate::card::desired::{Desired, DesiredService};

use super::removal::Removals;
use super::{Action, DOMAIN_BYTES, INSTANCE_BYTES, KEY_SET_BYTES, LOAD_FILE_BYTES, PlanError};

/// Memory of the card that nobody has.
pub(super) struct Memory {
    free: u32,
}

impl Memory {
    /// What is free when everything that goes has gone. What nobody's entries
    /// give back is not known and not counted.
    pub(super) fn after(removals: &Removals<'_>, observed: &CardContent) -> Self {
        let given_back = removals.iter().map(|removal| match removal.kind {
            EntryKind::SecurityDomain => DOMAIN_BYTES,
            EntryKind::LoadFile => removal
                .service
                .filter(|service| service.package == removal.aid)
                .map_or(0, load_file_bytes),
            EntryKind::Applet => INSTANCE_BYTES,
        });
        Self {
            free: given_back.fold(observed.free_memory, u32::saturating_add),
        }
    }

    /// Takes what the additions for a service need.
    pub(super) fn take(
        &mut self,
        service: &DesiredService,
        additions: &[Action],
        desired: &Desired,
    ) -> Result<(), PlanError> {
        let adds_content = additions
            .iter()
            .any(|action| matches!(action, Action::LoadPackage | Action::InstallApplet));
        let content = content_of_domain(service, desired);
        if adds_content && content > service.quota {
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

/// What all services in the domain of `service` take of its quota together.
fn content_of_domain(service: &DesiredService, desired: &Desired) -> u32 {
    let mut files = Vec::new();
    let mut bytes = KEY_SET_BYTES;
    let in_domain = desired.all().filter(|other| {
        other.security_domain == service.security_domain && other.state != ServiceState::Absent
    });
    for other in in_domain {
        bytes = bytes.saturating_add(INSTANCE_BYTES);
        if !files.contains(&other.package) {
            files.push(other.package);
            bytes = bytes.saturating_add(load_file_bytes(other));
        }
    }
    bytes
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
