//! Procedures: what to do next for a card or a citizen's request.

pub mod card_event;
pub mod converge;
pub mod credential_change;
pub mod import;
pub mod lease;
pub mod provision;
