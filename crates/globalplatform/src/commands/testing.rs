//! What the tests of all commands need.

use alloc::vec::Vec;
use core::fmt::Debug;

use proptest::{collection::vec, prelude::*};

use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError};

/// Encodes, decodes and compares, in the extended form so that no data are too long.
pub(crate) fn assert_round_trips<T: PartialEq + Debug>(
    command: &T,
    to_apdu: impl Fn(&T) -> CommandApdu,
    from_apdu: impl Fn(&CommandApdu) -> Result<T, DecodeError>,
) {
    let apdu = to_apdu(command);
    assert_eq!(apdu.logical_channel(), 0);
    let bytes = apdu.with_extended_length().encode().unwrap();
    let decoded = CommandApdu::decode(&bytes).unwrap();
    assert_eq!(from_apdu(&decoded).as_ref(), Ok(command));
}

/// The APDU that these hexadecimal digits (and spaces) spell.
pub(crate) fn apdu(hex: &str) -> CommandApdu {
    CommandApdu::decode(&bytes(hex)).unwrap()
}

/// The bytes that these hexadecimal digits (and spaces) spell.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex.replace(' ', "")).unwrap()
}

/// Asserts that the command is encoded as these hexadecimal digits.
pub(crate) fn assert_encodes(apdu: &CommandApdu, hex: &str) {
    assert_eq!(
        hex::encode_upper(apdu.encode().unwrap()),
        hex.replace(' ', "")
    );
}

pub(crate) fn any_aid() -> impl Strategy<Value = Aid> {
    vec(any::<u8>(), 5..=16).prop_map(|bytes| Aid::new(&bytes).unwrap())
}

pub(crate) fn any_bytes(
    length: impl Into<proptest::collection::SizeRange>,
) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length)
}

/// Commands with this instruction, a plausible class and arbitrary rest.
pub(crate) fn any_apdu(ins: u8) -> impl Strategy<Value = CommandApdu> {
    let cla = prop_oneof![Just(0x00), Just(0x80), Just(0x84), any::<u8>()];
    let p = || prop_oneof![any::<u8>(), (0u8..8).prop_map(|bit| 1 << bit), Just(0)];
    (cla, p(), p(), vec(any::<u8>(), 0..80), any::<bool>()).prop_map(
        move |(cla, p1, p2, data, extended)| {
            let mut apdu = CommandApdu::new(cla, ins, p1, p2).with_data(data);
            apdu.extended = extended;
            apdu
        },
    )
}

/// Asserts that a decoder of commands fails inside the input or not at all.
pub(crate) fn assert_no_panic<T>(
    apdu: &CommandApdu,
    from_apdu: impl Fn(&CommandApdu) -> Result<T, DecodeError>,
) {
    if let Err(error) = from_apdu(apdu) {
        assert!(error.offset() <= apdu.data_offset() + apdu.data.len());
    }
}
