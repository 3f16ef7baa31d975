//! Fuzz target `select_response`: see [`tsm_fuzz::data_objects::select_response`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::select_response(data));
