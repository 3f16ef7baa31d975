//! The command line as a person uses it, checked by outside programs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod apdu;
mod by_hand;
mod cap;
mod demo;
mod pipeline;
mod support;
