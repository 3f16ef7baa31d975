//! Fuzz target `external_authenticate`: see [`tsm_fuzz::commands::external_authenticate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::external_authenticate(data));
