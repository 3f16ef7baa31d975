//! Fuzz target `load_file_structure`: see [`tsm_fuzz::data_objects::load_file_structure`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::load_file_structure(data));
