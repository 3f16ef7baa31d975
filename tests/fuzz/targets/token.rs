//! Fuzz target `token`: see [`tsm_fuzz::commands::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::token(data));
