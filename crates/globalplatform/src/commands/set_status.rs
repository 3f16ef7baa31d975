//! SET STATUS (G 11.10).

use super::header::{self, INVALID_P1, Origin};
use crate::{aid::Aid, apdu::CommandApdu, error::DecodeError};

/// Instruction byte.
pub const INS: u8 = 0xF0;

/// Whose state changes (G Table 11-84).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StatusScope {
    /// The card, that is the issuer security domain.
    Card = 0x80,
    /// An application or supplementary security domain.
    Application = 0x40,
    /// A security domain and everything associated with it, directly or not. (pySim sends C0 for
    /// this, which the table does not have: an invalid P1 here.)
    SecurityDomainAndBelow = 0x60,
}

/// Changes a life cycle state.
///
/// ```
/// use globalplatform::{aid::Aid, commands::set_status::SetStatus};
///
/// let aid = Aid::from_slice_const(&[0xA0, 0, 0, 1, 0x51]);
/// let lock = SetStatus::application(aid, 0x80).to_apdu();
/// assert_eq!(lock.encode()?, [0x80, 0xF0, 0x40, 0x80, 5, 0xA0, 0, 0, 1, 0x51]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetStatus {
    /// Whose state.
    pub scope: StatusScope,
    /// The new state ([`crate::life_cycle`]). For another application only b8 counts: lock or unlock.
    pub status: u8,
    /// The application; the card ignores it for [`StatusScope::Card`].
    pub aid: Option<Aid>,
}

impl SetStatus {
    /// Changes the state of an application or supplementary security domain.
    #[must_use]
    pub const fn application(aid: Aid, status: u8) -> Self {
        Self {
            scope: StatusScope::Application,
            status,
            aid: Some(aid),
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let apdu = CommandApdu::new(0x80, INS, self.scope as u8, self.status);
        match self.aid {
            Some(aid) => apdu.with_data(aid.as_bytes()),
            None => apdu,
        }
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; the AID may be absent only for the
    /// card.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        let scope = match apdu.p1 {
            0x80 => StatusScope::Card,
            0x40 => StatusScope::Application,
            0x60 => StatusScope::SecurityDomainAndBelow,
            _ => return Err(INVALID_P1),
        };
        let aid = match (scope, Aid::decode(&apdu.data, apdu.data_offset())) {
            (StatusScope::Card, aid) => aid.ok(),
            (_, aid) => Some(aid?),
        };
        Ok(Self {
            scope,
            status: apdu.p2,
            aid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_apdu, apdu, assert_no_panic, assert_round_trips};
    use proptest::prelude::*;

    #[test]
    fn ignores_whatever_name_the_card_gets() {
        for hex in ["80F0807F", "80F0807F0100"] {
            let lock = SetStatus::from_apdu(&apdu(hex)).unwrap();
            assert_eq!((lock.scope, lock.aid), (StatusScope::Card, None));
        }
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00F0400705A000000151", 0),
            ("80F2400705A000000151", 1),
            ("80F0C00705A000000151", 2),
            ("80F04007", 5),
            ("80F0600704A0000001", 5),
        ] {
            let error = SetStatus::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(aid in any_aid(), status: u8, scope in prop_oneof![
            Just(StatusScope::Card), Just(StatusScope::Application),
            Just(StatusScope::SecurityDomainAndBelow)]) {
            let command = SetStatus { scope, status, aid: Some(aid) };
            assert_round_trips(&command, SetStatus::to_apdu, SetStatus::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, SetStatus::from_apdu);
        }
    }
}
