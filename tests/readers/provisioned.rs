//! Cards with credentials: one from the servers, one made by hand that has the signature credential too.

use anyhow::{Context as _, ensure};
use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::install::InstallForPersonalization;
use globalplatform::commands::select::Select;
use globalplatform::commands::store_data::{Dgi, Encryption, Structure, store_data_blocks};
use scp03::{Channel, Host, Mode, SecurityLevel};
use tsm::cli::Algorithm;
use tsm_tests::agreement::ensure_active;
use tsm_tests::world::{Options, World};
use uicc_sim::applet::jpki;
use uicc_sim::{CardConfig, Uicc};

const RSA_P: &[u8] = include_bytes!("../../crates/uicc-sim/tests/card/credentials/rsa.p");
const RSA_Q: &[u8] = include_bytes!("../../crates/uicc-sim/tests/card/credentials/rsa.q");
const CERTIFICATE: &[u8] = include_bytes!("../../crates/uicc-sim/tests/card/credentials/rsa.der");

/// A card that the servers made, and what goes with it.
pub struct Provisioned {
    /// The card, opened from its state file.
    pub card: Uicc,
    /// The PIN that the citizen chose.
    pub pin: String,
    /// The authority's certificate, DER.
    pub authority: Vec<u8>,
    /// The citizen's certificate, DER.
    pub certificate: Vec<u8>,
}

/// Both servers issue an RSA credential and write it to a card.
pub fn provisioned() -> anyhow::Result<Provisioned> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let options = Options {
            algorithm: Algorithm::Rsa2048,
            key_pool: 1,
            ..Options::default()
        };
        let mut world = World::start_with(options).await?;
        let mut holder = world.holder(0).await?;
        let credential = holder.become_active().await?;
        ensure_active(&holder, &credential).await?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("card.state");
        holder.contacts().card().persist_to(&file)?;
        let provisioned = Provisioned {
            card: Uicc::open(&file)?,
            pin: holder.person.pin.to_string(),
            authority: world.credential_authority()?,
            certificate: credential.certificate_der.to_vec(),
        };
        drop(holder);
        world.shut_down().await?;
        // The card goes on in memory: its file was only the way here.
        Ok(Provisioned {
            card: provisioned.card.fork(None, None)?,
            ..provisioned
        })
    })
}

/// A card with the applet in ROM and both credentials: PINs 1234 and ABC123.
pub fn with_both_credentials() -> anyhow::Result<Uicc> {
    let config = CardConfig::from_profile("jpki")?;
    let isd = config.isd_aid;
    let set = config.isd_key_sets.first().context("no key set")?.clone();
    let mut card = Uicc::new(config)?;
    let mut host = Personaliser::open(&mut card, isd, &set.keys, set.version)?;
    for (offset, id, pin) in [(0x0000, [1; 16], "1234"), (0x0010, [2; 16], "ABC123")] {
        let start = [&id[..], &[0x01]].concat();
        let group = |tag: u16, data: &[u8]| Dgi::new(tag + offset, data);
        host.store(&[
            group(0x9F01, &start),
            group(0x8121, RSA_P),
            group(0x8122, RSA_Q),
            group(0x9F02, CERTIFICATE),
            group(0x9F03, pin.as_bytes()),
        ])?;
        host.store(&[group(0x9F04, &[0; 32])])?;
        host.store(&[group(0x9F05, &id)])?;
    }
    Ok(card)
}

/// A host in a session with the domain of the applet.
struct Personaliser<'a> {
    card: &'a mut Uicc,
    channel: Channel,
}

impl<'a> Personaliser<'a> {
    fn open(
        card: &'a mut Uicc,
        domain: Aid,
        keys: &scp03::StaticKeys,
        version: u8,
    ) -> anyhow::Result<Self> {
        transmit(card, &Select::by_aid(domain).to_apdu())?;
        let host = Host::start(keys, version, Mode::S8, &[7; 8])?;
        let response = transmit(card, &host.command())?;
        let host = host.receive(&response, SecurityLevel::Full, Some(domain.as_bytes()))?;
        let response = transmit(card, &host.command())?;
        let channel = host.receive(&response)?;
        Ok(Self { card, channel })
    }

    /// INSTALL [for personalization] and one chain of STORE DATA.
    fn store(&mut self, groups: &[Dgi]) -> anyhow::Result<()> {
        let instance = jpki::MODULE;
        self.send(&InstallForPersonalization { instance }.to_apdu())?;
        let mut payload = Vec::new();
        for group in groups {
            group.encode_into(&mut payload)?;
        }
        for block in store_data_blocks(&payload, 200, Encryption::None, Structure::Dgi, true)? {
            self.send(&block.to_apdu())?;
        }
        Ok(())
    }

    fn send(&mut self, command: &CommandApdu) -> anyhow::Result<()> {
        let wrapped = self.channel.wrap(command)?;
        let response = transmit(self.card, &wrapped)?;
        let response = self.channel.unwrap(&response)?;
        ensure!(response.sw.is_success(), "{}", response.sw);
        Ok(())
    }
}

/// One command, its answer with the pieces that come by GET RESPONSE.
fn transmit(card: &mut Uicc, command: &CommandApdu) -> anyhow::Result<ResponseApdu> {
    let mut response = ResponseApdu::decode(&card.transmit(&command.encode()?))?;
    while response.sw.sw1() == 0x61 {
        let next = card.transmit(&[0x00, 0xC0, 0x00, 0x00, response.sw.sw2()]);
        let next = ResponseApdu::decode(&next)?;
        response.data.extend(next.data);
        response.sw = next.sw;
    }
    Ok(response)
}
