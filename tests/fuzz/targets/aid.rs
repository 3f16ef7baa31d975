//! Fuzz target `aid`: see [`tsm_fuzz::data_objects::aid`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::aid(data));
