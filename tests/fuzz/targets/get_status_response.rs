//! Fuzz target `get_status_response`: see [`tsm_fuzz::data_objects::get_status_response`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::get_status_response(data));
