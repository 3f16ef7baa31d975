//! Fuzz target `load`: see [`tsm_fuzz::commands::load`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::load(data));
