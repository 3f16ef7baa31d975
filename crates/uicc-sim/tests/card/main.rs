//! The card against a host: whole sessions over its contacts, nothing from inside it.
#![expect(
    clippy::unwrap_used,
    reason = "what fails in a test may panic, outside its test function too"
)]

mod applet;
mod behaviour;
mod between_domains;
mod chaining;
mod channels;
mod combined;
mod contactless;
mod content;
mod credentials;
mod damaged;
mod dap;
mod delegation;
mod endurance;
mod files;
mod foreign;
mod get_response;
mod hosts;
mod implicit_selection;
mod key_agreement;
mod key_kinds;
mod keys;
mod load_files;
mod memory;
mod negative;
mod old_hosts;
mod payment;
#[path = "../../examples/payment/applet.rs"]
mod payment_applet;
mod personalisation;
mod ready_made;
mod receipts;
mod restrictions;
mod rights;
mod robustness;
mod secure_channel;
mod signature_credential;
mod states;
mod store_data;
mod tearing;
mod terminal;
mod toolkit;
