//! Development set-up: certificates, configuration files, a CAP file, citizens.
//!
//! Nothing here is for production: the keys lie as PEM files in one folder.

pub mod cap;
pub mod citizen;
mod configuration;
pub mod layout;
pub mod pki;
pub mod setup;
