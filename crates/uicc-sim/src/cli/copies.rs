//! `uicc-sim new`, `snapshot`, `restore` and `fork`: state files and copies of them.

use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::CliError;
use super::card::new_card;
use crate::Uicc;
use crate::config::profile::array;
use crate::state::StateLock;

/// Arguments of `new`.
#[derive(Debug, Clone, Args)]
pub struct NewArguments {
    /// Profile of the card: a name from `uicc-sim profiles`, or a TOML file
    #[arg(
        long,
        alias = "config",
        value_name = "NAME|FILE.toml",
        default_value = crate::config::builtin::DEFAULT
    )]
    pub profile: String,
    /// Number of the card, instead of the profile's
    #[arg(long, value_name = "DIGITS")]
    pub iccid: Option<String>,
    /// State file to make; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
}

/// Arguments of `snapshot`.
#[derive(Debug, Clone, Args)]
pub struct SnapshotArguments {
    /// State file of the card, which may be in use
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// File to make; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Arguments of `restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArguments {
    /// State file of the card, which must not be in use
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Snapshot to go back to
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
}

/// Arguments of `fork`.
#[derive(Debug, Clone, Args)]
pub struct ForkArguments {
    /// State file of the first card, which may be in use
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// State file of the second card to make; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Number of the second card; its challenges then differ too
    #[arg(long, value_name = "DIGITS")]
    pub iccid: Option<String>,
    /// Seed of the second card's generator, 32 bytes in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub seed: Option<Seed>,
}

/// A seed on the command line, which no message shows.
#[derive(Clone)]
pub struct Seed(Zeroizing<String>);

impl From<String> for Seed {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed")
    }
}

pub(super) fn new(arguments: &NewArguments) -> Result<(), CliError> {
    let card = new_card(&arguments.profile, arguments.iccid.as_deref())?;
    write_new(card, &arguments.state)
}

pub(super) fn snapshot(arguments: &SnapshotArguments) -> Result<(), CliError> {
    write_new(Uicc::open(&arguments.state)?, &arguments.to)
}

pub(super) fn restore(arguments: &RestoreArguments) -> Result<(), CliError> {
    let _lock = StateLock::take(&arguments.state)?;
    let mut snapshot = Uicc::open(&arguments.from)?;
    if arguments.state.exists() {
        let card = Uicc::open(&arguments.state)?.iccid().to_owned();
        if card != snapshot.iccid() {
            let snapshot = snapshot.iccid().to_owned();
            return Err(CliError::OtherCard { snapshot, card });
        }
    }
    snapshot.persist_to(&arguments.state)?;
    Ok(())
}

pub(super) fn fork(arguments: &ForkArguments) -> Result<(), CliError> {
    let seed = arguments
        .seed
        .as_ref()
        .map(|seed| array("seed", &seed.0))
        .transpose()?;
    let card = Uicc::open(&arguments.state)?;
    let second = card.fork(arguments.iccid.as_deref(), seed)?;
    write_new(second, &arguments.to)
}

/// Nobody else can make the file in between: its lock is held.
fn write_new(mut card: Uicc, path: &Path) -> Result<(), CliError> {
    let _lock = StateLock::take(path)?;
    if path.exists() {
        return Err(CliError::Exists { path: path.into() });
    }
    card.persist_to(path)?;
    Ok(())
}
