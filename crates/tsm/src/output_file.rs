//! Output files of card makers: CSV or JSON lines, a row for each card (`docs/output-file.md`).
//!
//! Rows are only split into columns here. What is wrong with a value is told by the server, so that
//! every client gets the same report. A row that can't be split is sent on as unreadable, without
//! anything of what stood in it.

mod csv;
mod json_lines;

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use sha2::{Digest as _, Sha256};
use tsm_proto::mno::CardRow;

/// How an output file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A header with the names of the columns, then a line for each card; comma, semicolon or tab.
    Csv,
    /// A JSON object on each line.
    JsonLines,
}

impl Format {
    /// By the ending of the file's name: `.jsonl`, `.ndjson` and `.json` are JSON lines.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("jsonl" | "ndjson" | "json") => Self::JsonLines,
            _ => Self::Csv,
        }
    }
}

/// The columns of an output file.
pub const COLUMNS: [&str; 12] = [
    "iccid",
    "eid",
    "profile",
    "key_version",
    "kdd",
    "enc_key",
    "mac_key",
    "dek_key",
    "memory_bytes",
    "sequence_counter",
    "tenant",
    "msisdn",
];

/// Where a row keeps the value of a column.
fn place<'a>(row: &'a mut CardRow, column: &str) -> Option<&'a mut String> {
    Some(match column {
        "iccid" => &mut row.iccid,
        "eid" => &mut row.eid,
        "profile" => &mut row.profile,
        "key_version" => &mut row.key_version,
        "kdd" => &mut row.kdd,
        "enc_key" => &mut row.enc_key,
        "mac_key" => &mut row.mac_key,
        "dek_key" => &mut row.dek_key,
        "memory_bytes" => &mut row.memory_bytes,
        "sequence_counter" => &mut row.sequence_counter,
        "tenant" => &mut row.tenant,
        "msisdn" => &mut row.msisdn,
        _ => return None,
    })
}

fn unreadable(problem: impl Into<String>) -> CardRow {
    CardRow {
        unreadable: problem.into(),
        ..CardRow::default()
    }
}

/// An output file, seen once as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its lines, about as many as rows.
    pub lines: u64,
}

/// Reads a file once: its digest and how long it is.
///
/// # Errors
/// When it can't be read.
pub fn summary(path: &Path) -> anyhow::Result<Summary> {
    let cannot = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let (mut hasher, mut lines) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer).with_context(cannot)?;
        let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else {
            break;
        };
        hasher.update(read);
        let ends = read.iter().filter(|byte| **byte == b'\n').count();
        lines = lines.saturating_add(ends as u64);
    }
    Ok(Summary {
        sha256: hasher.finalize().into(),
        lines,
    })
}

/// The rows of a file, one after the other.
pub type Rows = Box<dyn Iterator<Item = anyhow::Result<CardRow>> + Send>;

/// Opens a file. Columns that are in `ignored` are left out.
///
/// # Errors
/// When it can't be read, or the header of a CSV file names an unknown column, or one twice.
pub fn open(path: &Path, format: Format, ignored: &[String]) -> anyhow::Result<Rows> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let reader = BufReader::with_capacity(1 << 18, file);
    Ok(match format {
        Format::Csv => Box::new(csv::rows(reader, ignored)?),
        Format::JsonLines => Box::new(json_lines::rows(reader, ignored.to_vec())),
    })
}

/// Refuses a header that says less, or more, than a row can.
fn check_header(columns: &[String], ignored: &[String]) -> anyhow::Result<()> {
    for (index, column) in columns.iter().enumerate() {
        if ignored.contains(column) {
            continue;
        }
        if !COLUMNS.contains(&column.as_str()) {
            bail!(
                "the file has the unknown column {column:?}; leave it out with --ignore {column}, or \
                 rename it: a file may have the columns {}",
                COLUMNS.join(", ")
            );
        }
        if columns.iter().take(index).any(|other| other == column) {
            bail!("the file has the column {column} twice");
        }
    }
    for needed in ["iccid", "profile", "key_version"] {
        if !columns.iter().any(|column| column == needed) {
            bail!("the file has no column {needed}; its first line must name the columns");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_place() {
        let mut row = CardRow::default();
        for column in COLUMNS {
            *place(&mut row, column).unwrap() = column.to_owned();
        }
        assert_eq!(
            (row.iccid.as_str(), row.msisdn.as_str()),
            ("iccid", "msisdn")
        );
        assert!(place(&mut row, "unreadable").is_none());
    }

    #[test]
    fn the_ending_says_the_format() {
        for (name, format) in [
            ("a.csv", Format::Csv),
            ("a.txt", Format::Csv),
            ("a", Format::Csv),
            ("a.JSONL", Format::JsonLines),
            ("a.ndjson", Format::JsonLines),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn a_summary_has_digest_and_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "a\nb\nc").unwrap();
        let found = summary(&path).unwrap();
        assert_eq!(found.lines, 2);
        assert_eq!(found.sha256, <[u8; 32]>::from(Sha256::digest("a\nb\nc")));
    }
}
