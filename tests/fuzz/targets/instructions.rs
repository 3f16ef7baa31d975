//! Fuzz target `instructions`: see [`tsm_fuzz::load_files::instructions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::instructions(data));
