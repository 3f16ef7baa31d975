//! Records that are too long for one value, in pieces.
//!
//! The row of such a record is its head: version with the highest bit set (8 bytes, big endian),
//! length of the record (4 bytes), first 8 bytes of its SHA-256. The pieces lie outside of the
//! table's range, under the key of the record with 01 in place of the zero byte, a zero byte and
//! the number of the piece (2 bytes); each begins with the version. A reader who meets pieces that
//! do not fit together came while they were written, and looks again.

use sha2::{Digest as _, Sha256};
use tsm_core::ports::{Key, StoreError, Versioned};
use tsm_core::record::Record;

use crate::row;

/// Longest record, in bytes.
pub(crate) const MAX_RECORD: usize = 256 << 10;

/// Marks the version of a head.
const CUT: u64 = 1 << 63;
/// Bytes of the record in one piece.
const PIECE: usize = row::MAX_VALUE - row::VERSION;
/// Bytes of a digest that a head keeps.
const DIGEST: usize = 8;
/// Length of a head.
const HEAD: usize = row::VERSION + 4 + DIGEST;

/// What the row of a record says without its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its version; `None` when it is no row of ours.
    pub(crate) version: Option<u64>,
    /// How many pieces there are besides the row; 0 when the row has everything.
    pub(crate) pieces: usize,
}

impl Head {
    /// Reads a row.
    pub(crate) fn of(value: &[u8]) -> Self {
        let version = row::version(value);
        match version {
            Some(marked) if marked & CUT != 0 => match length(value) {
                Some(length) => Self {
                    version: Some(marked & !CUT).filter(|version| *version > 0),
                    pieces: length.div_ceil(PIECE),
                },
                None => Self::default(),
            },
            version => Self { version, pieces: 0 },
        }
    }

    /// The record lies in pieces.
    pub(crate) const fn is_cut(&self) -> bool {
        self.pieces > 0
    }
}

