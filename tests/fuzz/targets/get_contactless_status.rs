//! Fuzz target `get_contactless_status`: see [`tsm_fuzz::commands::get_contactless_status`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::get_contactless_status(data));
