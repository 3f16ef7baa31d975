//! Fuzz target `script_machine`: see [`tsm_fuzz::script_machine::script_machine`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::script_machine::script_machine(data));
