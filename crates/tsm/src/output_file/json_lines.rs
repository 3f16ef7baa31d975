//! JSON lines: an object on each line, its members named like the columns.

use std::io::{BufRead, Read as _};

use serde_json::Value;
use tsm_proto::mno::CardRow;

use super::{COLUMNS, place, unreadable};

/// Longest line, in bytes.
const LONGEST: usize = 16 << 10;

/// The rows; empty lines are none.
pub(super) fn rows(
    mut reader: impl BufRead + Send + 'static,
    ignored: Vec<String>,
) -> impl Iterator<Item = anyhow::Result<CardRow>> + Send {
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        loop {
            match next_line(&mut reader, &mut line) {
                Ok(0) => return None,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => return Some(Ok(row(&line, &ignored))),
                Err(error) => {
                    return Some(Err(
                        anyhow::Error::new(error).context("cannot read the file")
                    ));
                }
            }
        }
    })
}

/// Reads a line; of one that is too long only the beginning is kept. Returns 0 at the end.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    line.clear();
    let length = reader
        .by_ref()
        .take(LONGEST as u64 + 1)
        .read_until(b'\n', line)?;
    if length > LONGEST && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
    }
    Ok(length)
}

fn row(line: &[u8], ignored: &[String]) -> CardRow {
    if line.len() > LONGEST {
        return unreadable(format!("is longer than {LONGEST} bytes"));
    }
    let members = match serde_json::from_slice(line) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return unreadable("is JSON, but no object"),
        // The error's own words may repeat what stands there.
        Err(error) => return unreadable(format!("is not JSON, column {}", error.column())),
    };
    let mut row = CardRow::default();
    for (name, value) in members {
        if ignored.contains(&name) {
            continue;
        }
        let known = COLUMNS.iter().find(|column| **column == name);
        let Some(place) = known.and_then(|column| place(&mut row, column)) else {
            return unreadable(match is_a_name(&name) {
                true => format!("has the unknown member {name}"),
                false => "has a member with an unknown name".to_owned(),
            });
        };
        *place = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null => String::new(),
            _ => return unreadable(format!("member {name} is neither text nor number")),
        };
    }
    row
}

/// Looks like the name of a column, and not like a value in the wrong place.
fn is_a_name(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Vec<CardRow> {
        rows(text.as_bytes(), vec!["ki".to_owned()])
            .collect::<Result<_, _>>()
            .unwrap()
    }

    #[test]
    fn numbers_texts_and_nothing_are_values() {
        let text = "{\"iccid\": \"8981\", \"key_version\": 48, \"eid\": null, \"ki\": \"x\"}\n\n  \n{}\r\n";
        let expected = CardRow {
            iccid: "8981".to_owned(),
            key_version: "48".to_owned(),
            ..CardRow::default()
        };
        assert_eq!(read(text), [expected, CardRow::default()]);
    }

    #[test]
    fn a_line_that_is_no_row_is_told_without_its_content() {
        for (line, problem) in [
            ("[1]", "is JSON, but no object"),
            ("{\"iccid\": \"SECRET\"", "is not JSON, column 18"),
            ("SECRET", "is not JSON, column 1"),
            ("{\"imsi\": 1}", "has the unknown member imsi"),
            ("{\"SECRET00\": 1}", "has a member with an unknown name"),
            (
                "{\"iccid\": [\"SECRET\"]}",
                "member iccid is neither text nor number",
            ),
        ] {
            let rows = read(line);
            assert_eq!(rows.len(), 1, "{line}");
            assert_eq!(rows[0].unreadable, problem);
        }
    }

    #[test]
    fn a_line_without_end_is_one_row() {
        let long = format!("{{\"iccid\": \"{}\"}}\n{{}}\n", "1".repeat(50_000));
        let found: Vec<_> = rows(std::io::Cursor::new(long), Vec::new()).collect();
        assert_eq!(found.len(), 2);
        let problem = &found[0].as_ref().unwrap().unreadable;
        assert_eq!(problem, "is longer than 16384 bytes");
        assert_eq!(found[1].as_ref().unwrap(), &CardRow::default());
    }
}
