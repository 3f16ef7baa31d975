//! Fuzz target `card_machine`: see [`tsm_fuzz::card_machine::card_machine`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::card_machine::card_machine(data));
