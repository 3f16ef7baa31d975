//! Fuzz target `combined_install_end`: see [`tsm_fuzz::commands::combined_install_end`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::combined_install_end(data));
