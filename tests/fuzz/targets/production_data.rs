//! Fuzz target `production_data`: see [`tsm_fuzz::data_objects::production_data`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::production_data(data));
