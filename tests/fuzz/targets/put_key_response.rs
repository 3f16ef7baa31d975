//! Fuzz target `put_key_response`: see [`tsm_fuzz::data_objects::put_key_response`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::put_key_response(data));
