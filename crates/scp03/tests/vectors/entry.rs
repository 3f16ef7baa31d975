//! One entry of a vector file: fields by name, and comparisons that say what differs.

use std::fmt::Display;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use scp03::{Mode, ScpParameters, SecurityLevel, StaticKeys};
use serde_json::Value;

/// Why an entry was not reproduced.
pub type Outcome<T = ()> = Result<T, String>;

/// An object inside a vector file.
#[derive(Clone, Copy)]
pub struct Entry<'a>(&'a Value);

impl<'a> Entry<'a> {
    pub fn new(value: &'a Value) -> Self {
        Self(value)
    }

    fn value(self, field: &str) -> Outcome<&'a Value> {
        self.optional(field)
            .ok_or_else(|| format!("no field {field}"))
    }

    /// A field that is there and not null.
    fn optional(self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    pub fn has(self, field: &str) -> bool {
        self.optional(field).is_some()
    }

    pub fn object(self, field: &str) -> Outcome<Self> {
        self.value(field).map(Self)
    }

    pub fn list(self, field: &str) -> Outcome<impl Iterator<Item = Self>> {
        let list = self
            .value(field)?
            .as_array()
            .ok_or_else(|| format!("{field} is no list"))?;
        Ok(list.iter().map(Self))
    }

    pub fn text(self, field: &str) -> Outcome<&'a str> {
        self.value(field)?
            .as_str()
            .ok_or_else(|| format!("{field} is no text"))
    }

    pub fn flag(self, field: &str) -> Outcome<bool> {
        self.value(field)?
            .as_bool()
            .ok_or_else(|| format!("{field} is no truth value"))
    }

    pub fn number(self, field: &str) -> Outcome<u64> {
        self.value(field)?
            .as_u64()
            .ok_or_else(|| format!("{field} is no number"))
    }

    pub fn hex(self, field: &str) -> Outcome<Vec<u8>> {
        hex::decode(self.text(field)?).map_err(|error| format!("{field}: {error}"))
    }

    pub fn hex_list(self, field: &str) -> Outcome<Vec<Vec<u8>>> {
        let items = self.list(field)?;
        items
            .map(|item| hex::decode(item.0.as_str().unwrap_or("?")).because(field))
            .collect()
    }

    pub fn array<const N: usize>(self, field: &str) -> Outcome<[u8; N]> {
        self.hex(field)?
            .try_into()
            .map_err(|_| format!("{field} does not have {N} bytes"))
    }

    pub fn byte(self, field: &str) -> Outcome<u8> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub fn command(self, field: &str) -> Outcome<CommandApdu> {
        CommandApdu::decode(&self.hex(field)?).because(field)
    }

    pub fn response(self, field: &str) -> Outcome<ResponseApdu> {
        ResponseApdu::decode(&self.hex(field)?).because(field)
    }

    pub fn mode(self) -> Outcome<Mode> {
        match self.text("mode")? {
            "S8" => Ok(Mode::S8),
            "S16" => Ok(Mode::S16),
            other => Err(format!("unknown mode {other}")),
        }
    }

    pub fn parameters(self) -> Outcome<ScpParameters> {
        ScpParameters::new(self.byte("i")?).because("i")
    }

    pub fn level(self) -> Outcome<SecurityLevel> {
        SecurityLevel::try_from(self.byte("security_level")?).because("security_level")
    }

    pub fn static_keys(self) -> Outcome<StaticKeys> {
        let keys = self.object("static_keys")?;
        StaticKeys::from_bytes(&keys.hex("enc")?, &keys.hex("mac")?, &keys.hex("dek")?)
            .because("keys")
    }

    /// Compares bytes with those of a field, where there is one.
    pub fn expect_if_given(self, field: &str, got: impl AsRef<[u8]>) -> Outcome {
        if self.has(field) {
            self.expect(field, got)
        } else {
            Ok(())
        }
    }

    /// Compares bytes with those of a field.
    pub fn expect(self, field: &str, got: impl AsRef<[u8]>) -> Outcome {
        same(field, got, self.hex(field)?)
    }
}

/// Compares bytes.
pub fn same(what: &str, got: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) -> Outcome {
    let (got, expected) = (got.as_ref(), expected.as_ref());
    if got == expected {
        return Ok(());
    }
    let [got, expected] = [got, expected].map(hex::encode_upper);
    Err(format!("{what} is {got} instead of {expected}"))
}

/// Says what went wrong.
pub trait Because<T> {
    fn because(self, what: impl Display) -> Outcome<T>;
}

impl<T, E: Display> Because<T> for Result<T, E> {
    fn because(self, what: impl Display) -> Outcome<T> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}

/// The bytes of a command that we have built.
pub fn encoded(command: &CommandApdu) -> Outcome<Vec<u8>> {
    command.encode().because("command")
}
