//! Arguments of the commands about tenants and contracts.

use clap::{Args, Subcommand, ValueEnum};

/// Tenants. Needs the certificate of an admin.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Register an MVNO or a service provider. The same again changes nothing.
    Register(TenantArgs),
    /// Nobody of it, or of a tenant below it, may do anything until it is resumed.
    Suspend {
        /// Its name.
        name: String,
    },
    /// End a suspension.
    Resume {
        /// Its name.
        name: String,
    },
    /// Show one.
    Show {
        /// Its name.
        name: String,
    },
}

/// Options of `tsm tenant register`.
#[derive(Debug, Args)]
pub struct TenantArgs {
    /// 1 to 64 of a-z, 0-9, '-', '_'; as in certificates: tsm://NAME/ROLE.
    pub name: String,
    /// What it is.
    #[arg(long, value_enum)]
    pub kind: TenantKind,
    /// The tenant above it; your own unless you say otherwise.
    #[arg(long)]
    pub parent: Option<String>,
    /// Its name for people.
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
}

/// Kinds of tenants that can be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TenantKind {
    /// A virtual operator with SIMs and issuer keys of its own.
    FullMvno,
    /// A virtual operator whose subscribers use the SIMs of the issuer above it.
    HostedMvno,
    /// Has services on the cards of others.
    ServiceProvider,
}

/// Contracts. Needs the certificate of an admin of the issuer.
#[derive(Debug, Subcommand)]
pub enum ContractCommand {
    /// Agree with a service provider; replaces what was agreed before.
    Put(ContractArgs),
}

/// Options of `tsm contract put`.
#[derive(Debug, Args)]
pub struct ContractArgs {
    /// The service provider.
    pub provider: String,
    /// Whose cards; your own tenant's unless you say otherwise.
    #[arg(long)]
    pub issuer: Option<String>,
    /// A service it is about, once for each; all services of the provider without.
    #[arg(long)]
    pub service: Vec<String>,
    /// Who manages the content of the provider's domain, once for each way.
    #[arg(long, value_enum, default_values_t = [Mode::Simple])]
    pub mode: Vec<Mode>,
    /// From when on, like 2026-11-24T09:00:00Z; from now on without.
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Until when; without end otherwise.
    #[arg(long, value_name = "MOMENT")]
    pub until: Option<String>,
    /// Price of 1,000,000 bytes of SIM area for one day, in whole units of your own.
    #[arg(long, value_name = "UNITS")]
    pub per_megabyte_day: Option<u64>,
    /// Price of one installation.
    #[arg(long, value_name = "UNITS")]
    pub per_installation: Option<u64>,
    /// Price of one exchange with a phone.
    #[arg(long, value_name = "UNITS")]
    pub per_message: Option<u64>,
}

/// Who manages the content of a provider's security domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The issuer's server.
    Simple,
    /// The provider, each step with a token of the issuer.
    Delegated,
    /// The provider, inside its own domain and quota.
    Authorised,
}
