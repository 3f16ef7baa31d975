//! Fuzz target `install_for_extradition`: see [`tsm_fuzz::commands::install_for_extradition`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::install_for_extradition(data));
