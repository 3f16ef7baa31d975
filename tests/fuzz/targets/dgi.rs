//! Fuzz target `dgi`: see [`tsm_fuzz::data_objects::dgi`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::dgi(data));
