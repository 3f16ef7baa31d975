//! Fuzz target `key_descriptions`: see [`tsm_fuzz::data_objects::key_descriptions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::key_descriptions(data));
