//! Fuzz target `store_data_keys`: see [`tsm_fuzz::key_transport::store_data_keys`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::key_transport::store_data_keys(data));
