//! The card that a command works with: in a state file, or new.

use std::path::{Path, PathBuf};

use apdu_trace::Keyring;
use clap::{Args, ValueEnum};

use super::{CliError, io_error};
use crate::config::{CardConfig, cplc_of, fields, kdd_of, seed_of};
use crate::faults::script::FaultScript;
use crate::faults::scripted::Scripted;
use crate::state::{Durability, StateLock};
use crate::trace::Trace;
use crate::{ConfigError, Uicc};

/// Which card, and what is recorded of it.
#[derive(Debug, Clone, Args)]
pub struct CardArguments {
    /// State file that the card lives in; made from the profile when it does not exist. Without it the card is new and
    /// ends with the program
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Profile of a new card: a name from `uicc-sim profiles`, or a TOML file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = crate::config::builtin::DEFAULT)]
    pub profile: String,
    /// Number of a new card, instead of the profile's
    #[arg(long, value_name = "DIGITS")]
    pub iccid: Option<String>,
    /// What the state file outlives
    #[arg(long, value_enum, default_value_t)]
    pub durability: StateDurability,
    /// Append what crosses the card's contacts to this file, with an explanation
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Let the card fail as this file says (TOML)
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Let the trace open secure channels with the card's own keys
    #[arg(long, requires = "trace")]
    pub trace_keys: bool,
}

/// What the state file outlives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum StateDurability {
    /// A power cut of the machine: every change waits for the disk
    #[default]
    PowerCut,
    /// The end of the program, however sudden
    Kill,
}

impl From<StateDurability> for Durability {
    fn from(choice: StateDurability) -> Self {
        match choice {
            StateDurability::PowerCut => Self::PowerCut,
            StateDurability::Kill => Self::Kill,
        }
    }
}

impl CardArguments {
    /// The card, switched on, and the lock on its state file.
    ///
    /// # Errors
    /// [`CliError`] when profile, state file, fault script or trace cannot be read or written, or another program has the
    /// card.
    pub fn open(&self) -> Result<(Scripted, Option<StateLock>), CliError> {
        let script = match &self.faults {
            Some(path) => fault_script(path)?,
            None => FaultScript::default(),
        };
        let (mut card, lock) = match &self.state {
            None => (new_card(&self.profile, self.iccid.as_deref())?, None),
            Some(path) => {
                let lock = StateLock::take(path)?;
                let durability = self.durability.into();
                if path.exists() {
                    (Uicc::open_with(path, durability)?, Some(lock))
                } else {
                    let mut card = new_card(&self.profile, self.iccid.as_deref())?;
                    card.persist_with(path, durability)?;
                    (card, Some(lock))
                }
            }
        };
        if let Some(path) = &self.trace {
            let trace = Trace::append_to(path).map_err(|source| io_error(path, source))?;
            let keys = match self.trace_keys {
                true => card.danger_keyring(),
                false => Keyring::new(),
            };
            card.trace_to(trace.explaining(keys));
        }
        Ok((Scripted::new(card, script), lock))
    }
}

fn fault_script(path: &Path) -> Result<FaultScript, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| io_error(path, source))?;
    FaultScript::parse(&text).map_err(|source| CliError::Faults {
        path: path.to_owned(),
        source,
    })
}

/// A new card of a profile, with another number if there is one.
pub(super) fn new_card(profile: &str, iccid: Option<&str>) -> Result<Uicc, CliError> {
    let made = CardConfig::from_profile(profile)
        .and_then(|config| renumbered(config, iccid))
        .and_then(Uicc::new);
    made.map_err(|source| CliError::Config {
        profile: profile.into(),
        source,
    })
}

/// What the profile made of its own number is made of the new one.
fn renumbered(mut config: CardConfig, iccid: Option<&str>) -> Result<CardConfig, ConfigError> {
    if let Some(iccid) = iccid {
        fields::iccid(iccid)?;
        if config.kdd == kdd_of(&config.iccid) {
            config.kdd = kdd_of(iccid);
        }
        if config.cplc == Some(cplc_of(&config.iccid)) {
            config.cplc = Some(cplc_of(iccid));
        }
        if config.seed == seed_of(&config.iccid) {
            config.seed = seed_of(iccid);
        }
        config.iccid = iccid.into();
    }
    Ok(config)
}
