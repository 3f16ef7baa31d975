//! INSTALL [for personalization]: STORE DATA that follow go to the application (G 6.7).

use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use crate::channel::{Blocks, Personalising};
use crate::commands::Domain;
use crate::commands::authority::Function;

impl Domain<'_> {
    /// Only the associated domain itself may do this, not even the ISD for it, and only with Trusted Path.
    pub(super) fn start_personalisation(
        &mut self,
        install: &InstallForPersonalization,
    ) -> Result<ManagementResponse, StatusWord> {
        let target = self.storage.resolve(install.instance);
        if let Some(before) = self.work.personalising.take() {
            self.instances.abandon_personalisation(&before.target);
        }
        self.work.own_data = Blocks::default();
        self.demand_function(Function::Personalization)?;
        let application = self.storage.application(&target);
        let application = application.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        if application.security_domain != self.aid || !self.holds(Privileges::TRUSTED_PATH) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        self.demand_personalized(&self.aid)?;
        // An instance runs on one channel at a time (G 6.7, 7.3.2).
        let is_selected =
            application.domain().is_none() && self.elsewhere.selected.contains(&target);
        if application.is_locked() || is_selected || self.elsewhere.personalised.contains(&target) {
            return Err(StatusWord::CONDITIONS);
        }
        let blocks = Blocks::default();
        self.work.personalising = Some(Personalising { target, blocks });
        super::DONE
    }
}
