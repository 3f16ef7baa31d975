//! Citizens' applications and credentials.

pub mod application;
pub mod card_status;
pub mod credential;
pub mod credential_id;
pub mod domain;
pub mod pin;
pub mod wrong_state;
