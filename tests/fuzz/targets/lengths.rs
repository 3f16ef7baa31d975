//! Fuzz target `lengths`: see [`tsm_fuzz::data_objects::lengths`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::lengths(data));
