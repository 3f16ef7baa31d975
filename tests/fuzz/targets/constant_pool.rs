//! Fuzz target `constant_pool`: see [`tsm_fuzz::load_files::constant_pool`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::constant_pool(data));
