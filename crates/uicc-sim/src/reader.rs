//! Card readers: what programs for real cards find the simulated one in.
//!
//! [`vpcd`] is the virtual PC/SC reader of the project vsmartcard, [`tcp`] a plain TCP port with the line protocol of
//! [`mod@line`].

pub mod line;
pub mod tcp;
pub mod vpcd;

mod stop;

pub use stop::Stop;
