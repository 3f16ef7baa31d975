//! Fuzz target `manage_channel_response`: see [`tsm_fuzz::data_objects::manage_channel_response`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::manage_channel_response(data));
