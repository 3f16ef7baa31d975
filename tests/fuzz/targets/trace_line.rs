//! Fuzz target `trace_line`: see [`tsm_fuzz::traces::trace_line`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::traces::trace_line(data));
