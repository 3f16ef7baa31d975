//! In what a card differs from what it shall hold, and what is done about it: a pure function.

use std::collections::BTreeSet;

use globalplatform::aid::Aid;
use globalplatform::life_cycle::CardLifeCycle;

use crate::card::content::{CardContent, ContentEntry, EntryKind};
use crate::card::deployment::ServiceState;
use crate::card::desired::{Desired, DesiredService};
use crate::card::difference::{EntryName, life_cycle, version_list};
use crate::card::policy::{Policy, Reaction};
use crate::identity::ServiceName;

/// Kinds of divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DivergenceKind {
    /// Left of a service that shall not be on the card.
    Orphan,
    /// A service shall be there and lacks this.
    Missing,
    /// There, but in another state than it shall be.
    WrongState,
    /// A domain has other key sets than it should.
    StaleKeyVersion,
    /// Nobody's that this server knows.
    Foreign,
}

impl DivergenceKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Orphan,
        Self::Missing,
        Self::WrongState,
        Self::StaleKeyVersion,
        Self::Foreign,
    ];

    /// As names of cases, requests and people spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Missing => "missing",
            Self::WrongState => "wrong-state",
            Self::StaleKeyVersion => "stale-key-version",
            Self::Foreign => "foreign",
        }
    }
}

/// One divergence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Its kind.
    pub kind: DivergenceKind,
    /// The entry that it is about.
    pub entry: EntryName,
    /// The service that it is about, if any.
    pub service: Option<ServiceName>,
    /// What is done about it.
    pub reaction: Reaction,
    /// For people.
    pub detail: String,
}

/// What a card shall be like, as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Its services. Those that are kept wait for people.
    pub desired: Desired,
    /// Services that were never put on this card: their entries do not belong there.
    pub others: Vec<DesiredService>,
    /// Its issuer domain.
    pub issuer: Aid,
    /// The key sets that the issuer domain had when it was first read.
    pub issuer_keys: Option<Vec<u8>>,
    /// Domains with the version of the first keys, which their provider must have replaced.
    pub first_keys: Vec<(Aid, u8)>,
}

/// In what `observed` differs from `expected`. What is open for work is repaired
/// whatever the policy says: it was asked for.
#[must_use]
pub fn classify(
    expected: &Expectation,
    observed: &CardContent,
    policy: &Policy,
) -> Vec<Divergence> {
    let mut classification = Classification {
        expected,
        observed,
        policy,
        explained: BTreeSet::new(),
        found: Vec::new(),
    };
    classification.card();
    for service in &expected.desired.services {
        classification.service(service, |_| Reaction::Repair);
    }
    for service in &expected.desired.kept {
        classification.service(service, |kind| match policy.reaction(kind) {
            Reaction::Ignore => Reaction::Ignore,
            _ => Reaction::Report,
        });
    }
    classification.strangers();
    let mut found = classification.found;
    found.retain(|divergence| divergence.reaction != Reaction::Ignore);
    found
}

struct Classification<'a> {
    expected: &'a Expectation,
    observed: &'a CardContent,
    policy: &'a Policy,
    explained: BTreeSet<EntryName>,
    found: Vec<Divergence>,
}

