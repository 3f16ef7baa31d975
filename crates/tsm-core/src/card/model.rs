//! A card as tests need it: a registry with memory, and the rules that make
//! content management commands fail.

use std::collections::BTreeMap;

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use super::content::{CardContent, ContentEntry, EntryKind};
use super::desired::DesiredService;
use super::plan::{Action, Change, DOMAIN_BYTES, INSTANCE_BYTES, KEY_SET_BYTES, LOAD_FILE_BYTES};
use super::steps::SECURITY_DOMAIN_PACKAGE;
use crate::time::Timestamp;

pub(crate) const ISD: Aid = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51, 0, 0, 0]);

/// The registry. Bytes of each entry lie beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) life_cycle: u8,
    pub(crate) free: u32,
    pub(crate) entries: Vec<(ContentEntry, u32)>,
    /// What a domain and everything in it may take at most.
    pub(crate) quotas: BTreeMap<Aid, u32>,
}

type Done = Result<(), StatusWord>;

impl Model {
    pub(crate) fn new(free: u32) -> Self {
        let mut model = Self {
            life_cycle: 0x0F,
            free,
            entries: Vec::new(),
            quotas: BTreeMap::new(),
        };
        let package = entry(EntryKind::LoadFile, SECURITY_DOMAIN_PACKAGE, 0x01, ISD);
        model.entries.push((package, 0));
        model
    }

    pub(crate) fn content(&self) -> CardContent {
        CardContent {
            read_at: Timestamp(0),
            card_life_cycle: self.life_cycle,
            free_memory: self.free,
            entries: self
                .entries
                .iter()
                .map(|(entry, _)| entry.clone())
                .collect(),
            keys: Vec::new(),
        }
    }

    pub(crate) fn find(&self, aid: &Aid) -> Option<&ContentEntry> {
        self.entries
            .iter()
            .map(|(entry, _)| entry)
            .find(|entry| entry.aid == *aid)
    }

