//! The operator's server as a process of its own, which can be killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tsm::cli::Algorithm;
use tsm::client::Servers;
use tsm::dev::layout::{InitOptions, Layout};
use tsm_proto::mno::ListTenantsRequest;

/// Tells this program to be the server with this configuration.
pub const CONFIG: &str = "IMPORT_SERVER_CONFIG";
/// Pause between two looks, and how often to look.
const POLL: (Duration, u32) = (Duration::from_millis(50), 600);

/// The server and its files.
pub struct Server {
    layout: Layout,
    child: Option<Child>,
}

impl Server {
    /// Certificates, configuration and vault.
    pub fn set_up(folder: &Path) -> anyhow::Result<Self> {
        let port = || -> anyhow::Result<u16> {
            Ok(std::net::TcpListener::bind("127.0.0.1:0")?
                .local_addr()?
                .port())
        };
        let options = InitOptions {
            mno_port: port()?,
            sp_port: port()?,
            algorithm: Algorithm::P256,
            key_pool: 0,
            cards: Vec::new(),
            cards_folder: PathBuf::from("cards"),
        };
        let layout = Layout::init(folder, &options)?;
        Ok(Self {
            layout,
            child: None,
        })
    }

    pub fn client_config(&self) -> PathBuf {
        self.layout.client_config()
    }

    /// Starts it and waits until it answers.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let child = Command::new(std::env::current_exe()?)
            .env(CONFIG, self.layout.mno_config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the server")?;
        self.child = Some(child);
        let servers = Servers::load(&self.client_config())?;
        for _ in 0..POLL.1 {
            let mut tenants = servers.tenants()?;
            let listed = tenants.list_tenants(ListTenantsRequest::default());
            if listed.await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(POLL.0).await;
        }
        anyhow::bail!("the server does not answer")
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// What it has in memory (`VmRSS` of Linux).
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let child = self.child.as_ref().context("the server does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: u64 = kib.context("no VmRSS")?.parse()?;
        Ok(kib * 1024)
    }

    /// What its store takes of the disk.
    pub fn disk_bytes(&self) -> anyhow::Result<u64> {
        let store = self.layout.folder().join("mno-tsm/store");
        ensure!(store.is_dir(), "no store in {}", store.display());
        disk_bytes(&store)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _killed = self.kill();
    }
}

fn disk_bytes(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        bytes += if data.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            data.blocks() * 512
        };
    }
    Ok(bytes)
}
