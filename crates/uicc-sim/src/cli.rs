//! The command line of `uicc-sim`, also a part of `tsm`. It stays as it is: other people's pipelines call it.

mod card;
mod copies;
mod profiles;
mod readers;
mod tree;

use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::{Args, Subcommand};
use tsm_server::tls::{ClientTls, TlsError};

use crate::config::ConfigError;
use crate::faults::script::FaultScriptError;
use crate::phone::{self, PhoneConfig};
use crate::state::StateError;
use crate::{Inventory, Uicc};

pub use card::{CardArguments, StateDurability};
pub use copies::{ForkArguments, NewArguments, RestoreArguments, Seed, SnapshotArguments};
pub use profiles::ProfilesArguments;
pub use readers::{PcscArguments, TcpArguments};

/// What can be done with a simulated card.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Put a card into a virtual PC/SC reader (vsmartcard-vpcd), until interrupted
    Pcsc(PcscArguments),
    /// Serve a card on a TCP port: APDUs in hexadecimal, one a line, until interrupted
    Tcp(TcpArguments),
    /// Put a card into a phone that dials the operator's gateway, until interrupted
    Attach(AttachArguments),
    /// Show what is on a card
    Show(ShowArguments),
    /// List the profiles that come with the program, or print one as TOML
    Profiles(ProfilesArguments),
    /// Make a new card in a state file
    New(NewArguments),
    /// Keep a copy of a card as it is now, to go back to
    Snapshot(SnapshotArguments),
    /// Make the card what it was at a snapshot
    Restore(RestoreArguments),
    /// Make a second card of a card, with its own number if asked
    Fork(ForkArguments),
}

/// Arguments of `show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArguments {
    /// State file of the card; without it a new card is shown
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Profile of the new card: a name from `uicc-sim profiles`, or a TOML file
    #[arg(
        long,
        value_name = "NAME|FILE.toml",
        default_value = crate::config::builtin::DEFAULT,
        conflicts_with = "state"
    )]
    pub profile: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `attach`.
#[derive(Debug, Clone, Args)]
pub struct AttachArguments {
    /// The card.
    #[command(flatten)]
    pub card: CardArguments,
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
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// The card's profile.
    #[error("can not make a card of profile {profile}")]
    Config {
        /// Its name or file.
        profile: String,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// The fault script.
    #[error("can not follow {path}", path = path.display())]
    Faults {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FaultScriptError,
    },
    /// A number or seed on the command line.
    #[error(transparent)]
    Option(#[from] ConfigError),
    /// The phone's certificate, key or authorities, or the gateway's address.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A state file is in the way.
    #[error("{path} exists already; a new card needs a new file", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A card does not become another one.
    #[error("the snapshot is of card {snapshot}, the state file of card {card}")]
    OtherCard {
        /// Number of the card in the snapshot.
        snapshot: String,
        /// Number of the card in the state file.
        card: String,
    },
    /// A file or the terminal.
    #[error("can not access {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The port cannot be listened on, or the address of a reader is none.
    #[error("can not listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Does what the command line says; `pcsc`, `tcp` and `attach` go on until `shutdown` is done.
///
/// # Errors
/// [`CliError`], to be shown with its sources.
pub async fn run(command: Command, shutdown: impl Future<Output = ()>) -> Result<(), CliError> {
    let out = &mut io::stdout();
    match command {
        Command::Pcsc(arguments) => readers::pcsc(&arguments, shutdown).await,
        Command::Tcp(arguments) => readers::tcp(&arguments, out, shutdown).await,
        Command::Attach(arguments) => attach(&arguments, shutdown).await,
        Command::Show(arguments) => show(&arguments, out),
        Command::Profiles(arguments) => profiles::print(&arguments, out),
        Command::New(arguments) => copies::new(&arguments),
        Command::Snapshot(arguments) => copies::snapshot(&arguments),
        Command::Restore(arguments) => copies::restore(&arguments),
        Command::Fork(arguments) => copies::fork(&arguments),
    }
}

/// Writes what is on a card to `out`: a tree, or JSON.
///
/// # Errors
/// [`CliError`] when the state file cannot be read or `out` not be written.
pub fn show(arguments: &ShowArguments, out: &mut dyn Write) -> Result<(), CliError> {
    let card = match &arguments.state {
        Some(path) => Uicc::open(path)?,
        None => card::new_card(&arguments.profile, None)?,
    };
    let inventory = card.inventory();
    let text = if arguments.json {
        json(&inventory).map_err(stdout_error)?
    } else {
        tree::draw(&inventory)
    };
    print(out, text.trim_end())
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
    let tls = ClientTls {
        certificate: arguments.cert.clone(),
        key: arguments.key.clone(),
        server_ca: arguments.ca.clone(),
        server_name: None,
    };
    let config = PhoneConfig::new(tls.endpoint(&arguments.gateway)?);
    let (card, _lock) = arguments.card.open()?;
    phone::attach(config, Arc::new(Mutex::new(card)), shutdown).await;
    Ok(())
}

/// A line on standard output, which a script may be waiting for. That nobody reads it any more is no error.
fn print(out: &mut dyn Write, text: &str) -> Result<(), CliError> {
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(stdout_error),
    }
}

fn stdout_error(source: io::Error) -> CliError {
    io_error(Path::new("standard output"), source)
}

fn io_error(path: &Path, source: io::Error) -> CliError {
    let path = path.to_owned();
    CliError::Io { path, source }
}
