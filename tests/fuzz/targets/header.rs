//! Fuzz target `header`: see [`tsm_fuzz::load_files::header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::header(data));
