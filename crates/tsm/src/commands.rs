//! What each command of the command line does, one file per noun.

pub mod apdu;
pub mod application;
pub mod audit;
pub mod cap;
pub mod card;
pub mod credential;
pub mod explain;
pub mod import;
pub mod listing;
pub mod profile;
pub mod receipt;
pub mod register;
pub mod settlement;
pub mod subscription;
pub mod tenant;
pub mod vault;
