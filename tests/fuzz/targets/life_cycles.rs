//! Fuzz target `life_cycles`: see [`tsm_fuzz::data_objects::life_cycles`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::life_cycles(data));
