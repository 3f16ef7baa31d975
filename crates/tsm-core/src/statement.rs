//! Text that a server signs: readable, canonical, and checked with stock tools.
//!
//! ```text
//! TSM receipt 1
//! id: card/8981100000000000017/000000000004
//! outcome: jpki installed
//! ```
//!
//! UTF-8. The first line is the title; every other line is a name, a colon, a space and the value.
//! Every line ends with one line feed. A backslash in a value is written `\\`, and a control
//! character `\xHH` (two hex digits, lower case). Names are `a-z` and `-`. Lines without a value are left out. A text has
//! one way to be written, so that reading and writing it gives the same bytes.

use core::fmt::Write as _;

/// Why a text is not a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// A line is not a name, a colon, a space and a value, or not written as it must be.
    #[error("line {line} is malformed")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// Another line was expected.
    #[error("line {line} is not {expected:?}")]
    Unexpected {
        /// Counted from 1.
        line: usize,
        /// The name, or the title.
        expected: &'static str,
    },
    /// The value of a line is not what its name promises.
    #[error("the value of {name:?} is malformed")]
    Value {
        /// The name of the line.
        name: &'static str,
    },
    /// There is more after the last line.
    #[error("line {line} is one too many")]
    Trailing {
        /// Counted from 1.
        line: usize,
    },
}

/// A statement that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement(String);

impl Statement {
    /// Begins with the title.
    #[must_use]
    pub fn new(title: &'static str) -> Self {
        Self(format!("{title}\n"))
    }

    /// Adds a line; nothing for an empty value.
    #[must_use]
    pub fn line(mut self, name: &'static str, value: &str) -> Self {
        if value.is_empty() {
            return self;
        }
        self.0.push_str(name);
        self.0.push_str(": ");
        for character in value.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                control if control.is_control() => {
                    // Every control character is below U+00A0.
                    let _ = write!(self.0, "\\x{:02x}", u32::from(control));
                }
                other => self.0.push(other),
            }
        }
        self.0.push('\n');
        self
    }

    /// The text to sign.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// A statement that is being read, line by line in the order in which it was written.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    /// Reads the title.
    ///
    /// # Errors
    /// [`StatementError::Unexpected`] when it is another one.
    pub fn new(text: &'a str, title: &'static str) -> Result<Self, StatementError> {
        match text.split_once('\n') {
            Some((first, rest)) if first == title => Ok(Self { rest, line: 2 }),
            _ => Err(StatementError::Unexpected {
                line: 1,
                expected: title,
            }),
        }
    }

    /// The value of the next line, when it has this name; else an empty one.
    ///
    /// # Errors
    /// [`StatementError::Line`] when the line is not written as it must be.
    pub fn optional(&mut self, name: &'static str) -> Result<String, StatementError> {
        let malformed = StatementError::Line { line: self.line };
        let Some(after) = self.rest.strip_prefix(name) else {
            return Ok(String::new());
        };
        let Some(after) = after.strip_prefix(": ") else {
            return Ok(String::new());
        };
        let (value, rest) = after.split_once('\n').ok_or(malformed)?;
        let value = unescape(value).ok_or(malformed)?;
        if value.is_empty() {
            return Err(malformed);
        }
        self.rest = rest;
        self.line = self.line.saturating_add(1);
        Ok(value)
    }

    /// The value of the next line, which must have this name.
    ///
    /// # Errors
    /// [`StatementError`] for another line.
    pub fn required(&mut self, name: &'static str) -> Result<String, StatementError> {
        let value = self.optional(name)?;
        if value.is_empty() {
            return Err(StatementError::Unexpected {
                line: self.line,
                expected: name,
            });
        }
        Ok(value)
    }

    /// As [`required`](Self::required), read by `parse`.
    ///
    /// # Errors
    /// [`StatementError`] for another line, or one that `parse` refuses.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StatementError> {
        parse(&self.required(name)?).ok_or(StatementError::Value { name })
    }

    /// Nothing follows.
    ///
    /// # Errors
    /// [`StatementError::Trailing`] when something does.
    pub fn end(&self) -> Result<(), StatementError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(StatementError::Trailing { line: self.line })
        }
    }
}

