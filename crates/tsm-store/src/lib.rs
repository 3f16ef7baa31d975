//! The `Store` port on sled and in memory, sealing, and the embedded key vault
//! (docs: `architecture.md`, sections 6 and 7).
//!
//! | Module | What it is |
//! |---|---|
//! | [`sled`] | the embedded database, made durable by group commit |
//! | [`memory`] | the same semantics without a disk, for tests |
//! | [`sealing`] | AES-SIV (RFC 5297) and the key hierarchy under one root key |
//! | [`vault`] | the [`KeyVault`](tsm_core::ports::KeyVault) port in a directory |
//! | [`os`] | randomness and time of the operating system |

mod changes;
#[cfg(test)]
mod contract;
mod durable;
pub mod memory;
pub mod os;
mod pieces;
mod records;
mod row;
pub mod sealing;
pub mod sled;
pub mod vault;

pub use memory::MemoryStore;
pub use os::{OsEntropy, SystemClock};
pub use sled::{OpenError, SledStore};
pub use vault::EmbeddedVault;
