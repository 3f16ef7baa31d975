//! Citizens' applications and credentials.

pub mod application;
pub mod card_status;
pub mod credential;
pub mod credential_id;
pub mod domain;
pub mod domain_session;
pub mod personalisation;
pub mod pin;
pub(crate) mod private_key;
pub mod proofing;
pub mod provider;
pub mod uuid;
pub mod wrong_state;
