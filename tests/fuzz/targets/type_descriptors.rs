//! Fuzz target `type_descriptors`: see [`tsm_fuzz::load_files::type_descriptors`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::type_descriptors(data));
