//! Fuzz target `key_agreement_template`: see [`tsm_fuzz::key_transport::key_agreement_template`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::key_transport::key_agreement_template(data));
