//! Fuzz target `cap_files`: see [`tsm_fuzz::load_files::cap_files`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::cap_files(data));
