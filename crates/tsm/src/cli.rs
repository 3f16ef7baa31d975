//! Arguments of the command line `tsm`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

mod audit;
mod card;
mod citizen;
mod dev;
mod explain;
mod fleet;
mod ledger;
mod listing;
mod tenant;
mod trace;

pub use audit::{
    AuditCommand, AuditExportArgs, AuditListArgs, AuditVerifyArgs, LogOf, ReceiptArgs,
    ReceiptCommand, ReceiptExportArgs, TrustArgs,
};
pub use card::CardCommand;
pub use citizen::{ApplyArgs, CheckArgs, CredentialArgs, ProvisionArgs};
pub use dev::{Algorithm, DemoArgs, DevCommand, InitArgs};
pub use explain::{ExplainArgs, Language};
pub use fleet::{
    Assurance, FindArgs, ImportArgs, ProfileArgs, ProfileCommand, SubscriptionCommand, VaultCommand,
};
pub use ledger::SettlementArgs;
pub use listing::{ListArgs, Listed, ShowCommand};
pub use tenant::{ContractArgs, ContractCommand, Mode, TenantArgs, TenantCommand, TenantKind};
pub use trace::{ApduCommand, CapCommand, DecodeArgs};

/// Trusted Service Manager for Japan's public key infrastructure.
///
/// `tsm demo` shows everything in one go. `tsm dev init DIR` prepares a folder
/// with which the three programs can be run by hand.
#[derive(Debug, Parser)]
#[command(name = "tsm", version, arg_required_else_help = true)]
pub struct Cli {
    /// Where the servers are and who you are; `tsm dev init DIR` writes DIR/tsm.toml.
    #[arg(
        long,
        global = true,
        env = "TSM_CONFIG",
        default_value = "tsm.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,

    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Both servers, cards, citizens and a relying party in one go.
    Demo(DemoArgs),
    /// Development set-up: certificates, configuration, CAP file, citizens.
    #[command(subcommand)]
    Dev(DevCommand),
    /// Submit a signed application (CMS SignedData, DER or PEM).
    Apply(ApplyArgs),
    /// Work an application up to a usable credential on the card.
    Provision(ProvisionArgs),
    /// Withdraw an application that has no credential yet.
    Cancel {
        /// Its id.
        application: String,
    },
    /// Show an application, a credential or a card.
    #[command(subcommand)]
    Show(ShowCommand),
    /// List applications, credentials, cards, card profiles, imports, deployments, packages, services,
    /// tenants or contracts.
    List(ListArgs),
    /// Suspend a credential: refused by relying parties at once, locked on the card.
    Suspend(CredentialArgs),
    /// Resume a suspended credential.
    Resume(CredentialArgs),
    /// Revoke a credential for good; its key on the card is wiped.
    Revoke(CredentialArgs),
    /// Revoke a credential and remove applet and security domain from the card.
    Delete(CredentialArgs),
    /// Tell what happened to a card, a deployment, an application or a credential, who answers for
    /// it, what is pending and what to do next.
    Explain(ExplainArgs),
    /// Ask, as a relying party, whether a certificate is good now.
    Check(CheckArgs),
    /// Cards of the fleet, and simulated cards.
    #[command(subcommand)]
    Card(CardCommand),
    /// Register the cards of a card maker's output file, or show what became of one.
    Import(ImportArgs),
    /// Card profiles: what the cards of one product can do.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Subscriptions on cards, and their changes.
    #[command(subcommand)]
    Subscription(SubscriptionCommand),
    /// Keys in the vault of a server on this machine.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Carriers, MVNOs and service providers of the operator's server.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// What service providers may do on the cards of an issuer.
    #[command(subcommand)]
    Contract(ContractCommand),
    /// CAP files: what is in them, and what is wrong with them.
    #[command(subcommand)]
    Cap(CapCommand),
    /// Recorded traffic between a host and a card.
    #[command(subcommand)]
    Apdu(ApduCommand),
    /// The audit logs.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Signed receipts of what was done to cards and credentials.
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// What is due for a month between service providers and issuers of cards.
    Settlement(SettlementArgs),
    /// Run the operator's server.
    MnoTsm(mno_tsm::cli::Args),
    /// Run the service provider's server.
    SpTsm(sp_tsm::cli::Args),
    /// Simulated cards: make, show, attach to a gateway.
    #[command(subcommand)]
    UiccSim(uicc_sim::cli::Command),
}
