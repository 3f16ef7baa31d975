//! Fuzz target `store_data`: see [`tsm_fuzz::commands::store_data`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::store_data(data));
