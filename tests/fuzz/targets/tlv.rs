//! Fuzz target `tlv`: see [`tsm_fuzz::data_objects::tlv`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::tlv(data));
