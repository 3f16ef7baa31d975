//! INSTALL [for extradition]: an application or a load file goes over to another security domain (G 9.4.1).

use globalplatform::aid::Aid;
use globalplatform::commands::install::InstallForExtradition;
use globalplatform::status_word::StatusWord;

use crate::chip::Chip;
use crate::commands::Domain;
use crate::commands::authority::Function;

impl Domain<'_> {
    pub(super) fn extradite(&mut self, install: &InstallForExtradition) -> Result<(), StatusWord> {
        self.demand_management(Function::Extradition, install.token.as_deref())?;
        let (entry, to) = (install.aid, install.security_domain);
        self.extradite_to(&self.storage.resolve(entry), self.storage.resolve(to))
    }

    /// The domain that loses the entry and the one that gets it must agree, unless they ask for it themselves. A domain
    /// that is extradited to itself becomes the root of a hierarchy.
    pub(super) fn extradite_to(&mut self, entry: &Aid, to: Aid) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let from = self.storage.associated_domain(entry).ok_or(not_found)?;
        self.demand_reach(entry)?;
        self.demand_welcome(&to)?;
        let in_rom = self
            .storage
            .load_file(entry)
            .is_some_and(|file| file.in_rom);
        if in_rom || self.storage.is_isd(entry) || self.elsewhere.personalised.contains(entry) {
            return Err(StatusWord::CONDITIONS);
        }
        if to != *entry && self.storage.is_within(to, entry) {
            return Err(StatusWord::WRONG_DATA);
        }
        let lets_go = self
            .storage
            .domain(&from)
            .is_some_and(|d| d.consents.extradition_away);
        if from != self.aid && from != *entry && !lets_go {
            return Err(StatusWord::CONDITIONS);
        }
        let chip = self.storage.write();
        chip.associate(entry, to);
        if chip.is_within_limits() {
            return Ok(());
        }
        chip.associate(entry, from);
        Err(StatusWord::NO_MEMORY)
    }
}

impl Chip {
    /// Puts an application or a load file under a security domain.
    fn associate(&mut self, entry: &Aid, domain: Aid) {
        if let Some(application) = self.application_mut(entry) {
            application.security_domain = domain;
        } else if let Some(file) = self.load_files.iter_mut().find(|file| file.aid == *entry) {
            file.security_domain = domain;
        }
    }
}
