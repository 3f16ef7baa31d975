//! GET STATUS (G 11.4).

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::get_status::{GetStatus, Scope};
use globalplatform::life_cycle::LoadFileLifeCycle;
use globalplatform::privileges::Privileges;
use globalplatform::registry::{self, RegistryEntry};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, Writer};

use super::Domain;
use super::status_list::{Form, StatusList};
use crate::behaviour::StatusForms;
use crate::chip::{Application, StoredLoadFile};
use crate::operating_system::refusal;

/// P2 b2: E3 data objects.
const TLV_FORMAT: u8 = 0x02;

/// Search criteria beside the AID; others are ignored (G 11.4.2.3).
const CRITERIA: [Tag; 7] = [
    registry::LIFE_CYCLE,
    registry::PRIVILEGES,
    registry::IMPLICIT_SELECTION,
    registry::LOAD_FILE,
    registry::VERSION,
    registry::MODULE,
    registry::SECURITY_DOMAIN,
];

impl Domain<'_> {
    /// Gives entries of the registry, 6310 as long as there are more.
    pub(crate) fn get_status(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let form = match (command.p2 & TLV_FORMAT, self.storage.behaviour.get_status) {
            (0, StatusForms::Both | StatusForms::Obsolete) => Form::Obsolete,
            (TLV_FORMAT, StatusForms::Both | StatusForms::Tlv) => Form::Tlv,
            _ => return Err(StatusWord::WRONG_P1P2),
        };
        let command = CommandApdu {
            p2: command.p2 | TLV_FORMAT,
            ..command.clone()
        };
        let mut wanted = GetStatus::from_apdu(&command).map_err(refusal)?;
        if !wanted.tag_list.is_empty() && !self.storage.behaviour.tag_list {
            return Err(StatusWord::WRONG_DATA);
        }
        self.resolve_criterion(&mut wanted.criteria);
        wanted.further.retain(|c| CRITERIA.contains(&c.tag));
        for criterion in &mut wanted.further {
            self.resolve_criterion(&mut criterion.value);
        }
        let earlier = self.work.listing.take();
        let mut list = if wanted.next {
            let earlier = earlier.filter(|list| list.continues(&wanted, form));
            earlier.ok_or(StatusWord::CONDITIONS)?
        } else {
            let entries = self.entries(&wanted)?;
            let encode = |entry: &RegistryEntry| match form {
                Form::Tlv => encode(entry, &wanted),
                Form::Obsolete => encode_obsolete(entry, &wanted),
            };
            StatusList::new(wanted.clone(), form, entries.iter().map(encode))
        };
        if list.is_empty() {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        let page = self.storage.behaviour.status_page_bytes.map(usize::from);
        let data = list.page(self.max_response_data.min(page.unwrap_or(usize::MAX)));
        if list.is_empty() {
            return Ok(ResponseApdu::with_data(data));
        }
        self.work.listing = Some(list);
        let sw = StatusWord::MORE_DATA;
        Ok(ResponseApdu { data, sw })
    }

    /// An alias of the issuer security domain means it here too.
    fn resolve_criterion(&self, criterion: &mut Vec<u8>) {
        if let Ok(aid) = Aid::new(criterion) {
            *criterion = self.storage.resolve(aid).as_bytes().to_vec();
        }
    }

    /// The entries that the command means.
    fn entries(&self, wanted: &GetStatus) -> Result<Vec<RegistryEntry>, StatusWord> {
        let sees_all = self.is_isd() || self.holds(Privileges::GLOBAL_REGISTRY);
        let applications = self.storage.applications.iter();
        let mut entries: Vec<RegistryEntry> = match wanted.scope {
            Scope::IssuerSecurityDomain if !sees_all => return Err(StatusWord::SECURITY_STATUS),
            Scope::IssuerSecurityDomain => {
                let isd = applications.take(1);
                // It is what it is, whatever the command searches for (G 11.4.2.1).
                return Ok(isd.map(|a| self.application_entry(a)).collect());
            }
            Scope::Applications => {
                let others = applications.skip(1);
                others.map(|a| self.application_entry(a)).collect()
            }
            Scope::LoadFiles | Scope::LoadFilesAndModules => {
                let files = self.storage.load_files.iter();
                files.map(load_file_entry).collect()
            }
        };
        entries.retain(|entry| {
            entry.aid.starts_with(&wanted.criteria)
                && wanted.further.iter().all(|c| entry.matches(c))
                && (sees_all || self.storage.is_within(entry.aid, &self.aid))
        });
        Ok(entries)
    }

    fn application_entry(&self, application: &Application) -> RegistryEntry {
        let is_isd = self.storage.is_isd(&application.aid);
        let life_cycle = if is_isd {
            self.storage.life_cycle
        } else {
            application.life_cycle
        };
        let has_activation = application.domain().is_none() && self.storage.has_crs();
        RegistryEntry {
            activation: has_activation.then(|| application.activation()),
            privileges: Some(self.storage.privileges_of(application)),
            load_file: application.load_file,
            security_domain: Some(application.security_domain),
            implicit_selection: application.implicit_selection.clone(),
            ..RegistryEntry::new(application.aid, life_cycle)
        }
    }
}

fn load_file_entry(file: &StoredLoadFile) -> RegistryEntry {
    RegistryEntry {
        version: Some(file.version),
        modules: file.modules.clone(),
        security_domain: Some(file.security_domain),
        ..RegistryEntry::new(file.aid, LoadFileLifeCycle::Loaded.byte())
    }
}

/// Encodes what a tag list asks for; without one AID, life cycle, privileges and, where they are asked for, modules.
fn encode(entry: &RegistryEntry, wanted: &GetStatus) -> Vec<u8> {
    let with_modules = wanted.scope == Scope::LoadFilesAndModules;
    entry.encode_selected(|tag: Tag| {
        let is_listed = if wanted.tag_list.is_empty() {
            matches!(
                tag,
                registry::LIFE_CYCLE | registry::PRIVILEGES | registry::MODULE
            )
        } else {
            wanted.tag_list.contains(&tag)
        };
        tag == registry::AID || (is_listed && (tag != registry::MODULE || with_modules))
    })
}

/// The obsolete form: `LV AID | state | privileges`, for load files with modules also their number and `LV` each.
fn encode_obsolete(entry: &RegistryEntry, wanted: &GetStatus) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.lv(entry.aid.as_bytes());
    let [privileges, ..] = entry.privileges.unwrap_or_default().to_bytes();
    writer.bytes(&[entry.life_cycle, privileges]);
    if wanted.scope == Scope::LoadFilesAndModules {
        writer.u8(u8::try_from(entry.modules.len()).unwrap_or(u8::MAX));
        for module in entry.modules.iter().take(usize::from(u8::MAX)) {
            writer.lv(module.as_bytes());
        }
    }
    writer.into_vec()
}
