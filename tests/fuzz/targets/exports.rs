//! Fuzz target `exports`: see [`tsm_fuzz::load_files::exports`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::exports(data));
