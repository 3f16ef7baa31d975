//! Fuzz target `directory`: see [`tsm_fuzz::load_files::directory`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::directory(data));
