//! Fuzz target `inspection`: see [`tsm_fuzz::load_files::inspection`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::inspection(data));
