//! A development set-up with both servers in this process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tonic::transport::Channel;
use tsm::cli::Algorithm;
use tsm::demo::{Person, key_diversification_data};
use tsm::dev::layout::{InitOptions, Layout, cap_file};
use tsm::dev::pki::Authority;
use tsm::dev::setup::write_cap_file;
use tsm_core::ports::KeyVault as _;
use tsm_proto::mno::RegisterUiccRequest;
use tsm_server::serve::Running;
use tsm_server::tls::ClientTls;
use tsm_store::{EmbeddedVault, OsEntropy};
use uicc_sim::config::IsdKeySet;
use uicc_sim::{CardConfig, Uicc};

use crate::calls::Clients;
use crate::holder::Holder;

/// SCP03 `i`: S8, pseudo-random challenge, R-MAC and R-ENCRYPTION.
const SCP_I: u8 = 0x70;
/// Key version number of the issuer keys.
const ISSUER_KEYS: u8 = 0x30;
/// How often a start is tried again while the old socket goes away.
const STARTS: u32 = 100;
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// What a world is made of.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Key algorithm of credentials.
    pub algorithm: Algorithm,
    /// RSA key pairs made ahead.
    pub key_pool: u32,
    /// Size of the array that makes up most of the applet's package.
    pub cap_bytes: u16,
    /// Memory of each card.
    pub card_memory: u32,
    /// People that may be called for.
    pub people: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::P256,
            key_pool: 0,
            cap_bytes: 600,
            card_memory: 131_072,
            people: 32,
        }
    }
}

/// Both servers, and everybody who might use them.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    layout: Arc<LayoutBox>,
    tls: Tls,
    people: Vec<(Person, CardConfig)>,
    mno: mno_tsm::config::Config,
    sp: sp_tsm::config::Config,
    mno_running: Option<Running>,
    sp_running: Option<Running>,
    /// Clients of both servers.
    pub clients: Clients,
}

/// [`Layout`] without `Debug`, which holds private keys.
struct LayoutBox(Layout);

impl core::fmt::Debug for LayoutBox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Layout")
    }
}

/// The TLS authority, for identities that the layout does not have.
struct Tls(Authority);

impl core::fmt::Debug for Tls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tls")
    }
}

impl World {
    /// The usual world; package and service are registered, no card yet.
    ///
    /// # Errors
    /// When anything of it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// As [`start`](Self::start), with options.
    ///
    /// # Errors
    /// When anything of it does not start.
    pub async fn start_with(options: Options) -> anyhow::Result<Self> {
        tsm_server::tls::install_provider();
        let folder = tempfile::tempdir()?;
        let dir = folder.path().join("dev");
        let layout = Layout::init(
            &dir,
            &InitOptions {
                mno_port: quiet_port()?,
                sp_port: quiet_port()?,
                algorithm: options.algorithm,
                key_pool: options.key_pool,
                cards: Vec::new(),
                cards_folder: "cards".into(),
            },
        )?;
        write_cap_file(&cap_file(&dir), options.cap_bytes)?;
        let pem = |name: &str| std::fs::read_to_string(dir.join("pki").join(name));
        let tls = Authority::open(&pem("tls-root.pem")?, &pem("tls-root.key")?)?;
        let mut mno: mno_tsm::config::Config = tsm_server::config::load(&layout.mno_config())?;
        mno.hosted_tenants = vec!["mvno".to_owned()];
        mno.limits.sweep_interval_s = 1;
        let mut sp: sp_tsm::config::Config = tsm_server::config::load(&layout.sp_config())?;
        sp.limits.duty_interval_s = 1;
        let mut world = Self {
            people: people(&dir, &options)?,
            clients: Clients::load(&layout.client_config())?,
            folder,
            layout: Arc::new(LayoutBox(layout)),
            tls: Tls(tls),
            mno,
            sp,
            mno_running: None,
            sp_running: None,
        };
        world.start_mno().await?;
        world.start_sp().await?;
        tsm::commands::register::register(&world.clients.servers, &dir).await?;
        Ok(world)
    }

