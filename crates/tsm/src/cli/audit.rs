//! Arguments of the commands about audit logs and receipts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Audit logs.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check every entry of both servers, or, without any server, of a file.
    ///
    /// Finds an entry that was changed, removed, inserted or moved, and a log that was cut off or
    /// written anew, and names the first entry that does not fit.
    Verify(AuditVerifyArgs),
    /// Write everything you may see of an audit log to a file that can be checked offline.
    Export(AuditExportArgs),
    /// List entries.
    List(AuditListArgs),
}

/// Options of `tsm audit verify`.
#[derive(Debug, Args)]
pub struct AuditVerifyArgs {
    /// A file that `tsm audit export` wrote; both servers are asked without.
    #[arg(requires = "trust")]
    pub file: Option<PathBuf>,
    /// Whom the signatures must be of.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// What signatures are checked with.
#[derive(Debug, Args)]
#[group(id = "trust", multiple = false)]
pub struct TrustArgs {
    /// Certificate of the server's signing key, PEM. Who issued it is not checked here.
    #[arg(long, value_name = "PEM")]
    pub certificate: Option<PathBuf>,
    /// The server's public signing key, PEM.
    #[arg(long, value_name = "PEM")]
    pub key: Option<PathBuf>,
}

/// Which server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogOf {
    /// The operator's.
    #[default]
    Carrier,
    /// The service provider's.
    Provider,
}

/// Options of `tsm audit export`.
#[derive(Debug, Args)]
pub struct AuditExportArgs {
    /// The file to write; one that is there already is not overwritten.
    pub file: PathBuf,
    /// Whose log.
    #[arg(long, value_enum, default_value_t)]
    pub of: LogOf,
}

/// Options of `tsm audit list`.
#[derive(Debug, Args)]
pub struct AuditListArgs {
    /// Only subjects that begin so, for example card/8981100000000000017.
    pub subject: Option<String>,
    /// Whose log.
    #[arg(long, value_enum, default_value_t)]
    pub of: LogOf,
}

/// Receipts: what the servers certify of every step that changed a card or a credential.
#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    /// List receipts.
    List(AuditListArgs),
    /// Show one.
    Show(ReceiptArgs),
    /// Write what openssl needs to check one: receipt.txt, receipt.sig, key.pem, certificate.pem.
    Export(ReceiptExportArgs),
}

/// One receipt.
#[derive(Debug, Args)]
pub struct ReceiptArgs {
    /// Its id, for example card/8981100000000000017/000000000004.
    pub id: String,
    /// Whose receipt.
    #[arg(long, value_enum, default_value_t)]
    pub of: LogOf,
}

/// Options of `tsm receipt export`.
#[derive(Debug, Args)]
pub struct ReceiptExportArgs {
    /// Which receipt.
    #[command(flatten)]
    pub receipt: ReceiptArgs,
    /// Folder for the files; made when it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
