//! Fuzz target `load_file`: see [`tsm_fuzz::load_files::load_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::load_file(data));
