//! Fuzz target `deletion`: see [`tsm_fuzz::commands::deletion`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::deletion(data));
