//! Fuzz target `components`: see [`tsm_fuzz::load_files::components`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::components(data));
