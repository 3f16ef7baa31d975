//! Fuzz target `host_machine`: see [`tsm_fuzz::host_machine::host_machine`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::host_machine::host_machine(data));
