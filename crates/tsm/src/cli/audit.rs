//! Arguments of the commands about the audit logs.

use clap::Subcommand;

/// Audit logs.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Fetch the audit logs of both servers and recompute every hash chain.
    Verify,
}
