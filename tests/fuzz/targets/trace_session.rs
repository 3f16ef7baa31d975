//! Fuzz target `trace_session`: see [`tsm_fuzz::traces::trace_session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::traces::trace_session(data));
