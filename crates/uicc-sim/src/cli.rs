//! The command line of `uicc-sim`, also a part of `tsm`.

mod tree;

use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::{Args, Subcommand};
use tsm_server::tls::{ClientTls, TlsError};

use crate::config::{CardConfig, ConfigError};
use crate::phone::{self, PhoneConfig};
use crate::state::{StateError, StateLock};
use crate::trace::Trace;
use crate::{Inventory, Uicc};

/// What can be done with a simulated card.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Make a new card from a description
    New(NewArguments),
    /// Show what is on a card
    Show(ShowArguments),
    /// Put a card into a phone that dials the operator's gateway, until interrupted
    Attach(AttachArguments),
}

/// Arguments of `new`.
#[derive(Debug, Clone, Args)]
pub struct NewArguments {
    /// Description of the card: TOML or JSON with iccid, memory_bytes, seed and keys
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// State file to make; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
}

/// Arguments of `show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArguments {
    /// State file of the card
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `attach`.
#[derive(Debug, Clone, Args)]
pub struct AttachArguments {
    /// State file of the card
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Address of the gateway, https://host:port
    #[arg(long, value_name = "URL")]
    pub gateway: String,
    /// Authorities that the gateway's certificate must come from (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// Certificate of the phone (PEM)
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// Private key of the phone (PEM)
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Append what crosses the card's contacts to this file
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// The card's description.
    #[error("can not make the card that {path} describes", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// The phone's certificate, key or authorities, or the gateway's address.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A state file is in the way.
    #[error("{path} exists already; a new card needs a new file", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file or the terminal.
    #[error("can not access {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Does what the command line says; `attach` goes on until `shutdown` is done.
///
/// # Errors
/// [`CliError`], to be shown with its sources.
pub async fn run(command: Command, shutdown: impl Future<Output = ()>) -> Result<(), CliError> {
    match command {
        Command::New(arguments) => new(&arguments),
        Command::Show(arguments) => show(&arguments, &mut io::stdout().lock()),
        Command::Attach(arguments) => attach(&arguments, shutdown).await,
    }
}

/// Makes a card.
///
/// # Errors
/// [`CliError`] when the description is wrong, or the state file exists or cannot be written.
pub fn new(arguments: &NewArguments) -> Result<(), CliError> {
    let path = arguments.config.clone();
    let text = std::fs::read_to_string(&path).map_err(|source| io_error(&path, source))?;
    let card = CardConfig::parse(&text).and_then(Uicc::new);
    let mut card = card.map_err(|source| CliError::Config { path, source })?;
    if arguments.state.exists() {
        let path = arguments.state.clone();
        return Err(CliError::Exists { path });
    }
    card.persist_to(&arguments.state)?;
    Ok(())
}

/// Writes what is on a card to `out`: a tree, or JSON.
///
/// # Errors
/// [`CliError`] when the state file cannot be read or `out` not be written.
pub fn show(arguments: &ShowArguments, out: &mut dyn Write) -> Result<(), CliError> {
    let inventory = Uicc::open(&arguments.state)?.inventory();
    let text = if arguments.json {
        json(&inventory)
    } else {
        Ok(tree::draw(&inventory))
    };
    text.and_then(|text| writeln!(out, "{}", text.trim_end()))
        .map_err(|source| io_error(Path::new("standard output"), source))
}

fn json(inventory: &Inventory) -> io::Result<String> {
    serde_json::to_string_pretty(inventory).map_err(io::Error::from)
}

/// Plays the phone with a card in it until `shutdown` is done.
///
/// # Errors
/// [`CliError`] when the card, the certificates or the trace cannot be opened.
pub async fn attach(
    arguments: &AttachArguments,
    shutdown: impl Future<Output = ()>,
) -> Result<(), CliError> {
    let _lock = StateLock::take(&arguments.state)?;
    let mut card = Uicc::open(&arguments.state)?;
    if let Some(path) = &arguments.trace {
        let trace = Trace::append_to(path).map_err(|source| io_error(path, source))?;
        card.trace_to(trace);
    }
    let tls = ClientTls {
        certificate: arguments.cert.clone(),
        key: arguments.key.clone(),
        server_ca: arguments.ca.clone(),
        server_name: None,
    };
    let config = PhoneConfig::new(tls.endpoint(&arguments.gateway)?);
    phone::attach(config, Arc::new(Mutex::new(card)), shutdown).await;
    Ok(())
}

fn io_error(path: &Path, source: io::Error) -> CliError {
    let path = path.to_owned();
    CliError::Io { path, source }
}
