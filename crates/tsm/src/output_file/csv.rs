//! CSV: the first line names the columns.

use std::io::BufRead;

use anyhow::{Context as _, bail};
use csv::{ByteRecord, ReaderBuilder, Trim};
use tsm_proto::mno::CardRow;

use super::{check_header, place, unreadable};

/// The rows behind the header.
///
/// # Errors
/// When the header can't be read, or names an unknown column, or one twice.
pub(super) fn rows<R: BufRead + Send + 'static>(
    mut reader: R,
    ignored: &[String],
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<CardRow>> + Send + use<R>> {
    skip_byte_order_mark(&mut reader)?;
    let delimiter = delimiter(&mut reader)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(reader);
    let header = reader.byte_headers().context("cannot read the header")?;
    let Ok(columns) = header
        .iter()
        .map(|name| std::str::from_utf8(name).map(str::to_ascii_lowercase))
        .collect::<Result<Vec<_>, _>>()
    else {
        bail!("the first line of the file is no header: it is not UTF-8 text");
    };
    check_header(&columns, ignored)?;
    let used: Vec<Option<String>> = columns
        .into_iter()
        .map(|column| (!ignored.contains(&column)).then_some(column))
        .collect();
    Ok(reader
        .into_byte_records()
        .map(move |record| Ok(row(&record.context("cannot read the file")?, &used))))
}

fn row(record: &ByteRecord, columns: &[Option<String>]) -> CardRow {
    if record.len() != columns.len() {
        let (has, named) = (record.len(), columns.len());
        return unreadable(format!("has {has} columns, the header names {named}"));
    }
    let mut row = CardRow::default();
    for (value, column) in record.iter().zip(columns) {
        let Some(column) = column else { continue };
        let Ok(value) = std::str::from_utf8(value) else {
            return unreadable(format!("column {column} is not UTF-8 text"));
        };
        if let Some(place) = place(&mut row, column) {
            value.clone_into(place);
        }
    }
    row
}

fn skip_byte_order_mark(reader: &mut impl BufRead) -> anyhow::Result<()> {
    let start = reader.fill_buf().context("cannot read the file")?;
    if start.starts_with(&[0xEF, 0xBB, 0xBF]) {
        reader.consume(3);
    }
    Ok(())
}

/// What the columns are separated by: the first of comma, semicolon and tab in the header.
fn delimiter(reader: &mut impl BufRead) -> anyhow::Result<u8> {
    let start = reader.fill_buf().context("cannot read the file")?;
    let header = start.iter().take_while(|byte| **byte != b'\n');
    Ok(header
        .copied()
        .find(|byte| matches!(byte, b',' | b';' | b'\t'))
        .unwrap_or(b','))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static [u8], ignored: &[&str]) -> anyhow::Result<Vec<CardRow>> {
        let ignored: Vec<_> = ignored.iter().map(|name| (*name).to_owned()).collect();
        rows(text, &ignored)?.collect()
    }

    fn card(iccid: &str, kdd: &str) -> CardRow {
        CardRow {
            iccid: iccid.to_owned(),
            profile: "p".to_owned(),
            key_version: "48".to_owned(),
            kdd: kdd.to_owned(),
            ..CardRow::default()
        }
    }

    #[test]
    fn columns_come_in_any_order_and_are_separated_as_people_do() {
        for text in [
            &b"iccid,profile,key_version,kdd\n1,p,48,AA\n2,p,48,BB\n"[..],
            b"\xEF\xBB\xBFKDD; iccid ;key_version;profile\r\nAA;1;48;p\r\n BB ;\"2\";48;p",
            b"profile\tkey_version\tkdd\ticcid\np\t48\tAA\t1\n\np\t48\tBB\t2\n",
        ] {
            assert_eq!(read(text, &[]).unwrap(), [card("1", "AA"), card("2", "BB")]);
        }
    }

    #[test]
    fn unknown_columns_are_named_unless_they_are_ignored() {
        let text = b"iccid,profile,key_version,kdd,imsi,ki\n1,p,48,AA,2,3\n";
        let error = read(text, &["ki"]).unwrap_err().to_string();
        assert!(
            error.contains("imsi") && error.contains("--ignore"),
            "{error}"
        );
        assert_eq!(read(text, &["ki", "imsi"]).unwrap(), [card("1", "AA")]);
    }

    #[test]
    fn a_header_is_needed_and_names_a_column_once() {
        for (text, word) in [
            (&b"iccid,profile\n"[..], "key_version"),
            (b"iccid,profile,key_version,iccid\n", "twice"),
            (b"", "iccid"),
            (b"8981100000000000001,p,48,00\n", "8981100000000000001"),
            (b"\xFF\xFE\n", "UTF-8"),
        ] {
            let error = read(text, &[]).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_row_that_can_not_be_split_is_told_without_its_content() {
        let text = b"iccid,profile,key_version\n1,p\n2,p,48,SECRET\n3,p,\xFF\n4,p,48\n";
        let rows = read(text, &[]).unwrap();
        let problems: Vec<_> = rows.iter().map(|row| row.unreadable.as_str()).collect();
        let expected = [
            "has 2 columns, the header names 3",
            "has 4 columns, the header names 3",
            "column key_version is not UTF-8 text",
            "",
        ];
        assert_eq!(problems, expected);
        assert!(rows[..3].iter().all(|row| row.iccid.is_empty()));
    }
}
