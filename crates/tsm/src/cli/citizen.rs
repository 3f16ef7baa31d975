//! Arguments of what is done about applications and credentials.

use std::path::PathBuf;

use clap::Args;

/// Options of `tsm apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The signed application, as `openssl cms -sign -nodetach -outform DER` makes it.
    #[arg(long, value_name = "FILE")]
    pub cms: PathBuf,
}

/// Options of `tsm provision`.
#[derive(Debug, Args)]
pub struct ProvisionArgs {
    /// Application, as `tsm apply` printed it.
    pub application: String,
    /// File with the four digits of the new PIN; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub pin_file: PathBuf,
}

/// A credential.
#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// Its id.
    pub credential: String,
}

/// Options of `tsm check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The certificate (PEM).
    pub certificate: PathBuf,
}
