//! What a host needs: a secure channel, and a package to load. A real host takes the package from a CAP file.

use anyhow::ensure;
use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::select::Select;
use globalplatform::load_file::{
    Applet, AppletList, Component, ComponentKind, Directory, Header, ImportedPackage,
};
use scp03::{Channel, Host, Mode, SecurityLevel, StaticKeys};
use uicc_sim::Uicc;

/// A session with a security domain, at level 33.
pub struct Session<'a> {
    card: &'a mut Uicc,
    channel: Channel,
}

impl<'a> Session<'a> {
    /// Selects the domain and opens the session.
    pub fn open(card: &'a mut Uicc, domain: Aid, keys: &StaticKeys) -> anyhow::Result<Self> {
        transmit(card, &Select::by_aid(domain).to_apdu())?;
        // A host in earnest draws its challenge at random.
        let host = Host::start(keys, 0x00, Mode::S8, &[0x11; 8])?;
        let response = transmit(card, &host.command())?;
        let host = host.receive(&response, SecurityLevel::Full, Some(domain.as_bytes()))?;
        let response = transmit(card, &host.command())?;
        let channel = host.receive(&response)?;
        Ok(Self { card, channel })
    }

    /// Sends a command that has to succeed.
    pub fn send(&mut self, command: &CommandApdu) -> anyhow::Result<()> {
        let wrapped = self.channel.wrap(command)?;
        let response = transmit(self.card, &wrapped)?;
        let response = self.channel.unwrap(&response)?;
        ensure!(response.sw.is_success(), "{command:?}: {}", response.sw);
        Ok(())
    }
}

/// One command and its answer.
pub fn transmit(card: &mut Uicc, command: &CommandApdu) -> anyhow::Result<ResponseApdu> {
    Ok(ResponseApdu::decode(&card.transmit(&command.encode()?))?)
}

/// A package without code: the card has the programs.
pub fn package(package: Aid, modules: &[Aid]) -> anyhow::Result<Vec<u8>> {
    let format = (2, 2);
    let header = Header {
        format,
        uses_int: false,
        has_export: false,
        has_applet: true,
        cap: None,
        packages: vec![ImportedPackage {
            aid: package,
            version: (1, 0),
        }],
        names: Vec::new(),
    };
    let applet = |aid: &Aid| Applet {
        aid: *aid,
        install_method_block: 0,
        install_method_offset: 0,
    };
    let applets = AppletList {
        applets: modules.iter().map(applet).collect(),
    };
    let (header, applets) = (header.encode()?, applets.encode(false)?);
    let mut directory = Directory {
        applet_count: u8::try_from(modules.len())?,
        ..Directory::default()
    };
    directory.set_size(ComponentKind::Header, u32::try_from(header.len())?);
    directory.set_size(ComponentKind::Applet, u32::try_from(applets.len())?);
    let length = directory.encode(format, false)?.len();
    directory.set_size(ComponentKind::Directory, u32::try_from(length)?);
    let mut block = Vec::new();
    for (kind, info) in [
        (ComponentKind::Header, header),
        (ComponentKind::Directory, directory.encode(format, false)?),
        (ComponentKind::Applet, applets),
    ] {
        block.extend(Component::new(kind, &info).encode(false)?);
    }
    Ok(block)
}
