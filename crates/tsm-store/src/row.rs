//! How records lie in a database of sorted bytes.
//!
//! Key: table name, zero byte, id; so each table is one range, sorted by id.
//! Value: version (8 bytes, big endian), then the record as protobuf.
//!
//! A record that is too long for one value lies in [pieces](crate::pieces).

use std::ops::Bound;

use tsm_core::ports::{Key, StoreError, Versioned};
use tsm_core::record::{Record, Table};

use crate::records;

/// Longest id, in bytes.
pub(crate) const MAX_ID: usize = 200;
/// Longest value, version included. Above 4 KiB sled's leaves can grow past
/// what one log message holds; it then writes files that it never syncs.
pub(crate) const MAX_VALUE: usize = 4_096;

/// Bytes in front of the record.
pub(crate) const VERSION: usize = 8;

/// Where the record named `key` lies.
pub(crate) fn key(key: &Key) -> Vec<u8> {
    prefix(key.table, &key.id)
}

/// What the keys of a table start with whose ids start with `id`.
pub(crate) fn prefix(table: Table, id: &str) -> Vec<u8> {
    [table.name().as_bytes(), &[0], id.as_bytes()].concat()
}

/// First key of a scan.
pub(crate) fn scan_start(table: Table, id_prefix: &str, after: Option<&str>) -> Bound<Vec<u8>> {
    match after {
        Some(after) if after >= id_prefix => Bound::Excluded(prefix(table, after)),
        _ => Bound::Included(prefix(table, id_prefix)),
    }
}

/// The value of version `version`.
pub(crate) fn value(version: u64, payload: &[u8]) -> Vec<u8> {
    [&version.to_be_bytes(), payload].concat()
}

/// Version of a value; `None` when it is no value.
pub(crate) fn version(value: &[u8]) -> Option<u64> {
    let version = u64::from_be_bytes(*value.first_chunk::<VERSION>()?);
    (version > 0).then_some(version)
}

/// Understands a value that is not in pieces.
pub(crate) fn open(key: &Key, value: &[u8]) -> Result<Versioned<Record>, StoreError> {
    let corrupt = || StoreError::Corrupt(key.clone());
    let version = version(value).ok_or_else(corrupt)?;
    let payload = value.get(VERSION..).ok_or_else(corrupt)?;
    let value = records::decode(key.table, payload).map_err(|malformed| {
        tracing::error!(table = key.table.name(), %malformed, "a stored record is corrupt");
        corrupt()
    })?;
    Ok(Versioned { version, value })
}

/// The name of a record whose row a scan of `table` met.
pub(crate) fn scanned(table: Table, raw_key: &[u8]) -> Key {
    let id = raw_key.get(table.name().len() + 1..).unwrap_or_default();
    Key {
        table,
        id: String::from_utf8_lossy(id).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_whose_name_starts_another_keeps_its_own_range() {
        for (one, other) in Table::ALL
            .iter()
            .flat_map(|a| Table::ALL.iter().map(move |b| (a, b)))
        {
            let inside = prefix(*other, "x").starts_with(&prefix(*one, ""));
            assert_eq!(inside, one == other);
        }
    }

    #[test]
    fn keys_stay_below_the_limit_of_sled() {
        for table in Table::ALL {
            assert!(prefix(*table, &"x".repeat(MAX_ID)).len() <= 256);
        }
    }

    #[test]
    fn a_short_value_and_version_zero_are_corrupt() {
        let key = Key {
            table: Table::PersonGuard,
            id: "p".into(),
        };
        for bytes in [&[][..], &[0; 7], &[0; 8]] {
            assert_eq!(open(&key, bytes), Err(StoreError::Corrupt(key.clone())));
        }
    }

    #[test]
    fn a_scan_starts_after_the_last_id_of_the_page_before() {
        let start = |after| scan_start(Table::Uicc, "89", after);
        assert_eq!(start(None), Bound::Included(b"uicc\x0089".to_vec()));
        assert_eq!(start(Some("88")), Bound::Included(b"uicc\x0089".to_vec()));
        assert_eq!(start(Some("891")), Bound::Excluded(b"uicc\x00891".to_vec()));
    }
}
