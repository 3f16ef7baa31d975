//! Fuzz target `install`: see [`tsm_fuzz::commands::install`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::install(data));
