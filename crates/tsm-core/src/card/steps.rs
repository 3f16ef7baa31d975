//! From a planned change to the commands that make it (GlobalPlatform 2.3.1,
//! 11.2, 11.5, 11.6, 11.8, 11.10; first keys: Amendment D 7.2).

use globalplatform::aid::Aid;
use globalplatform::commands::delete::Delete;
use globalplatform::commands::install::{
    InstallForInstall, InstallForLoad, InstallForMakeSelectable, InstallParameters, LoadParameters,
    SecurityDomainParameters,
};
use globalplatform::commands::load::load_blocks;
use globalplatform::commands::set_status::SetStatus;
use globalplatform::error::EncodeError;
use globalplatform::privileges::Privileges;
use globalplatform::tlv::{Tag, Writer};
use scp03::keys::{DekKey, StaticKeys};
use scp03::parameters::{InvalidParameters, ScpParameters};
use scp03::security_level::SecurityLevel;

use crate::card::desired::DesiredService;
use crate::card::plan::Action;
use crate::card_session::LegCommand;

/// Package of security domains, on every card (GlobalPlatform UICC Configuration).
pub const SECURITY_DOMAIN_PACKAGE: Aid =
    Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50]);
/// Module of security domains in that package.
pub const SECURITY_DOMAIN_MODULE: Aid =
    Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41]);
/// Key version of a domain's first keys.
pub const FIRST_KEY_VERSION: u8 = 0x30;

/// SCP03 in the parameters of a domain.
const SCP03: u8 = 0x03;
/// PERSONALIZED, as SET STATUS takes it (Table 11-5).
const PERSONALIZED: u8 = 0x0F;
/// b8 of SET STATUS for another application: lock; without it: unlock.
const LOCK: u8 = 0x80;
const UNLOCK: u8 = 0x00;
/// Load file data block (11.6.2.3).
const DATA_BLOCK: Tag = Tag(0xC4);

/// In which session a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// With the issuer's domain.
    Issuer,
    /// With the service's own domain, under the issuer's keys.
    Domain,
}

/// What the steps of one service need besides its definition.
#[derive(Clone, Copy, Debug)]
pub struct Materials<'a> {
    /// The `i` parameter of SCP03, for the card and for new domains.
    pub scp_i: u8,
    /// DEK of the issuer keys, under which first keys travel.
    pub issuer_dek: &'a DekKey,
    /// First keys for a new domain; needed for [`Action::SetDomainKeys`].
    pub first_keys: Option<&'a StaticKeys>,
    /// Load file data block; needed for [`Action::LoadPackage`].
    pub load_file: &'a [u8],
}

