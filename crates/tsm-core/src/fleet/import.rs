//! What is kept of a delivery of cards.

use crate::identity::{BatchName, Iccid, Tenant};
use crate::time::Timestamp;

/// What became of the rows so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Cards that are new.
    pub accepted: u64,
    /// Cards that were registered before, with the same data.
    pub present: u64,
    /// Rows that were refused.
    pub refused: u64,
}

/// A delivery that is being imported, or was. Record id: [`ImportBatch::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportBatch {
    /// Whose cards these are.
    pub issuer: Tenant,
    /// Its name.
    pub name: BatchName,
    /// SHA-256 of the output file: the same name with another file is refused.
    pub file_sha256: [u8; 32],
    /// Key under which the maker wrapped the cards' keys.
    pub transport_key: Option<String>,
    /// Number of the row that comes next; rows count from 1.
    pub next_row: u64,
    /// What became of the rows so far.
    pub counts: RowCounts,
    /// All rows were taken.
    pub is_done: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When rows were taken last.
    pub updated_at: Timestamp,
}

impl ImportBatch {
    /// Record id: issuer, slash, name.
    #[must_use]
    pub fn id(issuer: &Tenant, name: &BatchName) -> String {
        format!("{issuer}/{name}")
    }
}

/// A row that was refused. Record id: [`RefusedRow::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its number, from 1.
    pub row: u64,
    /// The column that is wrong; empty when it is the row as a whole.
    pub column: String,
    /// Stable reason.
    pub reason: String,
    /// In words; never what stood in the row.
    pub detail: String,
    /// The card, when the row names one.
    pub iccid: Option<Iccid>,
}

impl RefusedRow {
    /// Record id: id of the batch, slash, row in ten digits.
    #[must_use]
    pub fn id(batch: &str, row: u64) -> String {
        format!("{batch}/{row:010}")
    }
}
