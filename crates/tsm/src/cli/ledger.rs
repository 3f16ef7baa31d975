//! Arguments of the commands about usage and what is due for it.

use clap::Args;

/// Options of `tsm settlement`.
#[derive(Debug, Args)]
pub struct SettlementArgs {
    /// The month, for example 2026-11; of Japan's calendar and time.
    #[arg(long, value_name = "YYYY-MM")]
    pub month: String,
    /// Only what is between you and this tenant.
    #[arg(long, value_name = "TENANT")]
    pub party: Option<String>,
    /// Print comma-separated values, one line for each party and service.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Add everything up here, from the lines of the ledger, and compare.
    #[arg(long)]
    pub check: bool,
}
