//! The `Store` port on sled 0.34.7, made to survive `kill -9` and power loss.
//!
//! sled alone does neither: its `flush` leaves the file's length and the disk's
//! cache behind (docs: `dependencies.md`). So
//! one thread commits: it gathers what waits into one transaction, flushes,
//! syncs the database file itself, and only then acknowledges. Expectations are
//! checked inside the transaction, one batch at a time, so that a conflict
//! costs nothing but itself. When anything fails there, the store stops: what
//! is on the disk is known again only after it was opened anew.
//!
//! A reader could see a write before it is on the disk. [`SledStore`] therefore
//! keeps an answer back until everything that was in flight is.
//!
//! The files take about 4.5 times the space of the live data, and never shrink.
//!
//! Reads run on the caller's thread; they are served from sled's cache, or by a
//! single read of the disk.

mod directory;
mod progress;
mod writer;

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tsm_core::ports::{Batch, Key, Store, StoreError, Versioned};
use tsm_core::record::{Record, Table};

use crate::changes::Changes;
use crate::{pieces, row};
use directory::Directory;
use progress::Progress;
use writer::{Job, Message, Writer};

/// Batches that may wait for the writer; more wait for room.
const QUEUE: usize = 4_096;
/// What sled may keep in its page cache, in bytes as on the disk; in memory it takes about eight
/// times as much. The rest is read from the cache of the operating system.
const CACHE: u64 = 16 << 20;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory can't be made or read.
    #[error("the store directory {path:?} can not be used")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another process, or another store of this process, has it open.
    #[error("the store in {path:?} is open elsewhere")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// sled could not open the database.
    #[error("the database in {path:?} can not be opened")]
    Database {
        /// The directory.
        path: PathBuf,
        /// What sled said.
        source: sled::Error,
    },
}

/// A store in a directory.
///
/// Dropping it finishes the commits that wait and releases the directory, as
/// [`close`](Self::close) does.
pub struct SledStore {
    directory: Directory,
    rows: RwLock<Option<sled::Tree>>,
    jobs: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
    progress: Progress,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl core::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SledStore")
            .field(&self.directory.path())
            .finish()
    }
}

impl SledStore {
    /// Opens the store in `path`, which is made when it does not exist. A store
    /// that is being closed is waited for, up to a few seconds.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let directory = Directory::prepare(path.as_ref())?;
        let database = directory.open_database(sled::Config::default().cache_capacity(CACHE))?;
        let file = directory.database_file()?;
        Self::start(directory, &database, move || file.sync_data())
    }

    fn start(
        directory: Directory,
        database: &sled::Db,
        sync: impl FnMut() -> std::io::Result<()> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let rows = database
            .open_tree("records")
            .map_err(|source| OpenError::Database {
                path: directory.path().to_owned(),
                source,
            })?;
        let progress = Progress::default();
        let (jobs, queue) = mpsc::unbounded_channel();
        let writer = Writer::new(rows.clone(), sync, progress.clone());
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|source| directory.failed(source))?;
        Ok(Self {
            directory,
            rows: RwLock::new(Some(rows)),
            jobs,
            room: Arc::new(Semaphore::new(QUEUE)),
            progress,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Finishes the commits that wait, and releases the directory; whatever is
    /// asked afterwards fails. Blocks for about one sync of the disk. Repeating
    /// it is harmless.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when the store had failed before.
    pub fn close(&self) -> Result<(), StoreError> {
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The queue is gone when the writer failed; it ends by itself then.
            let _gone = self.jobs.send(Message::Close);
            // If it panicked, it has said so.
            let _panicked = thread.join();
            self.rows
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            self.directory.complain_about_blobs();
        }
        match self.progress.close() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn with_rows<T>(
        &self,
        read: impl FnOnce(&sled::Tree) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self
            .rows
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            Some(rows) => read(rows),
            None => Err(self.progress.failure()),
        }
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, path = ?self.directory.path(), "the store ended after a failure");
        }
    }
}

fn get(rows: &sled::Tree, raw_key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
    rows.get(raw_key).map_err(|error| database_failed(&error))
}

fn database_failed(error: &sled::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

#[async_trait]
impl Store for SledStore {
    async fn read(&self, key: &Key) -> Result<Option<Versioned<Record>>, StoreError> {
        let value = self.with_rows(|rows| {
            let raw_key = row::key(key);
            loop {
                let value = get(rows, &raw_key)?;
                let opened = value
                    .as_ref()
                    .map(|value| pieces::open(key, value, |piece| get(rows, piece)))
                    .transpose();
                // Pieces that do not fit were written anew between two looks, or are damaged.
                if !matches!(opened, Err(StoreError::Corrupt(_))) || get(rows, &raw_key)? == value {
                    return Ok(opened);
                }
            }
        })?;
        self.progress.settled().await?;
        value
    }

    async fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<Record>)>, StoreError> {
        let wanted = row::prefix(table, prefix);
        let start = row::scan_start(table, prefix, after);
        let found = self.with_rows(|rows| {
            rows.range((start, Bound::Unbounded))
                .take_while(|row| !matches!(row, Ok((key, _)) if !key.starts_with(&wanted)))
                .take(limit)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| database_failed(&error))
        })?;
        self.progress.settled().await?;
        let mut opened = Vec::with_capacity(found.len());
        for (raw_key, value) in found {
            let key = row::scanned(table, &raw_key);
            if !pieces::Head::of(&value).is_cut() {
                let record = row::open(&key, &value)?;
                opened.push((key, record));
            } else if let Some(record) = self.read(&key).await? {
                opened.push((key, record));
            }
        }
        Ok(opened)
    }

    /// Once the future was polled the batch may commit even if it is dropped.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let changes = Changes::encode(&batch)?;
        let room = Arc::clone(&self.room);
        let place = room
            .acquire_owned()
            .await
            .map_err(|_| self.progress.failure())?;
        let (done, outcome) = oneshot::channel();
        self.jobs
            .send(Message::Commit(Job {
                changes,
                done,
                place,
            }))
            .map_err(|_| self.progress.failure())?;
        outcome
            .await
            .unwrap_or_else(|_| Err(self.progress.failure()))
    }
}

#[cfg(test)]
mod tests;
