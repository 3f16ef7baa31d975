//! Fuzz target `load_file_components`: see [`tsm_fuzz::data_objects::load_file_components`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::load_file_components(data));
