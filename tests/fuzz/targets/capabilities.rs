//! Fuzz target `capabilities`: see [`tsm_fuzz::data_objects::capabilities`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::capabilities(data));
