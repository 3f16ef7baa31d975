//! Programs that were written for real cards use the simulated one through PC/SC.
#![expect(
    clippy::unwrap_used,
    reason = "what fails in a test may panic, outside its test function too"
)]

mod desk;
mod opensc;
mod presence;
mod provisioned;
mod pygp;
mod tls;
mod yubikit;
