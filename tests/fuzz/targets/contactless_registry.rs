//! Fuzz target `contactless_registry`: see [`tsm_fuzz::data_objects::contactless_registry`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::contactless_registry(data));
