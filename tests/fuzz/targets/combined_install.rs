//! Fuzz target `combined_install`: see [`tsm_fuzz::commands::combined_install`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::combined_install(data));
