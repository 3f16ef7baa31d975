//! Arguments of the commands about deliveries, card profiles and subscriptions.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::output_file::Format;

/// Options of `tsm import`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["file", "report"]))]
pub struct ImportArgs {
    /// The card maker's output file (docs/output-file.md).
    pub file: Option<PathBuf>,
    /// Name of the delivery; else made of the file's name and digest.
    #[arg(long)]
    pub name: Option<String>,
    /// How the file is written; else its ending says it (.jsonl: JSON lines).
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Key of the server's vault under which the maker wrapped the cards' keys.
    #[arg(long, value_name = "NAME")]
    pub transport_key: Option<String>,
    /// A column that is left out and never sent; once for each.
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
    /// Show what became of a delivery, and every refused row.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "format", "transport_key", "ignore"])]
    pub report: Option<String>,
}

/// Card profiles: what the cards of one product can do.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Describe a product. The same again changes nothing; later only certifications may change.
    Put(ProfileArgs),
    /// Show one.
    Show {
        /// Its name.
        name: String,
    },
}

/// Options of `tsm profile put`.
#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// 1 to 64 of a-z, 0-9, '-', '_'.
    pub name: String,
    /// Version of the GlobalPlatform Card Specification.
    #[arg(long, value_name = "VERSION", default_value = "2.3.1")]
    pub gp_version: String,
    /// AID of the issuer security domain, hex.
    #[arg(long, value_name = "HEX", default_value = "A000000151000000")]
    pub isd_aid: String,
    /// The `i` parameter of SCP03, hex.
    #[arg(long, value_name = "HEX", default_value = "70", value_parser = byte)]
    pub scp_i: u8,
    /// Length of the issuer keys in bytes: 16, 24 or 32.
    #[arg(long, default_value_t = 16)]
    pub key_bytes: u8,
    /// Memory for applications, in bytes.
    #[arg(long, value_name = "BYTES")]
    pub memory: u32,
    /// The cards have a controlling-authority security domain.
    #[arg(long)]
    pub casd: bool,
    /// A certificate of the product, once for each.
    #[arg(long, value_name = "TEXT")]
    pub certification: Vec<String>,
}

fn byte(text: &str) -> Result<u8, String> {
    u8::from_str_radix(text, 16).map_err(|_| "write one byte in hex, like 70".to_owned())
}

/// Subscriptions on cards; each change is an event of the card.
#[derive(Debug, Subcommand)]
pub enum SubscriptionCommand {
    /// A subscription begins on a card.
    Start {
        /// The card.
        iccid: String,
        /// Its number, international (+81…).
        #[arg(long)]
        msisdn: String,
        /// How it was checked who the holder is.
        #[arg(long, value_enum, default_value_t)]
        assurance: Assurance,
        /// IMEI of the device.
        #[arg(long)]
        device: Option<String>,
    },
    /// Hold it.
    Suspend {
        /// The card.
        iccid: String,
    },
    /// Go on with it.
    Resume {
        /// The card.
        iccid: String,
    },
    /// End it; its number is free.
    End {
        /// The card.
        iccid: String,
    },
    /// Give it another number.
    Number {
        /// The card.
        iccid: String,
        /// The new number, international (+81…).
        msisdn: String,
    },
    /// The card is in another device.
    Device {
        /// The card.
        iccid: String,
        /// IMEI of the device.
        imei: String,
    },
    /// The holder was checked in another way.
    Assurance {
        /// The card.
        iccid: String,
        /// How.
        #[arg(value_enum)]
        assurance: Assurance,
    },
    /// The subscriber is another tenant's now, on the same card.
    Tenant {
        /// The card.
        iccid: String,
        /// The tenant.
        tenant: String,
    },
    /// SIM swap: the subscription moves to another card of the tenant.
    Swap {
        /// The card.
        iccid: String,
        /// The new card.
        new_iccid: String,
    },
    /// Show the subscription on a card.
    Show {
        /// The card.
        iccid: String,
    },
}

/// How it was checked who the holder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Assurance {
    /// Not checked.
    #[default]
    Unverified,
    /// From afar, with documents or an electronic signature.
    Remote,
    /// Face to face.
    FaceToFace,
}

/// By what a card is looked for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct FindArgs {
    /// Its number, international, with or without a plus sign.
    #[arg(long)]
    pub msisdn: Option<String>,
    /// The eUICC that it is in.
    #[arg(long)]
    pub eid: Option<String>,
    /// Its ICCID.
    #[arg(long)]
    pub iccid: Option<String>,
}

/// Keys in the vault of a server on this machine.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Keep the transport key that a card maker shares with an issuer. The server may run.
    TransportKey {
        /// Its name.
        name: String,
        /// Configuration of the server.
        #[arg(long, value_name = "FILE")]
        server: PathBuf,
        /// File with the key in hex: 16, 24 or 32 bytes; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
        /// Whose cards it is for; the carrier of the configuration unless you say otherwise.
        #[arg(long)]
        issuer: Option<String>,
    },
}
