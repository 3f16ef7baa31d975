//! Applets that a profile puts into ROM: `preinstalled`.

use globalplatform::privileges::Privileges;
use serde::Deserialize;

use super::super::fields::field;
use super::super::{ConfigError, Preinstalled};
use super::values::{aid, bytes, without_secrets};
use crate::applet::programs;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    package: String,
    module: String,
    instance: Option<String>,
    privileges: Option<String>,
}

/// A name or a module's AID, or a table.
#[derive(Deserialize)]
#[serde(from = "toml::Value")]
pub(super) struct Entry(toml::Value);

impl From<toml::Value> for Entry {
    fn from(value: toml::Value) -> Self {
        Self(value)
    }
}

impl Entry {
    /// The instance that it means.
    pub(super) fn instance(self) -> Result<Preinstalled, ConfigError> {
        let entry = self.0;
        const NAME: &str = "preinstalled";
        if let toml::Value::String(word) = &entry {
            let unknown = || {
                let known = programs::names().join(", ");
                field(
                    NAME,
                    format!("no applet has this name or module AID; known: {known}"),
                )
            };
            let program = programs::named(word).ok_or_else(unknown)?;
            return Ok(Preinstalled {
                package: program.package(),
                module: program.module(),
                instance: program.module(),
                privileges: Privileges::NONE,
            });
        }
        let table = Table::deserialize(entry)
            .map_err(|error| field(NAME, without_secrets(error.message())))?;
        let module = aid("preinstalled.module", &table.module)?;
        Ok(Preinstalled {
            package: aid("preinstalled.package", &table.package)?,
            module,
            instance: match &table.instance {
                Some(text) => aid("preinstalled.instance", text)?,
                None => module,
            },
            privileges: match &table.privileges {
                Some(text) => Privileges::from_bytes(&bytes("preinstalled.privileges", text)?)
                    .map_err(|error| field("preinstalled.privileges", error.to_string()))?,
                None => Privileges::NONE,
            },
        })
    }
}
