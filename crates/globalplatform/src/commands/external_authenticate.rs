//! EXTERNAL AUTHENTICATE of SCP03 (D 7.1.2), which completes the authentication.

use alloc::vec::Vec;

use super::header::{self, Origin};
use crate::{apdu::CommandApdu, error::DecodeError};

/// Instruction byte.
pub const INS: u8 = 0x82;

/// Authenticates the host and sets the security level of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAuthenticate {
    /// The security level (D Table 7-5), as on the wire.
    pub level: u8,
    /// 8 bytes (S8) or 16 (S16).
    pub host_cryptogram: Vec<u8>,
    /// The MAC over the command, as long as the cryptogram.
    pub mac: Vec<u8>,
}

impl ExternalAuthenticate {
    /// The command, with class 84 since it is always MACed.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let mut data = self.host_cryptogram.clone();
        data.extend_from_slice(&self.mac);
        CommandApdu::new(0x84, INS, self.level, 0x00).with_data(data)
    }

    /// Decodes the command; the first half of the data is the cryptogram, the second the MAC.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; without secure messaging the class is
    /// wrong, and the data must have 16 or 32 bytes. The level is the receiver's to judge.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        if !apdu.is_secured() {
            return Err(DecodeError::WrongClass {
                offset: 0,
                found: apdu.cla,
            });
        }
        header::expect_p2(apdu, 0x00)?;
        let length = apdu.data.len();
        match apdu.data.split_at_checked(length / 2) {
            Some((host_cryptogram, mac)) if matches!(length, 16 | 32) => Ok(Self {
                level: apdu.p1,
                host_cryptogram: host_cryptogram.to_vec(),
                mac: mac.to_vec(),
            }),
            _ => Err(DecodeError::InvalidLength {
                offset: apdu.data_offset(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips,
    };
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn encodes_an_example() {
        let command = ExternalAuthenticate {
            level: 0x33,
            host_cryptogram: vec![0xAA; 8],
            mac: vec![0xBB; 8],
        };
        assert_encodes(
            &command.to_apdu(),
            "84823300 10 AAAAAAAAAAAAAAAA BBBBBBBBBBBBBBBB",
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        let sixteen = "10 00000000000000000000000000000000";
        for (hex, offset) in [
            (alloc::format!("80820100{sixteen}"), 0),
            (alloc::format!("04820100{sixteen}"), 0),
            (alloc::format!("84500100{sixteen}"), 1),
            (alloc::format!("84820101{sixteen}"), 3),
            ("84820100 08 0000000000000000".into(), 5),
            ("84820100".into(), 5),
        ] {
            let error = ExternalAuthenticate::from_apdu(&apdu(&hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(level: u8, (host_cryptogram, mac) in prop_oneof![
            (any_bytes(8), any_bytes(8)), (any_bytes(16), any_bytes(16))]) {
            let command = ExternalAuthenticate { level, host_cryptogram, mac };
            assert_round_trips(
                &command, ExternalAuthenticate::to_apdu, ExternalAuthenticate::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, ExternalAuthenticate::from_apdu);
        }
    }
}
