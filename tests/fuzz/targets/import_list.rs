//! Fuzz target `import_list`: see [`tsm_fuzz::load_files::import_list`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::import_list(data));
