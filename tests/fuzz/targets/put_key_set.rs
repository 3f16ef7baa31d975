//! Fuzz target `put_key_set`: see [`tsm_fuzz::key_transport::put_key_set`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::key_transport::put_key_set(data));
