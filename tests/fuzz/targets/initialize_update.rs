//! Fuzz target `initialize_update`: see [`tsm_fuzz::commands::initialize_update`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::initialize_update(data));
