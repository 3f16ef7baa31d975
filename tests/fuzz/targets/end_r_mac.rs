//! Fuzz target `end_r_mac`: see [`tsm_fuzz::commands::end_r_mac`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::end_r_mac(data));
