//! The domain of the Trusted Service Manager: what we know of each card and of
//! each citizen's request, what to do next, and what an outcome changes.
//!
//! No networks, databases, clocks or random generators of its own: everything
//! outside is reached through the six traits of [`ports`].

pub mod audit;
pub mod card;
pub mod card_session;
pub mod error;
pub mod fleet;
pub mod identity;
pub mod jpki;
pub mod ledger;
pub mod ports;
pub mod procedure;
pub mod receipt;
pub mod record;
pub mod statement;
pub mod tenancy;
pub mod time;

#[cfg(test)]
mod testing;
