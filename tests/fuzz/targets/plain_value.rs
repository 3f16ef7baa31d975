//! Fuzz target `plain_value`: see [`tsm_fuzz::data_objects::plain_value`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::plain_value(data));
