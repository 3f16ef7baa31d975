//! Fuzz target `applet_list`: see [`tsm_fuzz::load_files::applet_list`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::load_files::applet_list(data));
