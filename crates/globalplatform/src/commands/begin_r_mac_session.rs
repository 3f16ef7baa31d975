//! BEGIN R-MAC SESSION (D 7.1.3), which raises the protection of the responses that follow.

use alloc::vec::Vec;

use super::header::{self, INVALID_P1, Origin};
use crate::{apdu::CommandApdu, error::DecodeError, tlv::Writer};

/// Instruction byte.
pub const INS: u8 = 0x7A;

/// P2: the beginning of the session.
const BEGIN: u8 = 0x01;
/// The longest challenge, in bytes.
const MAX_CHALLENGE: usize = 24;

/// How responses are protected during the session (P1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ResponseProtection {
    /// R-MAC.
    RMac = 0x10,
    /// R-MAC and R-ENCRYPTION.
    RMacAndREncryption = 0x30,
}

/// Protects the responses that follow, until END R-MAC SESSION: `80 7A P1 01 [LV challenge]`.
///
/// ```
/// use globalplatform::commands::begin_r_mac_session::{BeginRMacSession, ResponseProtection};
///
/// let begin = BeginRMacSession::new(ResponseProtection::RMac).to_apdu();
/// assert_eq!(begin.encode()?, [0x80, 0x7A, 0x10, 0x01, 0x01, 0x00]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginRMacSession {
    /// The protection.
    pub protection: ResponseProtection,
    /// Challenge of 0 to 24 bytes, which SCP03 does not use; `None` leaves its length out, too.
    pub challenge: Option<Vec<u8>>,
}

impl BeginRMacSession {
    /// With an empty challenge, as hosts send it.
    #[must_use]
    pub const fn new(protection: ResponseProtection) -> Self {
        Self {
            protection,
            challenge: Some(Vec::new()),
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let mut data = Writer::new();
        if let Some(challenge) = &self.challenge {
            data.lv(challenge);
        }
        CommandApdu::new(0x80, INS, self.protection as u8, BEGIN).with_data(data.into_vec())
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; a challenge has at most 24 bytes.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        let protection = match apdu.p1 {
            0x10 => ResponseProtection::RMac,
            0x30 => ResponseProtection::RMacAndREncryption,
            _ => return Err(INVALID_P1),
        };
        header::expect_p2(apdu, BEGIN)?;
        let mut reader = apdu.reader();
        let challenge = if reader.is_empty() {
            None
        } else {
            let offset = reader.offset();
            let challenge = reader.lv()?;
            if challenge.len() > MAX_CHALLENGE {
                return Err(DecodeError::InvalidLength { offset });
            }
            Some(challenge.to_vec())
        };
        reader.finish()?;
        Ok(Self {
            protection,
            challenge,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips,
    };
    use proptest::prelude::*;

    #[test]
    fn encodes_both_protections_and_a_challenge() {
        let mut begin = BeginRMacSession::new(ResponseProtection::RMacAndREncryption);
        assert_encodes(&begin.to_apdu(), "807A3001 01 00");
        begin.challenge = Some([1, 2, 3].into());
        assert_encodes(&begin.to_apdu(), "807A3001 04 03010203");
        begin.challenge = None;
        assert_encodes(&begin.to_apdu(), "807A3001");
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("007A1001", 0),
            ("80781001", 1),
            ("807A2001", 2),
            ("807A1003", 3),
            ("807A1001 01 01", 6),
            ("807A1001 02 0000", 6),
        ] {
            let error = BeginRMacSession::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
        let challenge = |length: u8| {
            let mut data = Vec::from([length]);
            data.resize(1 + usize::from(length), 7);
            CommandApdu::new(0x80, INS, 0x10, 0x01).with_data(data)
        };
        assert!(BeginRMacSession::from_apdu(&challenge(24)).is_ok());
        assert_eq!(
            BeginRMacSession::from_apdu(&challenge(25)),
            Err(DecodeError::InvalidLength { offset: 5 })
        );
    }

    proptest! {
        #[test]
        fn round_trips(encryption: bool, challenge in proptest::option::of(any_bytes(0..=24))) {
            let protection = if encryption {
                ResponseProtection::RMacAndREncryption
            } else {
                ResponseProtection::RMac
            };
            let command = BeginRMacSession { protection, challenge };
            assert_round_trips(&command, BeginRMacSession::to_apdu, BeginRMacSession::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, BeginRMacSession::from_apdu);
        }
    }
}
