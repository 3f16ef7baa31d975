//! What a card shall hold, and which entries of its registry are meant.

use globalplatform::aid::Aid;

use crate::card::catalogue::{Package, ServiceDefinition};
use crate::card::content::{CardContent, ContentEntry, EntryKind};
use crate::card::deployment::ServiceState;
use crate::identity::{ServiceName, Tenant};

/// Life cycle bit of a locked application or domain (GlobalPlatform 2.3.1, Tables 11-4 and 11-5).
const LOCKED: u8 = 0x80;
/// Life cycle bits of a selectable application (Table 11-4).
const SELECTABLE: u8 = 0x07;
/// PERSONALIZED (Table 11-5).
const PERSONALIZED: u8 = 0x0F;

/// What a card shall hold, of all providers: everything else on it is not ours to touch.
///
/// Services of one provider may share their security domain, and within it their load file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Services that are to be brought to their state.
    pub services: Vec<DesiredService>,
    /// Services that stay as they are for now, whatever that is; nothing that they use may go.
    pub kept: Vec<DesiredService>,
    /// Entries of nobody that shall go.
    pub unwanted: Vec<Aid>,
}

impl Desired {
    /// These services and nothing else.
    #[must_use]
    pub fn of(services: Vec<DesiredService>) -> Self {
        Self {
            services,
            ..Self::default()
        }
    }

    /// All services, those that stay as they are included.
    pub fn all(&self) -> impl Iterator<Item = &DesiredService> {
        self.services.iter().chain(&self.kept)
    }

    /// The service with this name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&DesiredService> {
        self.services
            .iter()
            .find(|service| service.service == *name)
    }
}

/// One service that a card shall hold, or shall not hold any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredService {
    /// Its name.
    pub service: ServiceName,
    /// Whose it is.
    pub provider: Tenant,
    /// What shall be on the card.
    pub state: ServiceState,
    /// Package, also the load file.
    pub package: Aid,
    /// Module to install.
    pub module: Aid,
    /// Applet instance.
    pub instance: Aid,
    /// Security domain of the provider.
    pub security_domain: Aid,
    /// Memory quota of that domain, in bytes.
    pub quota: u32,
    /// Length of the load file data block, in bytes.
    pub load_file_bytes: u32,
}

impl DesiredService {
    /// The service as defined, in this state.
    #[must_use]
    pub fn new(definition: &ServiceDefinition, package: &Package, state: ServiceState) -> Self {
        Self {
            service: definition.name.clone(),
            provider: definition.provider.clone(),
            state,
            package: definition.package,
            module: definition.module,
            instance: definition.instance,
            security_domain: definition.security_domain,
            quota: definition.quota,
            load_file_bytes: package.length,
        }
    }

    /// The names that the service needs on the card.
    #[must_use]
    pub fn names(&self) -> [Aid; 3] {
        [self.security_domain, self.package, self.instance]
    }

    /// Whether two services may be on one card: all names differ, or one provider lets both share a
    /// domain, or a domain and the load file in it.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let shares_domain = self.security_domain == other.security_domain;
        let shares_package = self.package == other.package;
        let may_share = self.provider == other.provider && self.quota == other.quota;
        if (shares_domain && !may_share) || (shares_package && !shares_domain) {
            return false;
        }
        let taken = self.names().into_iter().filter(|name| {
            let is_shared = (shares_domain && *name == self.security_domain)
                || (shares_package && *name == self.package);
            !is_shared && other.names().contains(name)
        });
        taken.count() == 0
    }

    /// What a reading shows of the service; `None` when only parts of it are there.
    #[must_use]
    pub fn observed(&self, content: &CardContent) -> Option<ServiceState> {
        let found = self.find(content);
        match (found.domain, found.load_file, found.applet) {
            (None, None, None) => Some(ServiceState::Absent),
            (Some(domain), Some(_), Some(applet)) if domain.is_personalized() => {
                Some(applet.service_state())
            }
            _ => None,
        }
    }

    /// The entries of the service. What carries its names but was not made for
    /// it is left out ([`DesiredService::conflicts`]).
    pub(crate) fn find<'c>(&self, content: &'c CardContent) -> Found<'c> {
        let ours = |entry: &&'c ContentEntry| self.is_ours(entry);
        Found {
            domain: content.find(EntryKind::SecurityDomain, &self.security_domain),
            load_file: content
                .find(EntryKind::LoadFile, &self.package)
                .filter(ours),
            applet: content.find(EntryKind::Applet, &self.instance).filter(ours),
        }
    }

    /// Whether the service made this entry of a card, as far as the registry tells: it carries one
    /// of its names in its own domain, or lies in that domain.
    #[must_use]
    pub fn made(&self, entry: &ContentEntry, content: &CardContent) -> bool {
        let has_domain = content
            .find(EntryKind::SecurityDomain, &self.security_domain)
            .is_some();
        match entry.kind {
            EntryKind::SecurityDomain => entry.aid == self.security_domain,
            _ if entry.security_domain.is_some() => {
                has_domain && entry.security_domain == Some(self.security_domain)
            }
            _ => self.is_ours(entry) && self.names().contains(&entry.aid),
        }
    }

    /// Names of the service that belong to something else on the card.
    #[must_use]
    pub fn conflicts(&self, content: &CardContent) -> Vec<Aid> {
        let named = content
            .entries
            .iter()
            .filter(|entry| self.names().contains(&entry.aid));
        named
            .filter(|entry| !self.is_ours(entry))
            .map(|entry| entry.aid)
            .collect()
    }

    /// Whether an entry with one of the names is what this service made. Cards
    /// that do not say where an entry belongs are believed to mean ours.
    fn is_ours(&self, entry: &ContentEntry) -> bool {
        let in_domain = entry
            .security_domain
            .is_none_or(|domain| domain == self.security_domain);
        match entry.kind {
            EntryKind::SecurityDomain => entry.aid == self.security_domain,
            EntryKind::LoadFile => entry.aid == self.package && in_domain,
            EntryKind::Applet => {
                let from_package = entry.load_file.is_none_or(|file| file == self.package);
                entry.aid == self.instance && in_domain && from_package
            }
        }
    }
}

/// The entries of one service.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found<'c> {
    pub(crate) domain: Option<&'c ContentEntry>,
    pub(crate) load_file: Option<&'c ContentEntry>,
    pub(crate) applet: Option<&'c ContentEntry>,
}

impl ContentEntry {
    /// A security domain with keys of its own, locked or not.
    pub(crate) fn is_personalized(&self) -> bool {
        self.life_cycle & !LOCKED == PERSONALIZED
    }

    /// A locked application or domain.
    pub(crate) fn is_locked(&self) -> bool {
        self.life_cycle & LOCKED != 0
    }

    /// An application that can be selected unless it is locked.
    pub(crate) fn is_selectable(&self) -> bool {
        self.life_cycle & SELECTABLE == SELECTABLE
    }

    fn service_state(&self) -> ServiceState {
        match (self.is_locked(), self.is_selectable()) {
            (true, _) => ServiceState::Suspended,
            (false, true) => ServiceState::Active,
            (false, false) => ServiceState::Installed,
        }
    }
}
