//! Fuzz target `load_parameters`: see [`tsm_fuzz::data_objects::load_parameters`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::load_parameters(data));
