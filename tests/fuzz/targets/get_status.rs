//! Fuzz target `get_status`: see [`tsm_fuzz::commands::get_status`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::get_status(data));
