//! Fuzz target `registry`: see [`tsm_fuzz::data_objects::registry`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::registry(data));
