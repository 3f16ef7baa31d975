//! Fuzz target `install_for_install`: see [`tsm_fuzz::commands::install_for_install`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::install_for_install(data));
