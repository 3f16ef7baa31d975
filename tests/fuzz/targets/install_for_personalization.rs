//! Fuzz target `install_for_personalization`: see [`tsm_fuzz::commands::install_for_personalization`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::install_for_personalization(data));
