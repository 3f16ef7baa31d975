//! Records with versions; a batch commits whole or not at all.
//!
//! Absence is version 0. A commit names the version of every record that its
//! decision hangs on. A scan guarantees nothing at commit time: uniqueness
//! hangs on a guard record that is in the batch.

use async_trait::async_trait;

use crate::record::{Record, Stored, Table};

/// Name of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its table.
    pub table: Table,
    /// Its id, at most 200 bytes.
    pub id: String,
}

impl Key {
    /// The key of a record of type `T`.
    #[must_use]
    pub fn of<T: Stored>(id: impl Into<String>) -> Self {
        Self {
            table: T::TABLE,
            id: id.into(),
        }
    }
}

/// A value and the version under which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// 1 for the first write, up by one with each.
    pub version: u64,
    /// The value.
    pub value: T,
}

/// Changes that commit together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Versions that must still be current; 0 = the record must not exist.
    pub expect: Vec<(Key, u64)>,
    /// Records to write.
    pub put: Vec<(Key, Record)>,
    /// Records to remove.
    pub delete: Vec<Key>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires `version` of the record `id` of type `T`.
    #[must_use]
    pub fn expecting<T: Stored>(mut self, id: impl Into<String>, version: u64) -> Self {
        self.expect.push((Key::of::<T>(id), version));
        self
    }

    /// Writes `value`, requiring that the record has `version` now.
    #[must_use]
    pub fn update<T: Stored>(mut self, id: impl Into<String>, version: u64, value: T) -> Self {
        let key = Key::of::<T>(id);
        self.expect.push((key.clone(), version));
        self.put.push((key, value.into()));
        self
    }

    /// Writes `value`, requiring that the record does not exist.
    #[must_use]
    pub fn insert<T: Stored>(self, id: impl Into<String>, value: T) -> Self {
        self.update(id, 0, value)
    }

    /// Removes a record that has `version` now.
    #[must_use]
    pub fn remove<T: Stored>(mut self, id: impl Into<String>, version: u64) -> Self {
        let key = Key::of::<T>(id);
        self.expect.push((key.clone(), version));
        self.delete.push(key);
        self
    }
}

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A record has another version: read again and decide again.
    #[error("record {0:?} was changed by someone else")]
    Conflict(Key),
    /// A stored value could not be understood.
    #[error("record {0:?} can not be decoded")]
    Corrupt(Key),
    /// A key or value is larger than the port allows (200 B, 256 KiB).
    #[error("record {key:?} has {bytes} bytes, more than a record may have")]
    TooLarge {
        /// Which record.
        key: Key,
        /// Its encoded size.
        bytes: usize,
    },
    /// The database failed; it takes no more commits.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// A database of records.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads one record.
    ///
    /// # Errors
    /// [`StoreError`] when the value is corrupt or the database fails.
    async fn read(&self, key: &Key) -> Result<Option<Versioned<Record>>, StoreError>;

    /// Up to `limit` records of a table whose id starts with `prefix` and is
    /// greater than `after`, by id.
    ///
    /// # Errors
    /// [`StoreError`] when a value is corrupt or the database fails.
    async fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<Record>)>, StoreError>;

    /// Commits a batch: all of it, durable when this returns, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an expectation does not hold;
    /// [`StoreError::TooLarge`] and [`StoreError::Failed`] as they say.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}

impl dyn Store + '_ {
    /// Reads a record of type `T`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the record is of another type; else as [`Store::read`].
    pub async fn load<T: Stored>(&self, id: &str) -> Result<Option<Versioned<T>>, StoreError> {
        let key = Key::of::<T>(id);
        let Some(found) = self.read(&key).await? else {
            return Ok(None);
        };
        match T::try_from(found.value) {
            Ok(value) => Ok(Some(Versioned {
                version: found.version,
                value,
            })),
            Err(_) => Err(StoreError::Corrupt(key)),
        }
    }
}
