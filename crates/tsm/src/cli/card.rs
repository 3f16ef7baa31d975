//! Arguments of the commands about cards.

use std::path::PathBuf;

use clap::Subcommand;

use super::FindArgs;

/// Cards.
#[derive(Debug, Subcommand)]
pub enum CardCommand {
    /// Register a card with the operator's server.
    Register {
        /// Description of the card (`card.toml` of `tsm dev init`).
        file: PathBuf,
    },
    /// Find a card by its number, its eUICC or its ICCID.
    Find(FindArgs),
    /// What happened to a card and its subscription, oldest first.
    Events {
        /// Its ICCID.
        iccid: String,
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
