//! Fuzz target `command_apdu`: see [`tsm_fuzz::data_objects::command_apdu`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::command_apdu(data));
