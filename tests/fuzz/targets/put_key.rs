//! Fuzz target `put_key`: see [`tsm_fuzz::commands::put_key`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::put_key(data));
