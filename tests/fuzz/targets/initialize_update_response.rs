//! Fuzz target `initialize_update_response`: see [`tsm_fuzz::data_objects::initialize_update_response`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::initialize_update_response(data));
