//! A store without a disk, with the semantics of the others: for tests.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tsm_core::ports::{Batch, Key, Store, StoreError, Versioned};
use tsm_core::record::{Record, Table};

use crate::changes::{Changes, Rows};
use crate::pieces::{self, Head};
use crate::row;

/// Records in memory, encoded as on disk; gone when dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows for BTreeMap<Vec<u8>, Vec<u8>> {
    type Error = Infallible;

    fn head(&self, raw_key: &[u8]) -> Result<Option<Head>, Infallible> {
        Ok(self.get(raw_key).map(|value| Head::of(value)))
    }

    fn write(&mut self, raw_key: &[u8], value: Option<Vec<u8>>) -> Result<(), Infallible> {
        match value {
            Some(value) => self.insert(raw_key.to_vec(), value),
            None => self.remove(raw_key),
        };
        Ok(())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, key: &Key) -> Result<Option<Versioned<Record>>, StoreError> {
        let rows = self.rows();
        rows.get(&row::key(key))
            .map(|value| pieces::open(key, value, |raw_key| Ok(rows.get(raw_key))))
            .transpose()
    }

    async fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<Record>)>, StoreError> {
        let wanted = row::prefix(table, prefix);
        let rows = self.rows();
        rows.range((row::scan_start(table, prefix, after), Bound::Unbounded))
            .take_while(|(raw_key, _)| raw_key.starts_with(&wanted))
            .take(limit)
            .map(|(raw_key, value)| {
                let key = row::scanned(table, raw_key);
                let opened = pieces::open(&key, value, |raw_key| Ok(rows.get(raw_key)))?;
                Ok((key, opened))
            })
            .collect()
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let changes = Changes::encode(&batch)?;
        let Ok(outcome) = changes.apply(&mut *self.rows());
        outcome
    }
}