    fn find_mut(&mut self, aid: &Aid) -> Result<&mut ContentEntry, StatusWord> {
        let found = self.entries.iter_mut().map(|(entry, _)| entry);
        found
            .into_iter()
            .find(|entry| entry.aid == *aid)
            .ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)
    }

    fn unlocked(&self) -> Done {
        if self.life_cycle >= 0x7F {
            Err(StatusWord::CONDITIONS)
        } else {
            Ok(())
        }
    }

    fn add(&mut self, entry: ContentEntry, bytes: u32) -> Done {
        self.unlocked()?;
        if self.find(&entry.aid).is_some() {
            return Err(StatusWord::CONDITIONS);
        }
        let domain = entry.security_domain.unwrap_or(ISD);
        let of_domain = self.entries.iter().filter(|(found, _)| {
            let is_keys = found.aid == domain;
            is_keys || found.security_domain == Some(domain)
        });
        let used: u32 = of_domain
            .map(|(found, bytes)| match found.kind {
                EntryKind::SecurityDomain => bytes - DOMAIN_BYTES,
                _ => *bytes,
            })
            .sum();
        if self
            .quotas
            .get(&domain)
            .is_some_and(|quota| used + bytes > *quota)
        {
            return Err(StatusWord::NO_MEMORY);
        }
        self.free = self.free.checked_sub(bytes).ok_or(StatusWord::NO_MEMORY)?;
        self.entries.push((entry, bytes));
        Ok(())
    }

    pub(crate) fn install_domain(&mut self, aid: Aid) -> Done {
        let privileges = Some(Privileges::SECURITY_DOMAIN | Privileges::TRUSTED_PATH);
        let load_file = Some(SECURITY_DOMAIN_PACKAGE);
        let domain = entry(EntryKind::SecurityDomain, aid, 0x07, ISD);
        self.add(
            ContentEntry {
                privileges,
                load_file,
                ..domain
            },
            DOMAIN_BYTES,
        )
    }

    /// PUT KEY of the first keys; the bytes are the domain's.
    pub(crate) fn put_first_keys(&mut self, aid: &Aid) -> Done {
        self.find_mut(aid)?;
        self.free = self
            .free
            .checked_sub(KEY_SET_BYTES)
            .ok_or(StatusWord::NO_MEMORY)?;
        for (entry, bytes) in &mut self.entries {
            if entry.aid == *aid {
                *bytes += KEY_SET_BYTES;
            }
        }
        Ok(())
    }

    pub(crate) fn personalize(&mut self, aid: &Aid) -> Done {
        let domain = self.find_mut(aid)?;
        if domain.life_cycle != 0x07 {
            return Err(StatusWord::CONDITIONS);
        }
        domain.life_cycle = 0x0F;
        Ok(())
    }

    pub(crate) fn load(&mut self, aid: Aid, domain: Aid, bytes: u32) -> Done {
        if self
            .find(&domain)
            .is_none_or(|domain| domain.life_cycle != 0x0F)
        {
            return Err(StatusWord::CONDITIONS);
        }
        self.add(
            entry(EntryKind::LoadFile, aid, 0x01, domain),
            bytes + LOAD_FILE_BYTES,
        )
    }

    pub(crate) fn install_applet(&mut self, aid: Aid, load_file: Aid) -> Done {
        let file = self
            .find(&load_file)
            .ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let domain = file.security_domain.unwrap_or(ISD);
        let applet = entry(EntryKind::Applet, aid, 0x03, domain);
        let privileges = Some(Privileges::NONE);
        let applet = ContentEntry {
            privileges,
            load_file: Some(load_file),
            ..applet
        };
        self.add(applet, INSTANCE_BYTES)
    }

    pub(crate) fn make_selectable(&mut self, aid: &Aid) -> Done {
        self.unlocked()?;
        let applet = self.find_mut(aid)?;
        if applet.life_cycle != 0x03 {
            return Err(StatusWord::CONDITIONS);
        }
        applet.life_cycle = 0x07;
        Ok(())
    }

    pub(crate) fn lock(&mut self, aid: &Aid, lock: bool) -> Done {
        self.unlocked()?;
        let applet = self.find_mut(aid)?;
        if applet.is_locked() == lock {
            return Err(StatusWord::CONDITIONS);
        }
        applet.life_cycle ^= 0x80;
        Ok(())
    }

    pub(crate) fn delete(&mut self, aid: &Aid) -> Done {
        self.unlocked()?;
        let refers = |entry: &ContentEntry| {
            entry.aid != *aid
                && (entry.load_file == Some(*aid) || entry.security_domain == Some(*aid))
        };
        if self.entries.iter().any(|(entry, _)| refers(entry)) {
            return Err(StatusWord::CONDITIONS);
        }
        let place = self.entries.iter().position(|(entry, _)| entry.aid == *aid);
        let place = place.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let (_, bytes) = self.entries.remove(place);
        self.quotas.remove(aid);
        self.free += bytes;
        Ok(())
    }

    /// Makes a planned change as its commands would.
    pub(crate) fn apply(&mut self, change: &Change, service: &DesiredService) -> Done {
        match change.action {
            Action::CreateDomain => self.install_domain(service.security_domain),
            Action::SetDomainKeys => {
                self.put_first_keys(&service.security_domain)?;
                self.personalize(&service.security_domain)
            }
            Action::LoadPackage => self.load(
                service.package,
                service.security_domain,
                service.load_file_bytes,
            ),
            Action::InstallApplet => self.install_applet(service.instance, service.package),
            Action::MakeSelectable => self.make_selectable(&service.instance),
            Action::Lock => self.lock(&service.instance, true),
            Action::Unlock => self.lock(&service.instance, false),
            Action::DeleteApplet => self.delete(&service.instance),
            Action::DeletePackage => self.delete(&service.package),
            Action::DeleteDomain => self.delete(&service.security_domain),
            Action::Erase(_, aid) => self.delete(&aid),
        }
    }
}

fn entry(kind: EntryKind, aid: Aid, life_cycle: u8, domain: Aid) -> ContentEntry {
    ContentEntry {
        kind,
        aid,
        life_cycle,
        privileges: None,
        load_file: None,
        security_domain: Some(domain),
    }
}
