//! A strict simulated GlobalPlatform UICC with a JPKI applet.
//!
//! [`Uicc`] is the card: command APDUs in, response APDUs out, everything it keeps in a state file. It follows the
//! GlobalPlatform Card Specification 2.3.1 with Amendment D (SCP03) and refuses what a real card refuses. The
//! secure channel is that of the crate `scp03`, the bytes of commands those of `globalplatform`.
//!
//! [`config`] says what a card is made of, [`reader`] puts it where programs for real cards find it, [`phone`] attaches
//! it to the operator's gateway, [`faults`] makes it fail on demand, [`trace`] logs what crosses
//! its contacts, [`inventory`] shows it to people. [`applet`] is the port for code on the card, [`file_system`] what a
//! phone's modem finds on it.
//!
//! What it does not do: DES in any role, receipts by RSA keys, curves other than P-256 and P-384, and of confidential key
//! set-up anything but scenario 3 (key agreement).

#[cfg(doctest)]
#[doc = include_str!("../../../docs/simulated-card.md")]
struct Documentation;

pub mod applet;
pub mod behaviour;
pub mod cli;
pub mod config;
pub mod contacts;
pub mod faults;
pub mod file_system;
pub mod inventory;
pub mod phone;
pub mod reader;
pub mod secrets;
pub mod state;
pub mod trace;

mod card;
mod channel;
mod chip;
mod commands;
mod contactless;
mod digest;
mod implicit_selection;
mod instances;
mod memory;
mod operating_system;
mod platform_packages;
mod random;
mod restrictions;
mod security_domain;
mod signature_key;
mod storage;

pub use card::Uicc;
/// The name that this crate promises to other people's tests: `uicc_sim::Card`.
pub use card::Uicc as Card;
pub use config::{CardConfig, ConfigError};
pub use contacts::{CardContacts, NoAnswer};
pub use file_system::{NotProactive, ShortMessage, Usim, UsimError};
pub use inventory::Inventory;
pub use state::{Durability, StateError};
pub use trace::Trace;
