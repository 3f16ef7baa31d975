//! Fuzz target `privileges`: see [`tsm_fuzz::data_objects::privileges`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::privileges(data));
