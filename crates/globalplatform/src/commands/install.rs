//! INSTALL (G 11.5): one instruction, seven purposes, told apart by P1.

mod application;
mod combined;
mod domain_parameters;
mod extradition;
mod fields;
mod install_parameters;
mod load;
mod load_parameters;
mod make_selectable;
mod parameters;
mod personalization;
mod registry_parameters;
mod registry_update;
mod uicc;

pub use application::InstallForInstall;
pub use combined::{CombinedInstall, CombinedInstallEnd};
pub use domain_parameters::SecurityDomainParameters;
pub use extradition::InstallForExtradition;
pub use install_parameters::InstallParameters;
pub use load::InstallForLoad;
pub use load_parameters::LoadParameters;
pub use make_selectable::InstallForMakeSelectable;
pub use personalization::InstallForPersonalization;
pub use registry_parameters::RegistryParameters;
pub use registry_update::InstallForRegistryUpdate;
pub use uicc::{AccessRule, MenuEntry, SimToolkitParameters, ToolkitParameters, UiccParameters};

use super::header::{self, INVALID_P1, Origin};
use crate::{apdu::CommandApdu, error::DecodeError};

/// Instruction byte.
pub const INS: u8 = 0xE6;

/// What P1 says (G Table 11-41), the values that stand alone or are combined here.
pub(super) mod purpose {
    pub const LOAD: u8 = 0x02;
    pub const INSTALL: u8 = 0x04;
    pub const MAKE_SELECTABLE: u8 = 0x08;
    pub const INSTALL_AND_MAKE_SELECTABLE: u8 = 0x0C;
    pub const COMBINED: u8 = 0x0E;
    pub const EXTRADITION: u8 = 0x10;
    pub const PERSONALIZATION: u8 = 0x20;
    pub const REGISTRY_UPDATE: u8 = 0x40;
}

/// Any INSTALL command. All but [`InstallForPersonalization`] answer with a
/// [`ManagementResponse`](super::confirmation::ManagementResponse).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Install {
    /// INSTALL [for load].
    Load(InstallForLoad),
    /// INSTALL [for install], with or without making selectable.
    Install(InstallForInstall),
    /// One of the two commands of INSTALL [for load, install and make selectable].
    Combined(CombinedInstall),
    /// INSTALL [for make selectable].
    MakeSelectable(InstallForMakeSelectable),
    /// INSTALL [for personalization].
    Personalization(InstallForPersonalization),
    /// INSTALL [for extradition].
    Extradition(InstallForExtradition),
    /// INSTALL [for registry update].
    RegistryUpdate(InstallForRegistryUpdate),
}

impl Install {
    /// Decodes the command whatever its purpose.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command. "More commands follow" (P1 b8) is
    /// an invalid P1: the parts are joined first ([`chaining`](super::chaining)).
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        match apdu.p1 {
            purpose::LOAD => InstallForLoad::from_apdu(apdu).map(Self::Load),
            purpose::INSTALL | purpose::INSTALL_AND_MAKE_SELECTABLE => {
                InstallForInstall::from_apdu(apdu).map(Self::Install)
            }
            purpose::COMBINED => CombinedInstall::from_apdu(apdu).map(Self::Combined),
            purpose::MAKE_SELECTABLE => {
                InstallForMakeSelectable::from_apdu(apdu).map(Self::MakeSelectable)
            }
            purpose::EXTRADITION => InstallForExtradition::from_apdu(apdu).map(Self::Extradition),
            purpose::PERSONALIZATION => {
                InstallForPersonalization::from_apdu(apdu).map(Self::Personalization)
            }
            purpose::REGISTRY_UPDATE => {
                InstallForRegistryUpdate::from_apdu(apdu).map(Self::RegistryUpdate)
            }
            _ => Err(INVALID_P1),
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        match self {
            Self::Load(command) => command.to_apdu(),
            Self::Install(command) => command.to_apdu(),
            Self::Combined(command) => command.to_apdu(),
            Self::MakeSelectable(command) => command.to_apdu(),
            Self::Personalization(command) => command.to_apdu(),
            Self::Extradition(command) => command.to_apdu(),
            Self::RegistryUpdate(command) => command.to_apdu(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_apdu, apdu, assert_no_panic};
    use proptest::prelude::*;

    #[test]
    fn tells_the_purposes_apart() {
        for (hex, purpose) in [
            ("80E60200 0A 05A000000151 00 00 00 00", 0x02),
            ("80E60E01 0A 05A000000151 00 00 00 00", 0x0E),
            ("80E60800 0C 00 00 05A000000151 0100 00 00", 0x08),
            ("80E62000 0B 00 00 05A000000151 00 00 00", 0x20),
            ("80E61000 10 05A000000151 00 05A000000152 00 00 00", 0x10),
            ("80E64000 0B 00 00 05A000000151 00 00 00", 0x40),
        ] {
            let install = Install::from_apdu(&apdu(hex)).unwrap();
            assert_eq!(install.to_apdu().p1, purpose);
        }
    }

    #[test]
    fn refuses_other_purposes_and_commands() {
        for (hex, offset) in [
            ("00E62000", 0),
            ("80E42000", 1),
            ("80E60E00", 3),
            ("80E60600", 2),
            ("80E6A000", 2),
            ("80E60000", 2),
            ("80E62001", 3),
            ("80E60400", 5),
        ] {
            let error = Install::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, Install::from_apdu);
        }
    }
}
