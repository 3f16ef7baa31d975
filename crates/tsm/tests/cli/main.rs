//! The command line as a person uses it, checked by outside programs.

mod by_hand;
mod demo;
mod support;
