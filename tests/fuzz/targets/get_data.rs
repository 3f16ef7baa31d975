//! Fuzz target `get_data`: see [`tsm_fuzz::commands::get_data`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::get_data(data));
