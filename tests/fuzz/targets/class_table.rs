//! Fuzz target `class_table`: see [`tsm_fuzz::load_files::class_table`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::class_table(data));
