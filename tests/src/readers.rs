//! Virtual PC/SC readers for programs that were written for real cards: pcscd with the driver of vsmartcard-vpcd, without
//! systemd, on ports and with a socket of its own.
//!
//! The socket of pcscd has a fixed place. So the daemon runs in a mount namespace of its own, where a folder of the test
//! lies over `/run/pcscd`, and so do the programs that use it: [`Readers::command`]. Needs root, and the packages that
//! `tests/run.sh` installs.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use uicc_sim::phone::SharedCard;
use uicc_sim::reader::{Stop, vpcd};

/// How long anything that must happen may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);
/// One entry of the configuration makes so many readers, on neighbouring ports.
const SLOTS: u16 = 2;
/// More would not fit into pcscd.
const MOST_PAIRS: usize = 8;
/// Puts a folder over the daemon's own, which no other daemon can see, and becomes the daemon.
const IN_NAMESPACE: &str = "mkdir -p /run/pcscd && mount --bind \"$0\" /run/pcscd && exec \"$@\"";

/// A PC/SC daemon with empty readers. Ends when dropped.
#[derive(Debug)]
pub struct Readers {
    folder: TempDir,
    daemon: Child,
    ports: Vec<u16>,
}

/// A card in a reader. It is pulled out when dropped.
#[derive(Debug)]
pub struct Inserted {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Readers {
    /// Starts the daemon with so many readers at least.
    ///
    /// # Errors
    /// When a package is missing, or the daemon does not come up.
    pub fn start(readers: u16) -> anyhow::Result<Self> {
        let pairs = readers.div_ceil(SLOTS);
        let ports: anyhow::Result<Vec<u16>> = (0..pairs).map(|_| free_ports()).collect();
        Self::start_at(&ports?)
    }

    /// Starts the daemon with two readers on each of these ports and the one behind it.
    ///
    /// # Errors
    /// As [`Readers::start`].
    pub fn start_at(first_ports: &[u16]) -> anyhow::Result<Self> {
        ensure!(
            first_ports.len() <= MOST_PAIRS,
            "pcscd has 16 readers at most"
        );
        let driver = driver()?;
        let folder = TempDir::new()?;
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("run"))?;
        std::fs::create_dir(at("readers"))?;
        let mut ports = Vec::new();
        for (number, &port) in first_ports.iter().enumerate() {
            ports.extend([port, port + 1]);
            let entry = format!(
                "FRIENDLYNAME \"TSM {number}\"\nDEVICENAME /dev/null:{port:#06x}\n\
                 LIBPATH {}\nCHANNELID {port:#06x}\n",
                driver.display()
            );
            std::fs::write(at("readers").join(format!("tsm{number}")), entry)?;
        }
        let log = File::create(at("pcscd.log"))?;
        let daemon = Command::new("unshare")
            .args(["--mount", "sh", "-ec", IN_NAMESPACE])
            .arg(at("run"))
            .args(["pcscd", "--foreground", "--config"])
            .arg(at("readers"))
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .context("unshare (util-linux) does not start")?;
        let mut readers = Self {
            folder,
            daemon,
            ports,
        };
        readers.wait_for_daemon()?;
        Ok(readers)
    }

    fn wait_for_daemon(&mut self) -> anyhow::Result<()> {
        let socket = self.folder().join("run/pcscd.comm");
        for _ in until(PATIENCE) {
            if let Some(status) = self.daemon.try_wait()? {
                bail!("pcscd ended with {status} (it needs root):\n{}", self.log());
            }
            if socket.exists() && self.list()?.len() == self.ports.len() {
                return Ok(());
            }
        }
        bail!("pcscd does not come up:\n{}", self.log())
    }

    /// A folder for files of the test; programs run in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ports on which the readers wait for their cards, in the order of the readers.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// What the daemon says about itself.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("pcscd.log")).unwrap_or_default()
    }

    /// A program that finds these readers. It runs in [`Readers::folder`].
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.daemon.id()))
            .args(["sh", "-c", "cd \"$0\" && exec \"$@\""])
            .arg(self.folder())
            .arg(program)
            .env("HOME", self.folder())
            .stdin(Stdio::null());
        command
    }

    /// Runs a program to its end; both its outputs, joined, when it succeeds.
    ///
    /// # Errors
    /// With both outputs when it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.output(program, arguments)?;
        let text = said(&output);
        ensure!(
            output.status.success(),
            "{program} {arguments:?}: {}\n{text}",
            output.status
        );
        Ok(text)
    }

    /// Runs a program to its end, whatever that is.
    ///
    /// # Errors
    /// When it does not start.
    pub fn output(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command(program);
        command
            .args(arguments)
            .output()
            .with_context(|| format!("{program} does not start"))
    }

    /// Puts a card into a reader, counted from 0, and waits until the daemon has seen it.
    ///
    /// # Errors
    /// When the daemon does not see it.
    pub fn insert(&self, reader: usize, card: SharedCard) -> anyhow::Result<Inserted> {
        let port = self.ports.get(reader).context("there is no such reader")?;
        let address = format!("127.0.0.1:{port}");
        let stop = Stop::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || vpcd::stay_in_reader(&address, &card, &stopped));
        let inserted = Inserted {
            stop,
            thread: Some(thread),
        };
        self.wait_for(reader, true)?;
        Ok(inserted)
    }

    /// Waits until a reader holds a card, or none.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn wait_for(&self, reader: usize, card: bool) -> anyhow::Result<()> {
        for _ in until(PATIENCE) {
            if self.list()?.get(reader) == Some(&card) {
                return Ok(());
            }
        }
        bail!("reader {reader} does not become {card}:\n{}", self.log())
    }

    /// Which readers hold a card, as `opensc-tool` sees it.
    ///
    /// # Errors
    /// When `opensc-tool` does not start.
    pub fn list(&self) -> anyhow::Result<Vec<bool>> {
        let output = self.output("opensc-tool", &["--list-readers"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter(|line| line.contains(" TSM "));
        Ok(lines.map(|line| line.contains(" Yes ")).collect())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // Its socket goes with the folder.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Inserted {
    /// Pulls the card out of the reader.
    pub fn pull(self) {}
}

impl Drop for Inserted {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // A card that panicked is out of the reader too.
            let _ = thread.join();
        }
    }
}

/// Standard output and standard error.
#[must_use]
pub fn said(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{error}")
}

/// Looks, with pauses between them, for so long.
fn until(patience: Duration) -> impl Iterator<Item = ()> {
    let end = Instant::now() + patience;
    std::iter::successors(Some(()), move |()| {
        std::thread::sleep(POLL);
        (Instant::now() < end).then_some(())
    })
}

/// The driver of the virtual reader.
fn driver() -> anyhow::Result<PathBuf> {
    let folders = [
        "/usr/lib/pcsc/drivers/serial",
        "/usr/local/lib/pcsc/drivers/serial",
    ];
    folders
        .into_iter()
        .map(|folder| Path::new(folder).join("libifdvpcd.so"))
        .find(|path| path.exists())
        .context("libifdvpcd.so is not here: install pcscd, vsmartcard-vpcd and opensc, as tests/run.sh does")
}

/// Two neighbouring ports that are free now, below those that Linux gives out by itself.
fn free_ports() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 60)? * 100;
    for _ in 0..1_000 {
        let offset = NEXT.fetch_add(SLOTS, Ordering::Relaxed);
        let port = 10_000 + first.wrapping_add(offset) % 6_000;
        let is_free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
        if (port..port + SLOTS).all(is_free) {
            return Ok(port);
        }
    }
    bail!("no ports are free")
}
