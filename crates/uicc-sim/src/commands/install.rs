//! INSTALL (G 11.5): six purposes, one file each.

mod application;
mod extradition;
mod load;
mod make_selectable;
mod personalization;
mod registry_update;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::install::Install;
use globalplatform::status_word::StatusWord;

pub(crate) use application::SUPPORTED_PRIVILEGES;

use super::Domain;
use crate::operating_system::refusal;

impl Domain<'_> {
    /// Does what P1 says. "More commands follow" and the combined form with LOAD are not supported (6A86).
    pub(crate) fn install(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        match Install::from_apdu(command).map_err(refusal)? {
            Install::Load(install) => self.install_for_load(install)?,
            Install::Install(install) => self.install_application(&install)?,
            Install::MakeSelectable(install) => self.make_selectable(&install)?,
            Install::Personalization(install) => self.start_personalisation(&install)?,
            Install::Extradition(install) => self.extradite(&install)?,
            Install::RegistryUpdate(install) => self.update_registry(&install)?,
            Install::Combined(_) => return Err(StatusWord::WRONG_P1P2),
        }
        // No receipt: length 0.
        Ok(ResponseApdu::with_data([0x00]))
    }
}
