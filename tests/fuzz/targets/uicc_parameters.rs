//! Fuzz target `uicc_parameters`: see [`tsm_fuzz::data_objects::uicc_parameters`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::uicc_parameters(data));
