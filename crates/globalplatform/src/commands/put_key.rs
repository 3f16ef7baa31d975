//! PUT KEY (G 11.8; AES keys: D 7.2).

mod field;
mod secret_block;

use alloc::vec::Vec;

pub use field::{KeyAttributes, KeyComponent, PutKeyField};
pub use secret_block::SecretBlock;

use super::header::{self, INVALID_P1, Origin};
use crate::{
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::DecodeError,
    key::KeyType,
    tlv::{Reader, Writer},
};

/// Instruction byte.
pub const INS: u8 = 0xD8;

/// Key type of AES keys (G Table 11-16).
pub const AES: u8 = KeyType::AES.0;
/// Key type of an EC public key.
pub const EC_PUBLIC: u8 = KeyType::EC_PUBLIC.0;
/// Component type of a reference to well-known curve parameters.
pub const EC_CURVE_REFERENCE: u8 = KeyType::EC_CURVE_REFERENCE.0;

/// P1 b8: more commands follow.
const MORE_COMMANDS: u8 = 0x80;
/// Version of the keys with which some cards are delivered; not the bit above with version 7F.
const INITIAL_KEYS: u8 = 0xFF;
/// P2 b8: several keys.
const MULTIPLE: u8 = 0x80;
/// Adds a key set or replaces keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutKey {
    /// The key version to replace, 01 to 7F, or FF for the initial keys; 00 adds new keys.
    pub replaces: u8,
    /// The version that the keys get.
    pub new_version: u8,
    /// Identifier of the first key; the others follow by one.
    pub first_id: u8,
    /// The keys.
    pub keys: Vec<PutKeyField>,
    /// Whether P2 announces several keys.
    pub multiple: bool,
}

impl PutKey {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let mut writer = Writer::new();
        writer.u8(self.new_version);
        for key in &self.keys {
            key.write(&mut writer);
        }
        let multiple = if self.multiple { MULTIPLE } else { 0 };
        CommandApdu::new(0x80, INS, self.replaces, self.first_id | multiple)
            .with_data(writer.into_vec())
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command. "More commands follow" (P1 b8) is an
    /// invalid P1: the parts are joined first. Several keys without the bit in P2 are trailing bytes.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        if apdu.p1 & MORE_COMMANDS != 0 && apdu.p1 != INITIAL_KEYS {
            return Err(INVALID_P1);
        }
        let multiple = apdu.p2 & MULTIPLE != 0;
        let mut reader = apdu.reader();
        let new_version = reader.u8()?;
        let mut keys = Vec::from([PutKeyField::read(&mut reader)?]);
        while multiple && !reader.is_empty() {
            keys.push(PutKeyField::read(&mut reader)?);
        }
        reader.finish()?;
        Ok(Self {
            replaces: apdu.p1,
            new_version,
            first_id: apdu.p2 & !MULTIPLE,
            keys,
            multiple,
        })
    }
}

/// The response: the version and, as the card computed them, the check values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutKeyResponse {
    /// The version of the keys.
    pub version: u8,
    /// The check values in the order of the keys; keys without one are left out.
    pub check_values: Vec<[u8; 3]>,
}

