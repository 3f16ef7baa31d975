//! Both servers as real child processes of this same program.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::client::Servers;

/// How long a server may take to answer for the first time.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to finish its open work.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// A running server.
pub struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `tsm <name> --config <config>`.
    ///
    /// # Errors
    /// When the process can't be started.
    pub fn start(name: &'static str, config: &Path, log: PathBuf) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        // What the server says before its own log is set up.
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        let child = Command::new(program)
            .arg(name)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child, log })
    }

    /// An error when the process has ended by itself.
    fn still_running(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            bail!(
                "{} ended by itself ({status}); its log {} ends with:\n{}",
                self.name,
                self.log.display(),
                tail.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
        Ok(())
    }

    /// Asks the server to finish its work and waits for it.
    ///
    /// # Errors
    /// When it does not end in time, or ends with a failure.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id() {
            let id = rustix::process::Pid::from_raw(i32::try_from(id)?).context("no process id")?;
            rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        }
        let status = tokio::time::timeout(STOP_LIMIT, self.child.wait())
            .await
            .with_context(|| format!("{} did not end within {STOP_LIMIT:?}", self.name))??;
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

/// Waits until both servers answer.
///
/// # Errors
/// When one ended or does not answer in time.
pub async fn wait_until_ready(
    servers: &Servers,
    running: &mut [&mut Server],
) -> anyhow::Result<()> {
    use tsm_proto::mno::ListServicesRequest;
    use tsm_proto::sp::GetReadinessRequest;
    let end = Instant::now() + START_LIMIT;
    let (mut catalogue, mut operations) = (servers.catalogue()?, servers.operations()?);
    loop {
        let mno = catalogue
            .list_services(ListServicesRequest::default())
            .await;
        let sp = operations.get_readiness(GetReadinessRequest {}).await;
        let status = match (mno, sp) {
            (Ok(_), Ok(_)) => return Ok(()),
            (Err(status), _) | (_, Err(status)) => status,
        };
        for server in &mut *running {
            server.still_running()?;
        }
        if status.code() != tonic::Code::Unavailable || Instant::now() > end {
            return Err(anyhow::Error::new(status)
                .context("the servers are not ready; start mno-tsm and sp-tsm first"));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until the pool of key pairs is full; reports how many there are.
///
/// # Errors
/// When the server stops answering.
pub async fn wait_for_keys(
    servers: &Servers,
    mut progress: impl FnMut(u32, u32),
) -> anyhow::Result<()> {
    let mut operations = servers.operations()?;
    loop {
        let readiness = operations
            .get_readiness(tsm_proto::sp::GetReadinessRequest {})
            .await
            .context("cannot ask for the key pool")?
            .into_inner();
        progress(readiness.key_pool_size, readiness.key_pool_target);
        if readiness.key_pool_size >= readiness.key_pool_target {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A TCP port that nobody listens on now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
