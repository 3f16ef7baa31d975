//! Arguments of what shows and lists.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to show.
#[derive(Debug, Subcommand)]
pub enum ShowCommand {
    /// An application.
    Application {
        /// Its id.
        id: String,
    },
    /// A credential.
    Credential {
        /// Its id.
        id: String,
        /// Also write the certificate here (PEM).
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// A card of the fleet, as the operator's server knows it.
    Card {
        /// Its ICCID.
        iccid: String,
    },
}

/// What to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Applications.
    Applications,
    /// Credentials.
    Credentials,
    /// Cards of the fleet.
    Cards,
    /// Card profiles.
    Profiles,
    /// Deliveries of cards.
    Imports,
    /// Services on cards.
    Deployments,
    /// Admitted packages.
    Packages,
    /// Defined services.
    Services,
    /// Your tenant and those below it.
    Tenants,
    /// Contracts that your tenant is a party to.
    Contracts,
}

/// Options of `tsm list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which list.
    #[arg(value_enum)]
    pub what: Listed,
}
