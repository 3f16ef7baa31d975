//! Fuzz target `secret_block`: see [`tsm_fuzz::data_objects::secret_block`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::data_objects::secret_block(data));
