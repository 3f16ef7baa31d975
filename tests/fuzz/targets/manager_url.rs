//! Fuzz target `manager_url`: see [`tsm_fuzz::data_objects::manager_url`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::manager_url(data));
