//! INSTALL (G 11.5): seven purposes, one file each.

mod application;
mod combined;
mod extradition;
mod load;
mod make_selectable;
mod personalization;
mod registry_update;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::Install;
use globalplatform::delegated_management::token_input;
use globalplatform::status_word::StatusWord;

pub(crate) use application::{SUPPORTED_PRIVILEGES, UNIQUE};

use super::Domain;
use crate::operating_system::refusal;

impl Domain<'_> {
    /// Does what P1 says.
    pub(crate) fn install(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let install = Install::from_apdu(command).map_err(refusal)?;
        let signed = token_input(command).map_err(refusal)?;
        let response = match install {
            Install::Load(install) => self.install_for_load(install, &signed)?,
            Install::Personalization(install) => self.start_personalisation(&install)?,
            Install::Install(install) => {
                self.all_or_nothing(|domain| domain.install_application(&install, &signed))?
            }
            Install::MakeSelectable(install) => {
                self.all_or_nothing(|domain| domain.make_selectable(&install, &signed))?
            }
            Install::Extradition(install) => {
                self.all_or_nothing(|domain| domain.extradite(&install, &signed))?
            }
            Install::RegistryUpdate(install) => {
                self.all_or_nothing(|domain| domain.update_registry(&install, command, &signed))?
            }
            Install::Combined(install) => {
                self.all_or_nothing(|domain| domain.install_combined(install, command))?
            }
        };
        Ok(ResponseApdu::with_data(response.encode()))
    }
}

/// The answer without a receipt.
const DONE: Result<ManagementResponse, StatusWord> = Ok(ManagementResponse::NONE);
