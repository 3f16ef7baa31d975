//! Fuzz target `select`: see [`tsm_fuzz::commands::select`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::select(data));
