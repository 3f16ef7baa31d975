//! Fuzz target `registry_parameters`: see [`tsm_fuzz::data_objects::registry_parameters`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::registry_parameters(data));
