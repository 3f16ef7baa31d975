//! The directory of a sled database, before and after sled has it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::OpenError;
use crate::durable;

/// The directory of a store.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// Makes it, waits until no other store has it, and removes what a killed
    /// process may have left.
    pub(super) fn prepare(path: &Path) -> Result<Self, OpenError> {
        let directory = Self(path.to_owned());
        let failed = |source| directory.failed(source);
        durable::create_directory(path).map_err(failed)?;
        directory.wait_until_free()?;
        directory.remove_torn_snapshots().map_err(failed)?;
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn failed(&self, source: io::Error) -> OpenError {
        OpenError::Directory {
            path: self.0.clone(),
            source,
        }
    }

    /// Opens the database and makes the names of its files durable.
    pub(super) fn open_database(&self, config: sled::Config) -> Result<sled::Db, OpenError> {
        let database = config
            .path(&self.0)
            .open()
            .map_err(|source| OpenError::Database {
                path: self.0.clone(),
                source,
            })?;
        durable::sync_directory(&self.0).map_err(|source| self.failed(source))?;
        self.complain_about_blobs();
        Ok(database)
    }

    /// The file that has to be synced after each commit.
    pub(super) fn database_file(&self) -> Result<File, OpenError> {
        File::open(self.0.join("db")).map_err(|source| self.failed(source))
    }

    /// sled writes there what is too large for its log, and never syncs it.
    pub(super) fn complain_about_blobs(&self) {
        let blobs = self.0.join("blobs");
        match fs::read_dir(&blobs).map(Iterator::count) {
            Ok(0) => {}
            Ok(files) => tracing::error!(?blobs, files, "these files may not survive a power cut"),
            Err(error) => tracing::warn!(?blobs, %error, "the directory can not be read"),
        }
    }

    /// sled's background threads let go of the file a moment after the last
    /// handle was dropped, and sled itself does not wait for its lock.
    fn wait_until_free(&self) -> Result<(), OpenError> {
        let file = match File::open(self.0.join("db")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.failed(error)),
        };
        durable::lock(&file).map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse {
                path: self.0.clone(),
            },
            TryLockError::Error(error) => self.failed(error),
        })
    }

    /// sled takes a snapshot that a kill left half-written for the newest one,
    /// and refuses to open for ever. The older one and the log are whole.
    fn remove_torn_snapshots(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                tracing::warn!(file = %name, "a snapshot was left half-written; it is removed");
                fs::remove_file(entry.path())?;
            }
        }
        durable::sync_directory(&self.0)
    }
}
