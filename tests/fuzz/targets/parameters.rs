//! Fuzz target `parameters`: see [`tsm_fuzz::opening::parameters`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::opening::parameters(data));
