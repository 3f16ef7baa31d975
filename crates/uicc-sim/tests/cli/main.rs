//! The command line, as other people's pipelines call it.
#![expect(
    clippy::unwrap_used,
    reason = "what fails in a test may panic, outside its test function too"
)]

mod cards;
mod copies;
mod faults;
mod process;
mod profiles;
mod readers;
mod states;
