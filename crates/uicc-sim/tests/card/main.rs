//! The card against a host: whole sessions over its contacts, nothing from inside it.

mod applet;
mod channels;
mod content;
mod credentials;
mod endurance;
mod keys;
mod memory;
mod personalisation;
mod robustness;
mod secure_channel;
mod terminal;
