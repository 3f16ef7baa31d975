//! Fuzz target `recognition_data`: see [`tsm_fuzz::data_objects::recognition_data`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::recognition_data(data));
