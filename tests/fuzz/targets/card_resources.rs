//! Fuzz target `card_resources`: see [`tsm_fuzz::data_objects::card_resources`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::card_resources(data));
