//! Fuzz target `challenge_answer`: see [`tsm_fuzz::opening::challenge_answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsm_fuzz::opening::challenge_answer(data));
