//! Procedures: what to do next for a card or a citizen's request.

pub mod converge;
pub mod credential_change;
pub mod lease;
pub mod provision;
