//! What goes off the card, of all services together: each entry once, applets
//! before load files before domains, and nothing that something else needs.

use globalplatform::aid::Aid;

use crate::card::content::{CardContent, ContentEntry, EntryKind};
use crate::card::desired::{Desired, DesiredService};

use super::work::Work;
use super::{Action, Change};

/// An entry that goes.
#[derive(Debug)]
pub(super) struct Removal<'d> {
    /// For whom; none for what is nobody's.
    pub(super) service: Option<&'d DesiredService>,
    pub(super) kind: EntryKind,
    pub(super) aid: Aid,
}

/// All entries that go.
#[derive(Debug)]
pub(super) struct Removals<'d> {
    entries: Vec<Removal<'d>>,
}

impl<'d> Removals<'d> {
    pub(super) fn of(desired: &'d Desired, observed: &CardContent, works: &[Work<'d>]) -> Self {
        let mut removals = Self {
            entries: Vec::new(),
        };
        for work in works {
            for (kind, aid) in &work.removals {
                removals.add(Some(work.service), *kind, *aid);
            }
        }
        let is_named = |aid: &Aid| desired.all().any(|service| service.names().contains(aid));
        for entry in &observed.entries {
            if desired.unwanted.contains(&entry.aid) && !is_named(&entry.aid) {
                removals.add(None, entry.kind, entry.aid);
            }
        }
        removals.entries.sort_by_key(|removal| rank(removal.kind));
        removals.spare_what_is_needed(observed);
        removals
    }

    fn add(&mut self, service: Option<&'d DesiredService>, kind: EntryKind, aid: Aid) {
        if !self.contains(kind, &aid) {
            self.entries.push(Removal { service, kind, aid });
        }
    }

    fn contains(&self, kind: EntryKind, aid: &Aid) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|removal| removal.kind == kind && removal.aid == *aid)
    }

    /// A card deletes nothing that an entry refers to which stays.
    fn spare_what_is_needed(&mut self, observed: &CardContent) {
        loop {
            let before = self.entries.len();
            let staying: Vec<&ContentEntry> = observed
                .entries
                .iter()
                .filter(|entry| !self.contains(entry.kind, &entry.aid))
                .collect();
            self.entries.retain(|removal| {
                let mut staying = staying.iter().filter(|entry| entry.aid != removal.aid);
                staying.all(|entry| {
                    entry.load_file != Some(removal.aid)
                        && entry.security_domain != Some(removal.aid)
                })
            });
            if self.entries.len() == before {
                return;
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Removal<'d>> {
        self.entries.iter()
    }

    /// An entry that has to go for a service and can not.
    pub(super) fn left_of(&self, work: &Work<'_>) -> Option<Aid> {
        let mut wanted = work.removals.iter();
        wanted
            .find(|(kind, aid)| !self.contains(*kind, aid))
            .map(|(_, aid)| *aid)
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.entries.iter().map(|removal| Change {
            service: removal.service.map(|service| service.service.clone()),
            action: action(removal),
        })
    }
}

fn action(removal: &Removal<'_>) -> Action {
    let names = removal.service.map(DesiredService::names);
    let is_own = names.is_some_and(|names| names.contains(&removal.aid));
    match removal.kind {
        EntryKind::Applet if is_own => Action::DeleteApplet,
        EntryKind::LoadFile if is_own => Action::DeletePackage,
        EntryKind::SecurityDomain if is_own => Action::DeleteDomain,
        kind => Action::Erase(kind, removal.aid),
    }
}

const fn rank(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::Applet => 0,
        EntryKind::LoadFile => 1,
        EntryKind::SecurityDomain => 2,
    }
}
