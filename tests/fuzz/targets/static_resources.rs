//! Fuzz target `static_resources`: see [`tsm_fuzz::load_files::static_resources`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::static_resources(data));
