//! Fuzz target `descriptor`: see [`tsm_fuzz::load_files::descriptor`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::descriptor(data));