fn unescape(value: &str) -> Option<String> {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        if character.is_control() {
            return None;
        }
        if character != '\\' {
            text.push(character);
            continue;
        }
        match rest.next()? {
            '\\' => text.push('\\'),
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                let byte = hex::decode(&digits).ok()?;
                let control = char::from(*byte.first()?);
                if digits != digits.to_ascii_lowercase() || !control.is_control() {
                    return None;
                }
                text.push(control);
            }
            _ => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TITLE: &str = "TSM test 1";

    #[test]
    fn a_statement_is_readable_text() {
        let text = Statement::new(TITLE)
            .line("id", "card/1")
            .line("person", "")
            .line("outcome", "a\\b\nc: 日本")
            .into_text();
        assert_eq!(
            text,
            "TSM test 1\nid: card/1\noutcome: a\\\\b\\x0ac: 日本\n"
        );
        let mut reader = Reader::new(&text, TITLE).unwrap();
        assert_eq!(reader.required("id").unwrap(), "card/1");
        assert_eq!(reader.optional("person").unwrap(), "");
        assert_eq!(reader.required("outcome").unwrap(), "a\\b\nc: 日本");
        reader.end().unwrap();
    }

    #[test]
    fn says_which_line_is_wrong() {
        let text = "TSM test 1\nid: 1\n";
        let error = Reader::new(text, "TSM other 1").unwrap_err();
        let expected = "TSM other 1";
        assert_eq!(error, StatementError::Unexpected { line: 1, expected });
        let mut reader = Reader::new(text, TITLE).unwrap();
        let expected = "at";
        let error = reader.required("at").unwrap_err();
        assert_eq!(error, StatementError::Unexpected { line: 2, expected });
        assert_eq!(reader.end(), Err(StatementError::Trailing { line: 2 }));
        let error = reader.parsed("id", |_| None::<()>).unwrap_err();
        assert_eq!(error, StatementError::Value { name: "id" });
    }

    #[test]
    fn refuses_values_that_are_written_otherwise() {
        for value in ["", "\\", "\\n", "\\x0", "\\x0A", "\\x41", "a\u{1}", "\\xé0"] {
            let text = format!("{TITLE}\nid: {value}\n");
            let found = Reader::new(&text, TITLE).unwrap().optional("id");
            assert_eq!(found, Err(StatementError::Line { line: 2 }), "{value:?}");
        }
        let cut = format!("{TITLE}\nid: 1");
        let found = Reader::new(&cut, TITLE).unwrap().optional("id");
        assert_eq!(found, Err(StatementError::Line { line: 2 }));
    }

    proptest! {
        #[test]
        fn every_value_is_read_as_it_was_written(value in ".*|\\PC*|[\\x00-\\x1f\\\\x]*") {
            let text = Statement::new(TITLE).line("a", &value).line("b", "end").into_text();
            let mut reader = Reader::new(&text, TITLE).unwrap();
            prop_assert_eq!(reader.optional("a").unwrap(), value);
            prop_assert_eq!(reader.required("b").unwrap(), "end");
            prop_assert!(reader.end().is_ok());
        }

        #[test]
        fn a_text_has_one_way_to_be_written(value in "[\\\\x0-9a-f\\x00-\\x1f]{0,8}") {
            let text = format!("{TITLE}\na: {value}\n");
            let mut reader = Reader::new(&text, TITLE).unwrap();
            if let Ok(read) = reader.required("a") && reader.end().is_ok() {
                prop_assert_eq!(Statement::new(TITLE).line("a", &read).into_text(), text);
            }
        }
    }
}