/// Length of the record that a head is about.
fn length(head: &[u8]) -> Option<usize> {
    let (length, _) = head.get(row::VERSION..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (head.len() == HEAD && (1..=MAX_RECORD).contains(&length)).then_some(length)
}

fn digest(payload: &[u8]) -> [u8; DIGEST] {
    let mut short = [0; DIGEST];
    short.copy_from_slice(&Sha256::digest(payload)[..DIGEST]);
    short
}

/// The row of a record and its pieces, none when it fits the row.
pub(crate) fn cut(version: u64, payload: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    if payload.len() <= PIECE {
        return (row::value(version, payload), Vec::new());
    }
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let head = [&length.to_be_bytes()[..], &digest(payload)].concat();
    let pieces = payload
        .chunks(PIECE)
        .map(|piece| row::value(version, piece))
        .collect();
    (row::value(version | CUT, &head), pieces)
}

/// Where a piece of the record with this key lies.
pub(crate) fn key(raw_key: &[u8], index: usize) -> Vec<u8> {
    let mut key = raw_key.to_vec();
    if let Some(end) = key.iter_mut().find(|byte| **byte == 0) {
        *end = 1;
    }
    key.push(0);
    let index = u16::try_from(index).unwrap_or(u16::MAX);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// Understands the row of a record, with `get` for its pieces.
///
/// # Errors
/// [`StoreError::Corrupt`] also when the pieces do not fit together; what `get` says.
pub(crate) fn open<V: AsRef<[u8]>>(
    name: &Key,
    value: &[u8],
    get: impl Fn(&[u8]) -> Result<Option<V>, StoreError>,
) -> Result<Versioned<Record>, StoreError> {
    let head = Head::of(value);
    if !head.is_cut() {
        return row::open(name, value);
    }
    let corrupt = || StoreError::Corrupt(name.clone());
    let version = head.version.ok_or_else(corrupt)?;
    let length = length(value).ok_or_else(corrupt)?;
    let raw_key = row::key(name);
    let mut whole = row::value(version, &[]);
    for index in 0..head.pieces {
        let piece = get(&key(&raw_key, index))?.ok_or_else(corrupt)?;
        let piece = piece.as_ref();
        if row::version(piece) != Some(version) {
            return Err(corrupt());
        }
        whole.extend_from_slice(piece.get(row::VERSION..).ok_or_else(corrupt)?);
    }
    let payload = whole.get(row::VERSION..).unwrap_or_default();
    if payload.len() != length || !value.ends_with(&digest(payload)) {
        return Err(corrupt());
    }
    row::open(name, &whole)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tsm_core::card::catalogue::LoadFilePiece;
    use tsm_core::record::Table;

    use super::*;
    use crate::records;

    fn name() -> Key {
        Key {
            table: Table::LoadFilePiece,
            id: "x".to_owned(),
        }
    }

    fn rows(version: u64, bytes: usize) -> (Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>) {
        let record = LoadFilePiece {
            bytes: vec![7; bytes],
        };
        let (_, payload) = records::encode(&record.into()).unwrap();
        let (head, pieces) = cut(version, &payload);
        let raw_key = row::key(&name());
        let pieces = pieces.into_iter().enumerate();
        (
            head,
            pieces.map(|(n, piece)| (key(&raw_key, n), piece)).collect(),
        )
    }

    fn opened(head: &[u8], pieces: &BTreeMap<Vec<u8>, Vec<u8>>) -> Option<u64> {
        let found = open(&name(), head, |key| Ok(pieces.get(key)));
        match found {
            Ok(found) => Some(found.version),
            Err(StoreError::Corrupt(key)) => {
                assert_eq!(key, name());
                None
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_value_is_cut_when_it_does_not_fit() {
        let (head, pieces) = rows(3, 4_085);
        assert_eq!((head.len(), pieces.len()), (4_096, 0));
        let expected = Head {
            version: Some(3),
            pieces: 0,
        };
        assert_eq!(Head::of(&head), expected);
        let (head, pieces) = rows(3, 4_086);
        assert_eq!((head.len(), pieces.len()), (HEAD, 2));
        let expected = Head {
            version: Some(3),
            pieces: 2,
        };
        assert_eq!(Head::of(&head), expected);
        assert!(pieces.values().all(|piece| piece.len() <= row::MAX_VALUE));
        assert_eq!(opened(&head, &pieces), Some(3));
    }

    #[test]
    fn pieces_of_another_version_do_not_fit() {
        let (head, old) = rows(3, 9_000);
        let (new_head, new) = rows(4, 9_000);
        assert_eq!(opened(&new_head, &new), Some(4));
        assert_eq!(opened(&new_head, &old), None);
        for missing in old.keys() {
            let mut torn = old.clone();
            torn.insert(missing.clone(), new[missing].clone());
            assert_eq!(opened(&head, &torn), None);
            torn.remove(missing);
            assert_eq!(opened(&head, &torn), None);
        }
    }

    #[test]
    fn a_changed_piece_of_the_same_version_does_not_fit() {
        let (head, mut pieces) = rows(1, 9_000);
        *pieces.values_mut().last().unwrap().last_mut().unwrap() ^= 1;
        assert_eq!(opened(&head, &pieces), None);
    }

    #[test]
    fn a_damaged_head_is_no_row() {
        let (head, _) = rows(1, 9_000);
        let long = [&head[..], &[0]].concat();
        for damaged in [&head[..HEAD - 1], &head[..8], &long] {
            assert_eq!(Head::of(damaged), Head::default(), "{}", damaged.len());
        }
        let mut endless = head.clone();
        endless[8] = 0xFF;
        assert_eq!(Head::of(&endless), Head::default());
    }

    #[test]
    fn pieces_lie_outside_of_every_table() {
        for table in Table::ALL {
            let name = Key {
                table: *table,
                id: "i".repeat(row::MAX_ID),
            };
            let piece = key(&row::key(&name), usize::from(u16::MAX));
            assert!(piece.len() <= 256);
            for other in Table::ALL {
                assert!(!piece.starts_with(&row::prefix(*other, "")));
            }
        }
    }
}
