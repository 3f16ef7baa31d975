//! Fuzz target `contactless_failures`: see [`tsm_fuzz::data_objects::contactless_failures`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::contactless_failures(data));
