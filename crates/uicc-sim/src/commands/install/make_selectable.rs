//! INSTALL [for make selectable]: an INSTALLED entry may be selected from now on, and any entry may get Card Reset.

use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::InstallForMakeSelectable;
use globalplatform::delegated_management::{ReceiptSubject, SignedCommand};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use crate::chip::Application;
use crate::commands::Domain;
use crate::commands::authority::Function;

impl Domain<'_> {
    /// Of the privileges only Card Reset counts.
    pub(super) fn make_selectable(
        &mut self,
        install: &InstallForMakeSelectable,
        signed: &SignedCommand,
    ) -> Result<ManagementResponse, StatusWord> {
        let reference = install.parameters.control_reference.as_ref();
        let authority = self.demand_management(Function::MakeSelectable, signed, reference)?;
        let instance = self.storage.application(&install.instance);
        let instance = instance.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        self.demand_reach(&install.instance)?;
        // Whose it is has a say (G 9.3.7).
        self.demand_personalized(&instance.security_domain)?;
        let added = install.privileges.intersection(Privileges::CARD_RESET);
        // Hosts make applications the default one in this way when they are SELECTABLE already.
        let is_new = instance.life_cycle == Application::INSTALLED;
        let gets_more = !added.is_empty() && instance.is_selectable();
        if self.storage.is_isd(&install.instance) || !(is_new || gets_more) {
            return Err(StatusWord::CONDITIONS);
        }
        let privileges = instance.privileges | added;
        let load_file = instance.load_file.ok_or(StatusWord::CONDITIONS)?;
        if !added.is_empty() {
            self.demand_privileges(privileges, Some(&install.instance))?;
        }
        let implicit = &install.parameters.implicit_selection;
        self.demand_implicit_selection(&install.instance, privileges, implicit)?;
        if let Some(instance) = self.storage.write().application_mut(&install.instance) {
            instance.privileges = privileges;
            instance.register(implicit);
            if is_new {
                instance.make_selectable();
            }
        }
        let subject = ReceiptSubject::Install {
            load_file,
            instance: install.instance,
        };
        Ok(self.confirm(&authority, &subject))
    }
}
