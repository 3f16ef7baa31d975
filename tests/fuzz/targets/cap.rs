//! Fuzz target `cap`: see [`tsm_fuzz::load_files::cap`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::cap(data));
