//! INSTALL [for registry update]: association, privileges, implicit selection and restrictions, all or nothing.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::InstallForRegistryUpdate;
use globalplatform::delegated_management::{ReceiptSubject, SignedCommand};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use crate::commands::Domain;
use crate::commands::authority::Function;
use crate::operating_system::refusal;

impl Domain<'_> {
    pub(super) fn update_registry(
        &mut self,
        update: &InstallForRegistryUpdate,
        command: &CommandApdu,
        signed: &SignedCommand,
    ) -> Result<ManagementResponse, StatusWord> {
        let reference = update.parameters.control_reference.as_ref();
        let authority = self.demand_management(Function::RegistryUpdate, signed, reference)?;
        let old_domain = match update.aid {
            None => {
                self.restrict_card(update)?;
                None
            }
            Some(aid) => self.update_entry(self.storage.resolve(aid), update)?,
        };
        let subject = ReceiptSubject::of_registry_update_apdu(command, old_domain);
        let subject = subject.map_err(refusal)?;
        Ok(self.confirm(&authority, &subject))
    }

    /// Gives the domain that had the entry, when it goes to another.
    fn update_entry(
        &mut self,
        aid: Aid,
        update: &InstallForRegistryUpdate,
    ) -> Result<Option<Aid>, StatusWord> {
        let restrictions = update.parameters.restrictions;
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let application = self.storage.application(&aid).ok_or(not_found)?;
        self.demand_reach(&aid)?;
        // Whose it is has a say (G 9.4.2.1).
        self.demand_personalized(&application.security_domain)?;
        let is_domain = application.domain().is_some();
        if restrictions.is_some() && !is_domain {
            return Err(StatusWord::WRONG_DATA);
        }
        // What others took away from a domain it does not give itself back, nor does anybody below those who did.
        let outranks = self.storage.outranks_restrictor(&self.aid, &aid);
        let may_lift = self.is_isd() || (aid != self.aid && outranks);
        let lifts = |bits| application.domain().is_some_and(|d| d.is_lifted_by(bits));
        if !may_lift && restrictions.is_some_and(lifts) {
            return Err(StatusWord::CONDITIONS);
        }
        if let Some(privileges) = update.privileges {
            if privileges.contains(Privileges::SECURITY_DOMAIN) != is_domain {
                return Err(StatusWord::WRONG_DATA);
            }
            if self.storage.is_isd(&aid) {
                return Err(StatusWord::CONDITIONS);
            }
            self.demand_privileges(privileges, Some(&aid))?;
        }
        let implicit = &update.parameters.implicit_selection;
        let privileges = update.privileges.unwrap_or(application.privileges);
        self.demand_implicit_selection(&aid, privileges, implicit)?;
        // The last thing that can fail, and the first that is done.
        let old_domain = match update.security_domain {
            Some(domain) => Some(self.extradite_to(&aid, self.storage.resolve(domain))?),
            None => None,
        };
        let setter = (!self.is_isd()).then_some(self.aid);
        if let Some(application) = self.storage.write().application_mut(&aid) {
            application.privileges = privileges;
            application.register(implicit);
            if let (Some(bits), Some(domain)) = (restrictions, application.domain_mut()) {
                domain.restrictions = bits;
                if outranks {
                    domain.restricted_by = setter;
                }
            }
        }
        Ok(old_domain)
    }

    /// Without an AID the restrictions hold for the whole card and for good; Global Lock allows it (G 9.4.2.1).
    fn restrict_card(&mut self, update: &InstallForRegistryUpdate) -> Result<(), StatusWord> {
        if !self.holds(Privileges::GLOBAL_LOCK) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let bits = match update.parameters.restrictions {
            Some(bits) if update.privileges.is_none() && update.security_domain.is_none() => bits,
            _ => return Err(StatusWord::WRONG_DATA),
        };
        self.storage.write().restrictions |= bits;
        Ok(())
    }
}
