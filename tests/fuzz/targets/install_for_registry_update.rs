//! Fuzz target `install_for_registry_update`: see [`tsm_fuzz::commands::install_for_registry_update`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::install_for_registry_update(data));
