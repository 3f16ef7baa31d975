//! Fuzz target `method_table`: see [`tsm_fuzz::load_files::method_table`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::method_table(data));
