//! Fuzz target `debug_info`: see [`tsm_fuzz::load_files::debug_info`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::debug_info(data));
