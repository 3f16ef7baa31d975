//! Fuzz target `application_list`: see [`tsm_fuzz::data_objects::application_list`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::application_list(data));
