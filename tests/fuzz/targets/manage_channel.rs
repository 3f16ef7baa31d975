//! Fuzz target `manage_channel`: see [`tsm_fuzz::commands::manage_channel`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::manage_channel(data));
