//! END R-MAC SESSION (D 7.1.4), which ends what BEGIN R-MAC SESSION began.

use super::header::{self, Origin};
use crate::{
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::DecodeError,
};

/// Instruction byte.
pub const INS: u8 = 0x78;

/// P2: the end of the session.
const END: u8 = 0x03;

/// Goes back to the protection of responses before BEGIN R-MAC SESSION: `80 78 00 03 00`. Its own
/// response is still protected.
///
/// ```
/// use globalplatform::commands::end_r_mac_session::EndRMacSession;
///
/// assert_eq!(EndRMacSession.to_apdu().encode()?, [0x80, 0x78, 0x00, 0x03, 0x00]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndRMacSession;

impl EndRMacSession {
    /// The command.
    #[must_use]
    pub const fn to_apdu(&self) -> CommandApdu {
        CommandApdu::new(0x80, INS, 0x00, END).with_le(MAX_SHORT_LE)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; it has no data.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        header::expect_p1(apdu, 0x00)?;
        header::expect_p2(apdu, END)?;
        apdu.reader().finish()?;
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_apdu, apdu, assert_no_panic, assert_round_trips};
    use proptest::prelude::*;

    #[test]
    fn round_trips() {
        assert_round_trips(
            &EndRMacSession,
            EndRMacSession::to_apdu,
            EndRMacSession::from_apdu,
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00780003", 0),
            ("807A0003", 1),
            ("80780103", 2),
            ("80780001", 3),
            ("80780003 01 00", 5),
        ] {
            let error = EndRMacSession::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, EndRMacSession::from_apdu);
        }
    }
}
