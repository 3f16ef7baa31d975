//! Records in memory, with the semantics of the port.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::{Side, World};
use crate::ports::{Batch, Key, Store, StoreError, Versioned};
use crate::record::{Record, Table};

#[derive(Default)]
pub(crate) struct MemoryStore {
    rows: Mutex<BTreeMap<Key, Versioned<Record>>>,
}

impl MemoryStore {
    pub(crate) fn records(&self, table: Table) -> Vec<(String, Record)> {
        let rows = self.rows.lock().unwrap();
        let of_table = rows.iter().filter(|(key, _)| key.table == table);
        of_table
            .map(|(key, row)| (key.id.clone(), row.value.clone()))
            .collect()
    }

    pub(crate) fn everything(&self) -> Vec<Record> {
        self.rows
            .lock()
            .unwrap()
            .values()
            .map(|row| row.value.clone())
            .collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, key: &Key) -> Result<Option<Versioned<Record>>, StoreError> {
        Ok(self.rows.lock().unwrap().get(key).cloned())
    }

    async fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<Record>)>, StoreError> {
        let rows = self.rows.lock().unwrap();
        let found = rows.iter().filter(|(key, _)| {
            key.table == table
                && key.id.starts_with(prefix)
                && after.is_none_or(|after| key.id.as_str() > after)
        });
        Ok(found
            .take(limit)
            .map(|(key, row)| (key.clone(), row.clone()))
            .collect())
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut rows = self.rows.lock().unwrap();
        for (key, version) in &batch.expect {
            if rows.get(key).map_or(0, |row| row.version) != *version {
                return Err(StoreError::Conflict(key.clone()));
            }
        }
        for (key, value) in batch.put {
            assert!(key.id.len() <= 200, "{key:?}");
            let version = rows.get(&key).map_or(0, |row| row.version) + 1;
            rows.insert(key, Versioned { version, value });
        }
        for key in batch.delete {
            rows.remove(&key);
        }
        Ok(())
    }
}

/// The store as the server reaches it.
pub(crate) struct Faulty<'a>(pub(crate) &'a World);

#[async_trait]
impl Store for Faulty<'_> {
    async fn read(&self, key: &Key) -> Result<Option<Versioned<Record>>, StoreError> {
        self.0.store.read(key).await
    }

    async fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<Record>)>, StoreError> {
        self.0.store.scan(table, prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let crash = || StoreError::Failed("the server crashed".to_owned());
        match self.0.faults.next() {
            Some(Side::Before) => Err(crash()),
            Some(Side::After) => self.0.store.commit(batch).await.and_then(|()| Err(crash())),
            None => self.0.store.commit(batch).await,
        }
    }
}
