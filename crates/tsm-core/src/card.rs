//! Cards: what the operator owns, what was read from them, what they shall hold.
//! Never imports [`crate::jpki`].

pub mod case;
pub mod catalogue;
pub mod content;
pub mod counter;
pub mod deployment;
pub mod desired;
pub mod difference;
pub mod divergence;
pub mod history;
pub mod lease;
#[cfg(test)]
pub(crate) mod model;
pub mod plan;
pub mod policy;
pub mod reading;
pub mod standing;
pub mod steps;
pub mod sweep;
pub mod uicc;
