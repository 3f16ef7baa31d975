//! Fuzz target `set_status`: see [`tsm_fuzz::commands::set_status`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::set_status(data));
