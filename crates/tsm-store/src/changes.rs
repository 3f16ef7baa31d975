//! A batch, encoded and checked for size, and the one way to apply it.

use std::collections::BTreeMap;

use tsm_core::ports::{Batch, Key, StoreError};
use tsm_core::record::Record;

use crate::pieces::{self, Head};
use crate::{records, row};

/// An encoded batch.
#[derive(Debug)]
pub(crate) struct Changes {
    expect: Vec<Expectation>,
    /// By raw key; `None` removes.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

#[derive(Debug)]
struct Expectation {
    key: Key,
    raw_key: Vec<u8>,
    version: u64,
}

/// Current rows, while a batch is applied to them.
pub(crate) trait Rows {
    /// Why a row can't be reached.
    type Error;

    /// What lies under a key of a record; `None` when nothing does.
    fn head(&self, raw_key: &[u8]) -> Result<Option<Head>, Self::Error>;

    /// Writes or removes a row.
    fn write(&mut self, raw_key: &[u8], value: Option<Vec<u8>>) -> Result<(), Self::Error>;
}

impl Changes {
    /// Encodes a batch. A later write of a record replaces an earlier one, a
    /// removal replaces both.
    pub(crate) fn encode(batch: &Batch) -> Result<Self, StoreError> {
        let mut writes = BTreeMap::new();
        for (key, record) in &batch.put {
            writes.insert(raw_key(key)?, Some(payload(key, record)?));
        }
        for key in &batch.delete {
            writes.insert(raw_key(key)?, None);
        }
        let expect = batch
            .expect
            .iter()
            .map(|(key, version)| {
                Ok(Expectation {
                    key: key.clone(),
                    raw_key: raw_key(key)?,
                    version: *version,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Self { expect, writes })
    }

    /// Nothing is written, whatever the expectations say.
    pub(crate) fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }

    /// Checks every expectation, then writes; nothing is written when one
    /// fails, which is the inner result.
    pub(crate) fn apply<R: Rows>(&self, rows: &mut R) -> Result<Result<(), StoreError>, R::Error> {
        for expected in &self.expect {
            let head = rows.head(&expected.raw_key)?;
            match head.map_or(Some(0), |head| head.version) {
                Some(version) if version == expected.version => {}
                Some(_) => return Ok(Err(StoreError::Conflict(expected.key.clone()))),
                None => return Ok(Err(StoreError::Corrupt(expected.key.clone()))),
            }
        }
        for (raw_key, payload) in &self.writes {
            let old = rows.head(raw_key)?.unwrap_or_default();
            let mut pieces = 0;
            let mut value = None;
            if let Some(payload) = payload {
                // An unreadable row that is overwritten unseen starts anew.
                let version = old.version.unwrap_or(0).saturating_add(1);
                let (first, rest) = pieces::cut(version, payload);
                pieces = rest.len();
                value = Some(first);
                for (index, piece) in rest.into_iter().enumerate() {
                    rows.write(&pieces::key(raw_key, index), Some(piece))?;
                }
            }
            for index in pieces..old.pieces {
                rows.write(&pieces::key(raw_key, index), None)?;
            }
            rows.write(raw_key, value)?;
        }
        Ok(Ok(()))
    }
}

fn raw_key(key: &Key) -> Result<Vec<u8>, StoreError> {
    if key.id.len() > row::MAX_ID {
        return Err(StoreError::TooLarge {
            key: key.clone(),
            bytes: key.id.len(),
        });
    }
    Ok(row::key(key))
}

fn payload(key: &Key, record: &Record) -> Result<Vec<u8>, StoreError> {
    let (table, payload) = records::encode(record).map_err(|malformed| {
        tracing::error!(table = key.table.name(), %malformed, "a record can not be encoded");
        StoreError::Corrupt(key.clone())
    })?;
    if table != key.table {
        return Err(StoreError::Corrupt(key.clone()));
    }
    if payload.len() > pieces::MAX_RECORD {
        return Err(StoreError::TooLarge {
            key: key.clone(),
            bytes: payload.len(),
        });
    }
    Ok(payload)
}
