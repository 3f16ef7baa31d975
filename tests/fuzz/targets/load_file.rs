//! Fuzz target `load_file`: see [`tsm_fuzz::data_objects::load_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::load_file(data));
