//! Fuzz target `reference_locations`: see [`tsm_fuzz::load_files::reference_locations`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::reference_locations(data));
