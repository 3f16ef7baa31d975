//! Arguments of `tsm explain`.

use clap::{Args, ValueEnum};

/// Options of `tsm explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// An ICCID, a deployment (ICCID/SERVICE), or the id of a credential or an application.
    pub what: String,
    /// In which language.
    #[arg(long, value_enum, default_value_t)]
    pub lang: Language,
    /// Show card numbers and names of people in full.
    #[arg(long)]
    pub unmasked: bool,
}

/// Languages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}
