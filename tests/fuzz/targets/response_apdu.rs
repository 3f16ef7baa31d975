//! Fuzz target `response_apdu`: see [`tsm_fuzz::data_objects::response_apdu`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::response_apdu(data));