/// Why a step cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The card's `i` parameter is none.
    #[error(transparent)]
    Parameters(#[from] InvalidParameters),
    /// The load file needs more blocks than there are numbers.
    #[error(transparent)]
    LoadFile(#[from] EncodeError),
    /// There are no first keys for a new domain.
    #[error("no first keys for the domain")]
    NoKeys,
}

impl Action {
    /// In which session the action is done.
    #[must_use]
    pub const fn place(self) -> Place {
        match self {
            Self::SetDomainKeys => Place::Domain,
            _ => Place::Issuer,
        }
    }

    /// The commands of the action, every one of which must be answered by 9000.
    ///
    /// # Errors
    /// [`StepError`] when the materials do not suffice.
    pub fn commands(
        self,
        service: &DesiredService,
        materials: &Materials<'_>,
    ) -> Result<Vec<LegCommand>, StepError> {
        let one = |apdu| Ok(vec![LegCommand::new(apdu)]);
        match self {
            Self::CreateDomain => one(create_domain(service, materials.scp_i).to_apdu()),
            Self::SetDomainKeys => set_domain_keys(service, materials),
            Self::LoadPackage => load_package(service, materials),
            Self::InstallApplet => one(install_applet(service).to_apdu()),
            Self::MakeSelectable => one(InstallForMakeSelectable::new(service.instance).to_apdu()),
            Self::Lock => one(SetStatus::application(service.instance, LOCK).to_apdu()),
            Self::Unlock => one(SetStatus::application(service.instance, UNLOCK).to_apdu()),
            Self::DeleteApplet => one(Delete::new(service.instance, false).to_apdu()),
            Self::DeletePackage => one(Delete::new(service.package, false).to_apdu()),
            Self::DeleteDomain => one(Delete::new(service.security_domain, false).to_apdu()),
            Self::Erase(_, aid) => Ok(vec![erase(aid)]),
        }
    }
}

/// Deletes an entry by its name.
#[must_use]
pub fn erase(aid: Aid) -> LegCommand {
    LegCommand::new(Delete::new(aid, false).to_apdu())
}

/// The provider's domain, which lets go of nothing (87): what is in it nobody extradites but the provider.
fn create_domain(service: &DesiredService, scp_i: u8) -> InstallForInstall {
    let domain = SecurityDomainParameters {
        accept_extradition_from: Some(vec![0x00]),
        ..SecurityDomainParameters::with_protocol(SCP03, scp_i)
    };
    InstallForInstall {
        load_file: SECURITY_DOMAIN_PACKAGE,
        module: SECURITY_DOMAIN_MODULE,
        instance: service.security_domain,
        privileges: Privileges::SECURITY_DOMAIN | Privileges::TRUSTED_PATH,
        parameters: InstallParameters {
            non_volatile_quota: Some(service.quota),
            ..InstallParameters::for_applet(domain.encode())
        },
        token: None,
        make_selectable: true,
    }
}

fn set_domain_keys(
    service: &DesiredService,
    materials: &Materials<'_>,
) -> Result<Vec<LegCommand>, StepError> {
    let keys = materials.first_keys.ok_or(StepError::NoKeys)?;
    let put_key = keys.put_key(0x00, FIRST_KEY_VERSION, materials.issuer_dek);
    let personalized = SetStatus::application(service.security_domain, PERSONALIZED);
    Ok(vec![
        LegCommand::new(put_key.to_apdu()),
        LegCommand::new(personalized.to_apdu()),
    ])
}

fn load_package(
    service: &DesiredService,
    materials: &Materials<'_>,
) -> Result<Vec<LegCommand>, StepError> {
    let mode = ScpParameters::new(materials.scp_i)?.mode();
    let announce = InstallForLoad {
        load_file: service.package,
        security_domain: Some(service.security_domain),
        hash: None,
        parameters: LoadParameters {
            code_size: Some(service.load_file_bytes),
            ..LoadParameters::default()
        },
        token: None,
    };
    let mut structure = Writer::new();
    structure.tlv(DATA_BLOCK, materials.load_file);
    let block_size = SecurityLevel::Full.max_command_data(mode);
    let blocks = load_blocks(&structure.into_vec(), block_size)?;
    let mut commands = vec![LegCommand::new(announce.to_apdu())];
    commands.extend(blocks.iter().map(|block| LegCommand::new(block.to_apdu())));
    Ok(commands)
}

fn install_applet(service: &DesiredService) -> InstallForInstall {
    InstallForInstall {
        load_file: service.package,
        module: service.module,
        instance: service.instance,
        privileges: Privileges::NONE,
        parameters: InstallParameters::default(),
        token: None,
        make_selectable: false,
    }
}

#[cfg(test)]
mod tests {
    use globalplatform::commands::load::Load;
    use scp03::script::ScriptBuilder;

    use super::*;
    use crate::card::deployment::ServiceState;
    use crate::identity::ServiceName;

    const AID: Aid = Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0, 0x26]);

    fn service(load_file_bytes: u32) -> DesiredService {
        DesiredService {
            service: ServiceName::new("jpki").unwrap(),
            provider: crate::identity::Tenant::new("j-lis").unwrap(),
            state: ServiceState::Active,
            package: AID,
            module: AID,
            instance: AID,
            security_domain: AID,
            quota: 50_000,
            load_file_bytes,
        }
    }

    fn keys(byte: u8) -> StaticKeys {
        StaticKeys::from_bytes(&[byte; 16], &[byte; 16], &[byte; 16]).unwrap()
    }

    const ALL: [Action; 10] = [
        Action::CreateDomain,
        Action::SetDomainKeys,
        Action::LoadPackage,
        Action::InstallApplet,
        Action::MakeSelectable,
        Action::Lock,
        Action::Unlock,
        Action::DeleteApplet,
        Action::DeletePackage,
        Action::DeleteDomain,
    ];

    fn commands(action: Action, scp_i: u8, load_file: &[u8]) -> Vec<LegCommand> {
        let materials = Materials {
            scp_i,
            issuer_dek: &keys(1).dek,
            first_keys: Some(&keys(2)),
            load_file,
        };
        let length = u32::try_from(load_file.len()).unwrap();
        action.commands(&service(length), &materials).unwrap()
    }

    #[test]
    fn every_command_fits_a_short_apdu_after_wrapping() {
        let load_file = vec![0x5A; 20_000];
        for (scp_i, challenge) in [(0x70, &[0; 8][..]), (0x71, &[0; 16])] {
            let parameters = ScpParameters::new(scp_i).unwrap();
            let level = SecurityLevel::Full;
            let mut script = ScriptBuilder::start(
                &keys(1),
                0x30,
                parameters,
                AID.as_bytes(),
                1,
                level,
                challenge,
            )
            .unwrap();
            for action in ALL {
                for command in commands(action, scp_i, &load_file) {
                    script.push(&command.apdu).unwrap();
                }
            }
            let (wrapped, _) = script.finish();
            assert!(wrapped.iter().all(|apdu| !apdu.command().extended));
        }
    }

    #[test]
    fn the_blocks_of_a_load_file_make_it_whole_again() {
        let load_file: Vec<u8> = (0..7_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let blocks = commands(Action::LoadPackage, 0x70, &load_file);
        let mut received = Vec::new();
        for (number, command) in blocks.iter().skip(1).enumerate() {
            let block = Load::from_apdu(&command.apdu).unwrap();
            assert_eq!(usize::from(block.block_number), number);
            assert_eq!(block.last, number + 2 == blocks.len());
            received.extend(block.block);
        }
        assert_eq!(received[..4], [0xC4, 0x82, 0x1B, 0x58]);
        assert_eq!(received[4..], load_file);
    }

    #[test]
    fn a_new_domain_does_not_agree_to_extradition() {
        let create = commands(Action::CreateDomain, 0x70, &[]);
        let install = InstallForInstall::from_apdu(&create[0].apdu).unwrap();
        let parameters = [0x81, 0x02, 0x03, 0x70, 0x87, 0x01, 0x00];
        assert_eq!(install.parameters.applet, parameters);
        assert_eq!(Action::CreateDomain.place(), Place::Issuer);
    }

    #[test]
    fn first_keys_travel_under_the_issuer_s_key_and_make_the_domain_personalized() {
        let set = commands(Action::SetDomainKeys, 0x70, &[]);
        let put_key = globalplatform::commands::put_key::PutKey::from_apdu(&set[0].apdu).unwrap();
        let received = StaticKeys::unwrap_put_key(&put_key, &keys(1).dek);
        assert_eq!(received, Ok(keys(2)));
        assert_eq!((put_key.replaces, put_key.new_version), (0x00, 0x30));
        let status = SetStatus::from_apdu(&set[1].apdu).unwrap();
        assert_eq!(status, SetStatus::application(AID, 0x0F));
        assert_eq!(Action::SetDomainKeys.place(), Place::Domain);
    }

    #[test]
    fn refuses_a_load_file_that_needs_too_many_blocks() {
        let load_file = vec![0; 70_000];
        let materials = Materials {
            scp_i: 0x70,
            issuer_dek: &keys(1).dek,
            first_keys: None,
            load_file: &load_file,
        };
        let refused = Action::LoadPackage.commands(&service(70_000), &materials);
        assert!(matches!(refused, Err(StepError::LoadFile(_))));
        let refused = Action::SetDomainKeys.commands(&service(1), &materials);
        assert_eq!(refused, Err(StepError::NoKeys));
    }
}
