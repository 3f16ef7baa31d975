//! Commands that many tests send.

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::delete::Delete;
use globalplatform::commands::install::{
    InstallForInstall, InstallForLoad, InstallParameters, LoadParameters, SecurityDomainParameters,
};
use globalplatform::commands::set_status::SetStatus;
use globalplatform::privileges::Privileges;

use crate::terminal::*;

/// INSTALL [for install and make selectable] of an SSD that is PERSONALIZED at once.
pub fn install_ssd(aid: Aid, privileges: Privileges, quota: Option<u32>) -> InstallForInstall {
    let mut domain = SecurityDomainParameters::with_protocol(0x03, 0x70);
    domain.becomes_personalized = true;
    InstallForInstall {
        load_file: DOMAIN_PACKAGE,
        module: DOMAIN_MODULE,
        instance: aid,
        privileges,
        parameters: InstallParameters {
            non_volatile_quota: quota,
            ..InstallParameters::for_applet(domain.encode())
        },
        token: None,
        make_selectable: true,
    }
}

/// The usual privileges of a provider's domain.
pub fn ssd_privileges() -> Privileges {
    Privileges::SECURITY_DOMAIN | Privileges::TRUSTED_PATH
}

/// INSTALL [for install and make selectable] of an applet.
pub fn install_applet(load_file: Aid, module: Aid, instance: Aid) -> InstallForInstall {
    InstallForInstall {
        load_file,
        module,
        instance,
        privileges: Privileges::NONE,
        parameters: InstallParameters::for_applet([]),
        token: None,
        make_selectable: true,
    }
}

pub fn install_for_load(
    load_file: Aid,
    domain: Option<Aid>,
    hash: Option<Vec<u8>>,
) -> InstallForLoad {
    InstallForLoad {
        load_file,
        security_domain: domain,
        hash,
        parameters: LoadParameters::default(),
        token: None,
    }
}

pub fn delete(aid: Aid, related: bool) -> CommandApdu {
    Delete::new(aid, related).to_apdu()
}

pub fn set_status(aid: Aid, status: u8) -> CommandApdu {
    SetStatus::application(aid, status).to_apdu()
}

/// A command in hexadecimal digits, blanks between them.
pub fn hex_command(text: &str) -> CommandApdu {
    CommandApdu::decode(&hex::decode(text.replace(' ', "")).unwrap()).unwrap()
}
