//! INSTALL [for extradition]: an application or a load file goes over to another security domain (G 9.4.1).

use globalplatform::aid::Aid;
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::InstallForExtradition;
use globalplatform::delegated_management::{ReceiptSubject, SignedCommand};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use crate::chip::Chip;
use crate::commands::Domain;
use crate::commands::authority::Function;

impl Domain<'_> {
    pub(super) fn extradite(
        &mut self,
        install: &InstallForExtradition,
        signed: &SignedCommand,
    ) -> Result<ManagementResponse, StatusWord> {
        let reference = install.parameters.control_reference.as_ref();
        let authority = self.demand_management(Function::Extradition, signed, reference)?;
        let aid = self.storage.resolve(install.aid);
        let new_domain = self.storage.resolve(install.security_domain);
        let old_domain = self.extradite_to(&aid, new_domain)?;
        let subject = ReceiptSubject::Extradition {
            old_domain,
            aid,
            new_domain,
        };
        Ok(self.confirm(&authority, &subject))
    }

    /// The domain that loses the entry and the one that gets it must agree, and a domain that goes itself, unless they ask
    /// for it themselves. A domain that is extradited to itself becomes the root of a hierarchy. Gives the domain that had
    /// the entry.
    pub(super) fn extradite_to(&mut self, entry: &Aid, to: Aid) -> Result<Aid, StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let from = self.storage.associated_domain(entry).ok_or(not_found)?;
        self.demand_reach(entry)?;
        self.demand_agreement(&to, |consents| consents.extradition_here)?;
        self.demand_agreement(&from, |consents| consents.extradition_away)?;
        self.demand_consent(entry, |consents| consents.extradition_away)?;
        let file = self.storage.load_file(entry);
        // Its signatures could not be verified any more (G 9.4.1).
        let to_verifier = self.storage.application(&to).is_some_and(|to| {
            let verifies = Privileges::DAP_VERIFICATION;
            to.privileges.contains(verifies)
        });
        let in_rom = file.is_some_and(|file| file.in_rom);
        if in_rom
            || (file.is_some() && to_verifier)
            || self.storage.is_isd(entry)
            || self.elsewhere.personalised.contains(entry)
            || (!self.is_isd() && self.storage.escapes_restrictions(entry, to))
        {
            return Err(StatusWord::CONDITIONS);
        }
        if to != *entry && self.storage.is_within(to, entry) {
            return Err(StatusWord::WRONG_DATA);
        }
        self.storage.write().associate(entry, to);
        Ok(from)
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
