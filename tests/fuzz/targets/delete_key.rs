//! Fuzz target `delete_key`: see [`tsm_fuzz::commands::delete_key`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::delete_key(data));
