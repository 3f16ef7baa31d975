//! Fuzz target `status_word`: see [`tsm_fuzz::data_objects::status_word`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::status_word(data));
