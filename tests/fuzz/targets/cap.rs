//! Fuzz target `cap`: see [`tsm_fuzz::data_objects::cap`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::cap(data));
