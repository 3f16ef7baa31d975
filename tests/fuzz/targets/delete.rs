//! Fuzz target `delete`: see [`tsm_fuzz::commands::delete`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::delete(data));