impl Classification<'_> {
    fn add(
        &mut self,
        kind: DivergenceKind,
        entry: EntryName,
        service: Option<&DesiredService>,
        reaction: Reaction,
        detail: String,
    ) {
        self.explained.insert(entry);
        self.found.push(Divergence {
            kind,
            entry,
            service: service.map(|service| service.service.clone()),
            reaction,
            detail,
        });
    }

    /// The card itself: its state, and the keys of its issuer domain.
    fn card(&mut self) {
        let entry = EntryName {
            kind: None,
            aid: self.expected.issuer,
        };
        let state = self.observed.card_life_cycle;
        if state >= CardLifeCycle::CardLocked.byte() {
            let detail = format!("the card is {}", life_cycle(None, state));
            let report = Reaction::Report;
            self.add(DivergenceKind::WrongState, entry, None, report, detail);
        }
        let found = self.observed.key_versions(&self.expected.issuer);
        if let (Some(expected), Some(found)) = (&self.expected.issuer_keys, found)
            && *expected != found.versions
        {
            let [expected, found] = [expected, &found.versions].map(|list| version_list(list));
            let detail = format!("the issuer domain has key sets {found}, expected {expected}");
            let report = Reaction::Report;
            self.add(DivergenceKind::StaleKeyVersion, entry, None, report, detail);
        }
    }

    fn service(&mut self, service: &DesiredService, react: impl Fn(DivergenceKind) -> Reaction) {
        let found = service.find(self.observed);
        let present = [found.domain, found.load_file, found.applet];
        let names = present
            .iter()
            .flatten()
            .map(|entry| EntryName::from(*entry));
        self.explained.extend(names);
        if service.state == ServiceState::Absent {
            self.remains(service, &present);
            return;
        }
        for aid in service.conflicts(self.observed) {
            let mut entries = self.observed.entries.iter();
            let entry = entries.find(|entry| entry.aid == aid).map(EntryName::from);
            let detail = format!("it has a name that {} needs", service.service);
            let report = Reaction::Report;
            if let Some(entry) = entry {
                self.add(
                    DivergenceKind::Foreign,
                    entry,
                    Some(service),
                    report,
                    detail.clone(),
                );
            }
        }
        let kinds = [
            EntryKind::SecurityDomain,
            EntryKind::LoadFile,
            EntryKind::Applet,
        ];
        let expected = kinds.into_iter().zip(service.names()).zip(present);
        for ((kind, aid), present) in expected {
            let entry = EntryName {
                kind: Some(kind),
                aid,
            };
            let Some(present) = present else {
                let detail = format!("{} lacks it", service.service);
                let reaction = react(DivergenceKind::Missing);
                self.add(
                    DivergenceKind::Missing,
                    entry,
                    Some(service),
                    reaction,
                    detail,
                );
                continue;
            };
            if let Some(wanted) = wrong_state(service, present) {
                let state = life_cycle(Some(kind), present.life_cycle);
                let detail = format!("it is {state} and shall be {wanted}");
                let reaction = react(DivergenceKind::WrongState);
                self.add(
                    DivergenceKind::WrongState,
                    entry,
                    Some(service),
                    reaction,
                    detail,
                );
            }
        }
        self.first_keys(service);
    }

    /// What is left of a service that shall not be there.
    fn remains(&mut self, service: &DesiredService, present: &[Option<&ContentEntry>; 3]) {
        let desired = &self.expected.desired;
        let is_needed = |aid: &Aid| {
            desired
                .all()
                .filter(|other| other.state != ServiceState::Absent)
                .any(|other| other.names().contains(aid))
        };
        let left: Vec<EntryName> = present
            .iter()
            .flatten()
            .filter(|entry| !is_needed(&entry.aid))
            .map(|entry| EntryName::from(*entry))
            .collect();
        for entry in left {
            if self.found.iter().any(|known| known.entry == entry) {
                continue;
            }
            let detail = format!("{} shall not be on the card", service.service);
            let repair = Reaction::Repair;
            self.add(DivergenceKind::Orphan, entry, Some(service), repair, detail);
        }
    }

    /// The keys that the carrier made are still in force while the service is in use.
    fn first_keys(&mut self, service: &DesiredService) {
        let domain = service.security_domain;
        let first = self
            .expected
            .first_keys
            .iter()
            .find(|(aid, _)| *aid == domain);
        let Some((_, version)) = first else { return };
        let keys = self.observed.key_versions(&domain);
        if keys.is_some_and(|keys| keys.versions.contains(version)) {
            let entry = EntryName {
                kind: Some(EntryKind::SecurityDomain),
                aid: domain,
            };
            let detail = format!("its first keys, {version:02X}, were never replaced");
            let report = Reaction::Report;
            self.add(
                DivergenceKind::StaleKeyVersion,
                entry,
                Some(service),
                report,
                detail,
            );
        }
    }

    /// Everything that no service of the card explains.
    fn strangers(&mut self) {
        for entry in &self.observed.entries {
            let name = EntryName::from(entry);
            if self.explained.contains(&name) {
                continue;
            }
            let others = &self.expected.others;
            let other = others.iter().find(|other| other.made(entry, self.observed));
            if let Some(other) = other {
                let reaction = self.policy.reaction(DivergenceKind::Orphan);
                let detail = format!("{} was never put on this card", other.service);
                self.add(DivergenceKind::Orphan, name, Some(other), reaction, detail);
            } else if !self.policy.ignores(&entry.aid) {
                let reaction = self.policy.reaction(DivergenceKind::Foreign);
                let state = life_cycle(Some(entry.kind), entry.life_cycle);
                let detail = match entry.security_domain {
                    Some(domain) => format!("{state} in domain {domain}, known to nobody"),
                    None => format!("{state}, known to nobody"),
                };
                self.add(DivergenceKind::Foreign, name, None, reaction, detail);
            }
        }
    }
}

/// What an entry of a service shall be, when it is something else.
fn wrong_state(service: &DesiredService, entry: &ContentEntry) -> Option<&'static str> {
    match (entry.kind, service.state) {
        (EntryKind::SecurityDomain, _) if !entry.is_personalized() || entry.is_locked() => {
            Some("PERSONALIZED")
        }
        (EntryKind::Applet, ServiceState::Suspended) if !entry.is_locked() => Some("LOCKED"),
        (EntryKind::Applet, ServiceState::Installed) if entry.is_locked() => Some("INSTALLED"),
        (EntryKind::Applet, ServiceState::Active)
            if entry.is_locked() || !entry.is_selectable() =>
        {
            Some("SELECTABLE")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
