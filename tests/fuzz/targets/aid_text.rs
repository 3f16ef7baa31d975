//! Fuzz target `aid_text`: see [`tsm_fuzz::data_objects::aid_text`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::aid_text(data));
