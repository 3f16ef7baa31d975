//! Values as they stand in a profile: hexadecimal strings, bytes, secrets.

use globalplatform::aid::Aid;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::ConfigError;
use super::super::fields::field;

/// A hexadecimal string that is wiped, and that no message shows.
#[derive(Deserialize)]
#[serde(from = "toml::Value")]
pub(super) struct Secret(Option<Zeroizing<String>>);

impl From<toml::Value> for Secret {
    fn from(value: toml::Value) -> Self {
        match value {
            toml::Value::String(text) => Self(Some(Zeroizing::new(text))),
            _ => Self(None),
        }
    }
}

impl Secret {
    pub(super) fn bytes(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let text = self.0.as_ref();
        let text = text.ok_or_else(|| field(name, "is no string of hexadecimal digits"))?;
        bytes(name, text).map(Zeroizing::new)
    }
}

/// A byte in hexadecimal, or an integer.
#[derive(Deserialize)]
#[serde(from = "toml::Value")]
pub(super) struct Byte(pub(super) toml::Value);

impl From<toml::Value> for Byte {
    fn from(value: toml::Value) -> Self {
        Self(value)
    }
}

impl Byte {
    /// The byte. An integer is the number that it is, unless that makes no sense and its decimal digits, read as
    /// hexadecimal, do: people copy `30` and `70` from documents that write bytes so.
    pub(super) fn value(&self, name: &str, is_meant: fn(u8) -> bool) -> Result<u8, ConfigError> {
        match &self.0 {
            toml::Value::String(text) => array::<1>(name, text).map(|[byte]| byte),
            toml::Value::Integer(number) => {
                let value = u8::try_from(*number)
                    .map_err(|_| field(name, format!("{number} is no byte")))?;
                let digits = u8::from_str_radix(&number.to_string(), 16).ok();
                let digits = digits.filter(|digits| !is_meant(value) && is_meant(*digits));
                Ok(digits.unwrap_or(value))
            }
            _ => Err(field(
                name,
                "is neither a hexadecimal string nor an integer",
            )),
        }
    }
}

/// The message with `…` for every run of hexadecimal digits that is long enough to be half a key.
pub(super) fn without_secrets(message: &str) -> String {
    const MOST: usize = 15;
    let mut shown = String::new();
    let mut run = String::new();
    let end = |run: &mut String, shown: &mut String| {
        let hidden = run.len() > MOST;
        shown.push_str(if hidden { "…" } else { run.as_str() });
        run.clear();
    };
    for c in message.chars() {
        if c.is_ascii_hexdigit() {
            run.push(c);
        } else {
            end(&mut run, &mut shown);
            shown.push(c);
        }
    }
    end(&mut run, &mut shown);
    shown
}

pub(super) fn aid(name: &str, text: &str) -> Result<Aid, ConfigError> {
    text.parse()
        .map_err(|_| field(name, "is no AID of 5 to 16 bytes"))
}

/// Hexadecimal, blanks and colons between bytes allowed.
pub(super) fn bytes(name: &str, text: &str) -> Result<Vec<u8>, ConfigError> {
    let digits: Zeroizing<String> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace() && *c != ':')
        .collect::<String>()
        .into();
    hex::decode(&*digits).map_err(|_| field(name, "is not hexadecimal"))
}

pub(crate) fn array<const N: usize>(name: &str, text: &str) -> Result<[u8; N], ConfigError> {
    exactly(name, &bytes(name, text)?)
}

pub(super) fn exactly<const N: usize>(name: &str, given: &[u8]) -> Result<[u8; N], ConfigError> {
    let length = given.len();
    given
        .try_into()
        .map_err(|_| field(name, format!("has {length} bytes, expected {N}")))
}
