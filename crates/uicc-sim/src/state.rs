//! The state file: a card's non-volatile contents as JSON, replaced as a whole.
//!
//! A new state is written beside the file and renamed over it, so that a kill at any moment leaves either the old or
//! the new one. Unless [`Durability`] says otherwise it is forced to the disk first, and the folder after it: what a card
//! has answered then survives a power cut of the machine too.
//! The file *is* the card, its keys included; on Unix only its owner may read it.

mod consistency;
pub(crate) mod encoding;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::chip::Chip;

/// What is written. Version 2 knows aliases of the issuer security domain.
const VERSION: u32 = 2;
/// The oldest version that is read.
const OLDEST: u32 = 1;

/// What a card's state outlives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// A power cut of the machine: every change waits for the disk before the card answers.
    #[default]
    PowerCut,
    /// The end of the process, however sudden; the system writes when it likes.
    Kill,
}

/// Why a card cannot be read from, or written to, its state file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file system refused.
    #[error("state file {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The file is not a card's state.
    #[error("state file {path} is not a card's state")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The file was written by another version of this program.
    #[error("state file {path} has version {found}, and this program reads {OLDEST} to {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in it.
        found: u32,
    },
    /// Another program has the card.
    #[error(
        "state file {path} is in use: this card is in another phone or reader; end that program first"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file has several names (hard links).
    #[error(
        "state file {path} has {names} names (hard links), and two programs could have this card at once; copy it instead"
    )]
    HardLinked {
        /// The file.
        path: PathBuf,
        /// How many.
        names: u64,
    },
    /// The file can be read, but what it says cannot be a card.
    #[error("state file {path}: {problem}")]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
}

/// A card that one program has for itself: two programs with one state file would be two cards with one number, and the
/// last to write would turn counters and PIN tries back. Ends when dropped.
#[derive(Debug)]
pub struct StateLock {
    _file: fs::File,
}

impl StateLock {
    /// Takes the card in the state file at `path`, by a lock on the file beside it that ends in `.lock`.
    ///
    /// # Errors
    /// [`StateError::InUse`] while another program has it, [`StateError::HardLinked`] when it has other names that a lock
    /// does not cover, [`StateError::Io`] when there can be no lock.
    pub fn take(path: &Path) -> Result<Self, StateError> {
        let names = names(path);
        if names > 1 {
            return Err(StateError::HardLinked {
                path: path.into(),
                names,
            });
        }
        let mut beside = behind_links(path).into_os_string();
        beside.push(".lock");
        let io = |source| StateError::Io {
            path: PathBuf::from(&beside),
            source,
        };
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&beside)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(StateError::InUse { path: path.into() }),
            Err(fs::TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

/// The file that a path means: a link to a card is that card, with its lock, and stays a link.
fn behind_links(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.into())
}

/// How many names in folders the file has, behind symbolic links; 0 when there is none.
#[cfg(unix)]
fn names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or(0, |file| file.nlink())
}

/// Other systems do not tell.
#[cfg(not(unix))]
fn names(_path: &Path) -> u64 {
    0
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    chip: &'a Chip,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    chip: Chip,
}

/// Where a card's state is kept.
#[derive(Debug, Clone)]
pub(crate) struct StateFile {
    path: PathBuf,
    durability: Durability,
}

impl StateFile {
    /// The file at `path`; it need not exist yet.
    pub(crate) fn at(path: &Path, durability: Durability) -> Self {
        Self {
            path: behind_links(path),
            durability,
        }
    }

    /// Reads the card.
    pub(crate) fn read(&self) -> Result<Chip, StateError> {
        let text = Zeroizing::new(fs::read(&self.path).map_err(|e| self.io(e))?);
        self.parse(&text)
    }

    /// The card in these bytes of a state file.
    pub(crate) fn parse(&self, text: &[u8]) -> Result<Chip, StateError> {
        let read: Read = serde_json::from_slice(text).map_err(|source| StateError::Malformed {
            path: self.path.clone(),
            source,
        })?;
        if !(OLDEST..=VERSION).contains(&read.version) {
            return Err(StateError::Version {
                path: self.path.clone(),
                found: read.version,
            });
        }
        match consistency::check(&read.chip) {
            Ok(()) => Ok(read.chip),
            Err(problem) => Err(StateError::Inconsistent {
                path: self.path.clone(),
                problem: problem.to_string(),
            }),
        }
    }

    /// Replaces the file by this state.
    pub(crate) fn write(&self, chip: &Chip) -> Result<(), StateError> {
        let text = serialise(chip).map_err(|source| StateError::Malformed {
            path: self.path.clone(),
            source,
        })?;
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        self.replace(&beside, &text).map_err(|e| self.io(e))
    }

    fn replace(&self, beside: &Path, text: &[u8]) -> io::Result<()> {
        let is_forced = self.durability == Durability::PowerCut;
        let mut file = self.create(beside)?;
        file.write_all(text)?;
        if is_forced {
            file.sync_data()?;
        }
        fs::rename(beside, &self.path)?;
        if is_forced {
            self.sync_folder()?;
        }
        Ok(())
    }

    /// A name is in its folder for good when the folder is on the disk.
    #[cfg(unix)]
    fn sync_folder(&self) -> io::Result<()> {
        use io::ErrorKind::{InvalidInput, Unsupported};
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        match fs::File::open(folder)?.sync_all() {
            // Some network file systems have nothing to force for a folder.
            Err(error) if matches!(error.kind(), InvalidInput | Unsupported) => Ok(()),
            forced => forced,
        }
    }

    /// Other systems open no folders.
    #[cfg(not(unix))]
    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn create(&self, path: &Path) -> io::Result<fs::File> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = fs::OpenOptions::new();
        // Not one that somebody has left or put there, whose mode would stay as it is.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        options.write(true).create_new(true).mode(0o600);
        options.open(path)
    }

    #[cfg(not(unix))]
    fn create(&self, path: &Path) -> io::Result<fs::File> {
        fs::File::create(path)
    }

    fn io(&self, source: io::Error) -> StateError {
        StateError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// The bytes of a state file.
pub(crate) fn serialise(chip: &Chip) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let version = VERSION;
    serde_json::to_vec_pretty(&Written { version, chip }).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_at_a_time_has_a_card() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.state");
        let first = StateLock::take(&path).unwrap();
        assert!(matches!(
            StateLock::take(&path),
            Err(StateError::InUse { .. })
        ));
        drop(first);
        StateLock::take(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_two_names_is_nobodys_card() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("card"), folder.path().join("other"));
        fs::write(&path, "").unwrap();
        StateLock::take(&path).unwrap();
        fs::hard_link(&path, &other).unwrap();
        for path in [&path, &other] {
            let error = StateLock::take(path).unwrap_err().to_string();
            assert!(error.contains("has 2 names (hard links)"), "{error}");
        }
        fs::remove_file(&other).unwrap();
        StateLock::take(&path).unwrap();
    }
}
