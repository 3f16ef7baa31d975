//! Fuzz target `key_attributes`: see [`tsm_fuzz::data_objects::key_attributes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::key_attributes(data));
