//! Arguments of the command line `tsm`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// List applications, credentials, cards, deployments, packages, services, tenants or contracts.
    List(ListArgs),
    /// Suspend a credential: refused by relying parties at once, locked on the card.
    Suspend(CredentialArgs),
    /// Resume a suspended credential.
    Resume(CredentialArgs),
    /// Revoke a credential for good; its key on the card is wiped.
    Revoke(CredentialArgs),
    /// Revoke a credential and remove applet and security domain from the card.
    Delete(CredentialArgs),
    /// Ask, as a relying party, whether a certificate is good now.
    Check(CheckArgs),
    /// Cards of the fleet, and simulated cards.
    #[command(subcommand)]
    Card(CardCommand),
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
    /// Run the operator's server.
    MnoTsm(mno_tsm::cli::Args),
    /// Run the service provider's server.
    SpTsm(sp_tsm::cli::Args),
    /// Simulated cards: make, show, attach to a gateway.
    #[command(subcommand)]
    UiccSim(uicc_sim::cli::Command),
}

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

/// Cards.
#[derive(Debug, Subcommand)]
pub enum CardCommand {
    /// Register a card with the operator's server.
    Register {
        /// Description of the card (`card.toml` of `tsm dev init`).
        file: PathBuf,
    },
    /// Read the card's registry over a secure channel and show it.
    Audit {
        /// Its ICCID.
        iccid: String,
    },
    /// Draw what a simulated card holds.
    Tree {
        /// Its state file.
        state: PathBuf,
    },
    /// Sign a challenge on a simulated card, as a login does; asks the card for its PIN.
    Sign {
        /// Its state file.
        #[arg(long)]
        state: PathBuf,
        /// File with the PIN.
        #[arg(long)]
        pin_file: PathBuf,
        /// File to sign (SHA-256 is made of it).
        #[arg(long)]
        challenge: PathBuf,
        /// Where to write the signature.
        #[arg(long)]
        out: PathBuf,
    },
}

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

/// CAP files.
#[derive(Debug, Subcommand)]
pub enum CapCommand {
    /// Show package, applets, imports, components, memory and hashes, and check every component
    /// against the others.
    ///
    /// Fails when the file is no package, or when a card would refuse it; warnings do not count.
    Inspect {
        /// CAP file, or its components as LOAD transports them (IJC), or hex; `-` is standard input.
        file: PathBuf,
    },
}

/// Audit logs.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Fetch the audit logs of both servers and recompute every hash chain.
    Verify,
}

/// Recorded traffic.
#[derive(Debug, Subcommand)]
pub enum ApduCommand {
    /// Explain a trace line by line; opens SCP03 when the keys are given.
    Decode(DecodeArgs),
}

const DECODE_HELP: &str = "\
The trace may be plain hex (a command and its response in turn), or what our simulated card
(`apdu.log`), GlobalPlatformPro (-d), pySim, GPShell, OpenSC, pcscd (--apdu), scriptor, pyscard or
yubikit print; other text is kept as comments. What a session needs is found in the trace: only the
static keys are missing.

Keys on the command line are seen by everyone who lists the processes of this computer: rather use
--keys-file or the environment variables. A file of keys has lines `key=HEX`, `master=HEX`, or
`enc=HEX`, `mac=HEX`, `dek=HEX`; a line of hex alone is tried as `key` and as `master`, and three
of them in a row as ENC, MAC and DEK; `#` begins a remark. All keys are tried on every session. Key
sets that the trace itself puts on the card with PUT KEY or STORE DATA are tried as well.

With --json one object a line: {\"kind\":\"exchange\", line, channel, header, lc, le, title, wrong,
command: [field], response: {line, sw, meaning, hint, length, data: [field]}}, where a field is
{name, value, verdict: right|wrong|note, fields: [field]}; or {\"kind\": reset|comment|problem, line,
text}. What is absent is left out.

Exit status: 0 everything was decoded and every check passed; 1 a line could not be decoded or a
check (MAC, cryptogram, check value) failed, or there was no command at all; 2 wrong arguments, files or keys.";

/// Options of `tsm apdu decode`.
#[derive(Args)]
#[command(after_long_help = DECODE_HELP)]
pub struct DecodeArgs {
    /// The trace; `-` reads standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub file: PathBuf,
    /// Static Key-ENC in hex.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_ENC", hide_env_values = true, requires_all = ["mac", "dek"])]
    pub enc: Option<String>,
    /// Static Key-MAC in hex.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_MAC", hide_env_values = true, requires_all = ["enc", "dek"])]
    pub mac: Option<String>,
    /// Static Key-DEK in hex.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_DEK", hide_env_values = true, requires_all = ["enc", "mac"])]
    pub dek: Option<String>,
    /// One key in hex that is ENC, MAC and DEK, as in test cards.
    #[arg(long, value_name = "HEX", env = "TSM_APDU_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Master key in hex, diversified for each card with its own data (KDF3).
    #[arg(
        long,
        value_name = "HEX",
        env = "TSM_APDU_MASTER",
        hide_env_values = true
    )]
    pub master: Option<String>,
    /// File with keys, one a line; see below.
    #[arg(long, value_name = "FILE", env = "TSM_APDU_KEYS_FILE")]
    pub keys_file: Option<PathBuf>,
    /// AID of the application that opens secure channels, when the trace does not show it.
    #[arg(long, value_name = "HEX")]
    pub aid: Option<String>,
    /// Show keys and PINs instead of their lengths.
    #[arg(long)]
    pub show_secrets: bool,
}

impl std::fmt::Debug for DecodeArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecodeArgs")
            .field("file", &self.file)
            .field("keys_file", &self.keys_file)
            .finish_non_exhaustive()
    }
}