    /// Folder of the set-up.
    #[must_use]
    pub fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("dev")
    }

    /// Certificate of the user-authentication CA, DER.
    ///
    /// # Errors
    /// When it is not PEM.
    pub fn credential_authority(&self) -> anyhow::Result<Vec<u8>> {
        self.layout.0.credential_authority()
    }

    /// Starts the operator's server, on the store it had.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_mno(&mut self) -> anyhow::Result<()> {
        let mut failure = None;
        for _ in 0..STARTS {
            match mno_tsm::service::start(self.mno.clone()).await {
                Ok(running) => {
                    self.mno_running = Some(running);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
            tokio::time::sleep(POLL).await;
        }
        Err(failure.context("no start was tried")?)
    }

    /// Starts the provider's server, on the store it had.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_sp(&mut self) -> anyhow::Result<()> {
        let mut failure = None;
        for _ in 0..STARTS {
            match sp_tsm::service::start(self.sp.clone()).await {
                Ok(running) => {
                    self.sp_running = Some(running);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
            tokio::time::sleep(POLL).await;
        }
        Err(failure.context("no start was tried")?)
    }

    /// Ends the operator's server as a crash would.
    pub async fn kill_mno(&mut self) {
        if let Some(running) = self.mno_running.take() {
            running.kill().await;
        }
    }

    /// Ends the provider's server as a crash would.
    pub async fn kill_sp(&mut self) {
        if let Some(running) = self.sp_running.take() {
            running.kill().await;
        }
    }

    /// Kills the operator's server and starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart_mno(&mut self) -> anyhow::Result<()> {
        self.kill_mno().await;
        self.start_mno().await
    }

    /// Kills the provider's server and starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart_sp(&mut self) -> anyhow::Result<()> {
        self.kill_sp().await;
        self.start_sp().await
    }

    /// Ends both in order.
    ///
    /// # Errors
    /// When one does not end in order.
    pub async fn shut_down(&mut self) -> anyhow::Result<()> {
        if let Some(running) = self.sp_running.take() {
            running.shutdown().await?;
        }
        if let Some(running) = self.mno_running.take() {
            running.shutdown().await?;
        }
        Ok(())
    }

    /// The person with this number, a new card of the usual kind, in a phone that is on.
    ///
    /// # Errors
    /// When the card can't be registered.
    pub async fn holder(&self, index: usize) -> anyhow::Result<Holder> {
        let card = self.card(index)?;
        self.holder_of(index, card, "").await
    }

    /// As [`holder`](Self::holder), with this card, which belongs to a subscriber of `tenant`.
    ///
    /// # Errors
    /// When the card can't be registered.
    pub async fn holder_of(
        &self,
        index: usize,
        card: CardConfig,
        tenant: &str,
    ) -> anyhow::Result<Holder> {
        let uicc = Uicc::new(card.clone())?;
        let mut holder = self.holder_with(index, uicc, card, tenant).await?;
        holder.attach()?;
        Ok(holder)
    }

    /// As [`holder_of`](Self::holder_of), with a card that was made before, as `card` describes it, and the phone still
    /// off.
    ///
    /// # Errors
    /// When the card can't be registered.
    pub async fn holder_with(
        &self,
        index: usize,
        uicc: Uicc,
        card: CardConfig,
        tenant: &str,
    ) -> anyhow::Result<Holder> {
        let person = self.person(index)?;
        let mut uiccs = self.clients.uiccs.clone();
        uiccs
            .register_uicc(RegisterUiccRequest {
                iccid: card.iccid.clone(),
                isd_aid: card.isd_aid.as_bytes().to_vec().into(),
                key_version: ISSUER_KEYS.into(),
                scp_i: card.scp_i.into(),
                key_diversification_data: card.kdd.to_vec().into(),
                sequence_counter: 0,
                memory_bytes: card.memory_bytes,
                tenant: tenant.to_owned(),
            })
            .await?;
        Ok(Holder::new(
            person.clone(),
            self.layout.0.citizen(&person)?,
            self.clients.clone(),
            uicc,
            self.credential_authority()?,
        ))
    }

    /// The person with this number.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn person(&self, index: usize) -> anyhow::Result<Person> {
        let known = self.people.get(index).context("not so many people")?;
        Ok(known.0.clone())
    }

    /// How the card of the person with this number is made.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn card(&self, index: usize) -> anyhow::Result<CardConfig> {
        let known = self.people.get(index).context("not so many people")?;
        Ok(known.1.clone())
    }

    /// A connection to the operator's server for somebody else, `tsm://<tenant>/<role>`.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn mno_as(&self, identity: &str) -> anyhow::Result<Channel> {
        let address = &self.clients.servers.config().mno_address;
        Ok(self.identity(identity)?.endpoint(address)?.connect_lazy())
    }

    /// A connection to the provider's server for somebody else.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn sp_as(&self, identity: &str) -> anyhow::Result<Channel> {
        let address = &self.clients.servers.config().sp_address;
        Ok(self.identity(identity)?.endpoint(address)?.connect_lazy())
    }

    /// A client certificate with this name.
    ///
    /// # Errors
    /// When none can be made.
    pub fn identity(&self, identity: &str) -> anyhow::Result<ClientTls> {
        let pki = self.dir().join("pki");
        let name = format!("other-{}", uuid::Uuid::now_v7());
        self.tls
            .0
            .issue_client("somebody else", identity)?
            .write(&pki, &name)?;
        Ok(ClientTls {
            certificate: pki.join(format!("{name}.pem")),
            key: pki.join(format!("{name}.key")),
            server_ca: pki.join("tls-root.pem"),
            server_name: None,
        })
    }
}

fn people(dir: &Path, options: &Options) -> anyhow::Result<Vec<(Person, CardConfig)>> {
    let vault = EmbeddedVault::open(&dir.join("mno-tsm/vault"), Arc::new(OsEntropy))?;
    (0..options.people)
        .map(|index| {
            let person = Person::new(1, index);
            let kdd = key_diversification_data(&person.iccid);
            let keys = vault.issuer_keys("isd", &kdd)?;
            let card = CardConfig {
                isd_key_sets: vec![IsdKeySet {
                    version: ISSUER_KEYS,
                    keys: keys.clone(),
                }],
                scp_i: SCP_I,
                kdd,
                memory_bytes: options.card_memory,
                seed: person.card_seed,
                ..CardConfig::new(&person.iccid, keys)
            };
            Ok((person, card))
        })
        .collect()
}

/// A port that is free now, and that no outgoing connection takes while a server is down: below those that Linux gives
/// out by itself.
fn quiet_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 100)? * 120;
    for _ in 0..2_000 {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 16_000 + first.wrapping_add(offset) % 16_000;
        if std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no port is free")
}
