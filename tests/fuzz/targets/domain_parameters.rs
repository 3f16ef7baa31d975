//! Fuzz target `domain_parameters`: see [`tsm_fuzz::data_objects::domain_parameters`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::domain_parameters(data));
