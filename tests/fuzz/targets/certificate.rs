//! Fuzz target `certificate`: see [`tsm_fuzz::data_objects::certificate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::certificate(data));