impl PutKeyResponse {
    /// The data field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut data = Vec::from([self.version]);
        data.extend(self.check_values.iter().flatten());
        data
    }

    /// Decodes the data field.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] unless a version and whole check values of three bytes are there.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let version = reader.u8()?;
        let mut check_values = Vec::new();
        while !reader.is_empty() {
            check_values.push(reader.array()?);
        }
        Ok(Self {
            version,
            check_values,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::put_key::field::tests::any_key;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips, bytes,
    };
    use alloc::{format, vec};
    use proptest::prelude::*;

    /// `putkey-3x128-dek128` of the project's SCP03 vectors.
    const THREE_KEYS: &str = "80D8008146 32 \
        88 11 10EDE0467D7F49DA696743FBF630469542 03 A55AF3 \
        88 11 10AC6B14B1D3F2FAFDACE616B9BF755B72 03 C23D93 \
        88 11 104B0F8A6ABCBA7EA108D7BBD05481567F 03 CCC67F";

    #[test]
    fn decodes_and_encodes_three_aes_keys() {
        let command = PutKey::from_apdu(&apdu(THREE_KEYS)).unwrap();
        assert_eq!((command.replaces, command.new_version), (0, 0x32));
        assert_eq!((command.first_id, command.multiple), (1, true));
        assert_eq!(command.keys.len(), 3);
        assert_eq!(command.keys[0].block.len(), 0x11);
        assert_eq!(command.keys[2].kcv, bytes("CCC67F"));
        assert_encodes(&command.to_apdu(), &format!("{THREE_KEYS}00"));
    }

    #[test]
    fn decodes_an_ec_key_with_its_curve() {
        let point = "04".repeat(65);
        let command =
            PutKey::from_apdu(&apdu(&format!("80D80001 48 74 B041{point} F00100 00"))).unwrap();
        let key = &command.keys[0];
        assert_eq!((key.key_type, key.block.len()), (EC_PUBLIC, 65));
        assert_eq!(
            key.components,
            [KeyComponent {
                key_type: EC_CURVE_REFERENCE,
                block: vec![0]
            }]
        );
        assert!(key.kcv.is_empty());
    }

    #[test]
    fn takes_ff_as_the_version_of_initial_keys() {
        // As hosts of security keys send it: no inner length, P1 = FF.
        let command = PutKey::from_apdu(&apdu("80D8FF8109 01 8801AA 00 8801BB 00")).unwrap();
        assert_eq!((command.replaces, command.keys.len()), (0xFF, 2));
        assert_round_trips(&command, PutKey::to_apdu, PutKey::from_apdu);
    }

    #[test]
    fn takes_80_as_length_of_128_bytes() {
        let mut data = vec![0x74, 0xA1, 0x80];
        data.extend([9; 128]);
        data.push(0);
        let mut apdu = CommandApdu::new(0x80, INS, 0, 1).with_data(data);
        assert_eq!(PutKey::from_apdu(&apdu).unwrap().keys[0].block, [9; 128]);
        apdu.data.pop();
        assert_eq!(PutKey::from_apdu(&apdu).unwrap_err().offset(), 5 + 3 + 128);
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00D80001 06 32 8801AA 00 00", 0),
            ("80D90001 05 32 8801AA 00", 1),
            ("80D88001 05 32 8801AA 00", 2),
            ("80D80001", 5),
            ("80D80001 01 32", 6),
            ("80D80001 05 32 1001AA 00", 6),
            ("80D80001 06 32 FF8801AA 00", 11),
            ("80D80001 03 32 8805", 8),
            ("80D80001 04 32 8801AA", 9),
            ("80D80001 06 32 8801AA 0301", 11),
            ("80D80001 09 32 8801AA 00 8801AA 00", 10),
            ("80D80081 06 32 8801AA 00 00", 10),
        ] {
            let error = PutKey::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn response_has_whole_check_values() {
        let response = PutKeyResponse::decode(&bytes("32A55AF3C23D93CCC67F")).unwrap();
        assert_eq!(response.check_values.len(), 3);
        assert_eq!(response.encode(), bytes("32A55AF3C23D93CCC67F"));
        assert_eq!(
            PutKeyResponse::decode(&bytes("32A55AF3C23D")),
            Err(DecodeError::Truncated {
                offset: 6,
                needed: 1
            })
        );
        assert!(PutKeyResponse::decode(&[]).is_err());
    }

    proptest! {
        #[test]
        fn round_trips(replaces in prop_oneof![0u8..0x80, Just(0xFF)], new_version: u8, first_id in 0u8..0x80,
            keys in proptest::collection::vec(any_key(), 1..4)) {
            let multiple = keys.len() > 1;
            let command = PutKey { replaces, new_version, first_id, keys, multiple };
            assert_round_trips(&command, PutKey::to_apdu, PutKey::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS), data in any_bytes(0..20)) {
            assert_no_panic(&apdu, PutKey::from_apdu);
            let _ = PutKeyResponse::decode(&data);
        }
    }
}
