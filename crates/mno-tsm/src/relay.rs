//! The relay between a provider and its own security domain: what may pass, and
//! what the carrier sees of it.

pub mod filter;
pub mod log;
