//! `uicc-sim profiles`.

use std::io::Write;

use clap::Args;

use super::{CliError, print as print_line};
use crate::config::ConfigError;
use crate::config::builtin::{PROFILES, Profile};

/// Arguments of `profiles`.
#[derive(Debug, Clone, Args)]
pub struct ProfilesArguments {
    /// Print this profile as TOML, to be changed and named by its file
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Lists the profiles, or prints one.
pub(super) fn print(arguments: &ProfilesArguments, out: &mut dyn Write) -> Result<(), CliError> {
    let Some(name) = &arguments.name else {
        let width = PROFILES.iter().map(|p| p.name.len()).max().unwrap_or(0);
        let lines = PROFILES
            .iter()
            .map(|p| format!("{:width$}  {}", p.name, p.summary()));
        return print_line(out, &lines.collect::<Vec<_>>().join("\n"));
    };
    let unknown = || ConfigError::Unknown { name: name.clone() };
    let profile = Profile::named(name).ok_or_else(unknown)?;
    print_line(out, profile.toml.trim_end())
}
