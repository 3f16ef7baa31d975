//! Fuzz target `key_information`: see [`tsm_fuzz::data_objects::key_information`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::key_information(data));
