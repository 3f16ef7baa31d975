//! Fuzz target `static_fields`: see [`tsm_fuzz::load_files::static_fields`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::static_fields(data));
