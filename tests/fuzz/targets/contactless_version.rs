//! Fuzz target `contactless_version`: see [`tsm_fuzz::data_objects::contactless_version`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::contactless_version(data));
