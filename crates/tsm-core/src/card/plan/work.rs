//! What is to be done for one service, seen by itself.

use globalplatform::aid::Aid;

use crate::card::content::{CardContent, EntryKind};
use crate::card::deployment::ServiceState;
use crate::card::desired::{Desired, DesiredService, Found};

use super::Action;

/// What is to be done for one service.
#[derive(Debug)]
pub(super) struct Work<'d> {
    pub(super) service: &'d DesiredService,
    pub(super) locks: Vec<Action>,
    /// What shall go, if nothing else needs it.
    pub(super) removals: Vec<(EntryKind, Aid)>,
    pub(super) additions: Vec<Action>,
    /// The applet for which nothing can be done: its load file is not there.
    pub(super) diverged: Option<Aid>,
}

impl<'d> Work<'d> {
    pub(super) fn on(
        service: &'d DesiredService,
        desired: &Desired,
        observed: &CardContent,
    ) -> Self {
        let found = service.find(observed);
        let mut work = Self {
            service,
            locks: Vec::new(),
            removals: Vec::new(),
            additions: Vec::new(),
            diverged: None,
        };
        if service.state == ServiceState::Absent {
            work.remove_unless_needed(&found, desired, observed);
            return work;
        }
        let mut left = found;
        if !found.domain.is_some_and(|domain| domain.is_personalized()) {
            // Nobody knows the keys of a domain that did not get to PERSONALIZED.
            work.remove_all(&found);
            work.additions
                .extend([Action::CreateDomain, Action::SetDomainKeys]);
            left = Found::default();
        }
        if left.load_file.is_none() {
            if left.applet.is_some() {
                work.diverged = Some(service.instance);
                return work;
            }
            work.additions.push(Action::LoadPackage);
        }
        work.bring_applet(&left, service.state);
        work
    }

    fn remove_all(&mut self, found: &Found<'_>) {
        let entries = [found.applet, found.load_file, found.domain];
        let present = entries.into_iter().flatten();
        self.removals
            .extend(present.map(|entry| (entry.kind, entry.aid)));
    }

    /// What no other service uses goes, with everything that nobody names in the
    /// domain when that goes too.
    fn remove_unless_needed(
        &mut self,
        found: &Found<'_>,
        desired: &Desired,
        observed: &CardContent,
    ) {
        let service = self.service;
        let stays = |other: &DesiredService| {
            let is_kept = desired
                .kept
                .iter()
                .any(|kept| kept.service == other.service);
            is_kept || other.state != ServiceState::Absent
        };
        let is_needed = |uses: fn(&DesiredService) -> Aid| {
            let mut others = desired
                .all()
                .filter(|other| other.service != service.service);
            others.any(|other| stays(other) && uses(other) == uses(service))
        };
        let domain_is_needed = is_needed(|other| other.security_domain);
        let package_is_needed = is_needed(|other| other.package);
        self.remove_all(&Found {
            applet: found.applet,
            load_file: found.load_file.filter(|_| !package_is_needed),
            domain: found.domain.filter(|_| !domain_is_needed),
        });
        if found.domain.is_none() || domain_is_needed {
            return;
        }
        let inside = observed.entries.iter().filter(|entry| {
            entry.security_domain == Some(service.security_domain)
                && entry.kind != EntryKind::SecurityDomain
                && desired
                    .all()
                    .all(|other| !other.names().contains(&entry.aid))
        });
        self.removals
            .extend(inside.map(|entry| (entry.kind, entry.aid)));
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
