//! INSTALL [for registry update]: association, privileges, implicit selection and restrictions, all or nothing.

use globalplatform::commands::install::InstallForRegistryUpdate;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use crate::commands::Domain;
use crate::commands::authority::Function;

impl Domain<'_> {
    pub(super) fn update_registry(
        &mut self,
        update: &InstallForRegistryUpdate,
    ) -> Result<(), StatusWord> {
        self.demand_management(Function::RegistryUpdate, update.token.as_deref())?;
        let restrictions = update.parameters.restrictions;
        let Some(aid) = update.aid else {
            return self.restrict_card(update);
        };
        let aid = self.storage.resolve(aid);
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let application = self.storage.application(&aid).ok_or(not_found)?;
        self.demand_reach(&aid)?;
        let is_domain = application.domain().is_some();
        if restrictions.is_some() && !is_domain {
            return Err(StatusWord::WRONG_DATA);
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
        // The last thing that can fail, and the first that is done.
        if let Some(domain) = update.security_domain {
            self.extradite_to(&aid, self.storage.resolve(domain))?;
        }
        if let Some(application) = self.storage.write().application_mut(&aid) {
            if let Some(privileges) = update.privileges {
                application.privileges = privileges;
            }
            let implicit = &update.parameters.implicit_selection;
            if !implicit.is_empty() {
                application.implicit_selection.clone_from(implicit);
            }
            if let (Some(bits), Some(domain)) = (restrictions, application.domain_mut()) {
                domain.restrictions = bits;
            }
        }
        Ok(())
    }

    /// Without an AID the restrictions hold for the whole card and for good.
    fn restrict_card(&mut self, update: &InstallForRegistryUpdate) -> Result<(), StatusWord> {
        if !self.is_isd() {
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
