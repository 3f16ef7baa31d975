//! Fuzz target `install_for_load`: see [`tsm_fuzz::commands::install_for_load`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::install_for_load(data));
