//! Citizens' applications and credentials.

pub mod application;
pub mod credential;
pub mod domain;
