//! Fuzz target `install_for_make_selectable`: see [`tsm_fuzz::commands::install_for_make_selectable`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::commands::install_for_make_selectable(data));
