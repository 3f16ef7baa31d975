//! Fuzz target `trace`: see [`tsm_fuzz::traces::trace`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::traces::trace(data));
