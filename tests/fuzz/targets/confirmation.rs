//! Fuzz target `confirmation`: see [`tsm_fuzz::data_objects::confirmation`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::confirmation(data));
