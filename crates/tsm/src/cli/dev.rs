//! Arguments of the demo and of the development set-up.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Key algorithm of the credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// RSA, 2048 bits.
    #[default]
    Rsa2048,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
}

impl Algorithm {
    /// As the configuration of `sp-tsm` names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa2048",
            Self::P256 => "p256",
            Self::P384 => "p384",
        }
    }
}

/// Options of `tsm demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Cards to provision, each for its own citizen.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub cards: u32,
    /// Keep everything in this folder (must be new or empty); else a temporary one is used and removed.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of the cards and citizens; the servers' randomness never depends on it.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Key algorithm of the credentials.
    #[arg(long, value_enum, default_value_t)]
    pub algorithm: Algorithm,
    /// Citizens who are served at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub parallel: u32,
    /// Write every secret of the run as hex lines, so that a checker can search for them.
    #[arg(long, value_name = "FILE")]
    pub danger_secrets: Option<PathBuf>,
}

/// Development set-up.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Write certificates, configuration files, a CAP file, cards and a citizen into a new folder.
    Init(InitArgs),
    /// Tell the running servers what the folder holds: package, service, cards.
    Register {
        /// Folder made by `tsm dev init`.
        dir: PathBuf,
    },
    /// Write the CAP file of the JPKI applet.
    Cap {
        /// File to write.
        file: PathBuf,
        /// Bytes of the static array that stands for a real applet's code.
        #[arg(long, default_value_t = crate::dev::layout::CAP_STATIC_BYTES)]
        size: u16,
    },
    /// Make another citizen: signing key and certificate.
    Citizen {
        /// Folder made by `tsm dev init`.
        dir: PathBuf,
        /// Name of the files.
        name: String,
        /// The `serialNumber` attribute that stands for the person.
        #[arg(long)]
        serial_number: String,
    },
    /// Print the JSON that an application signs.
    Application {
        /// Card that shall carry the credential.
        #[arg(long)]
        iccid: String,
    },
}

/// Options of `tsm dev init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// Folder to write; must be new or empty.
    pub dir: PathBuf,
    /// Simulated cards to make.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub cards: u32,
    /// Port of the operator's server.
    #[arg(long, default_value_t = 7443)]
    pub mno_port: u16,
    /// Port of the service provider's server.
    #[arg(long, default_value_t = 7444)]
    pub sp_port: u16,
    /// Key algorithm of the credentials.
    #[arg(long, value_enum, default_value_t)]
    pub algorithm: Algorithm,
}
