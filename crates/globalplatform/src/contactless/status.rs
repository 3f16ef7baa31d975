//! GET STATUS of the Contactless Registry Service (C 3.11.3).

use alloc::vec::Vec;

use super::registry::AID;
use crate::{
    apdu::{CommandApdu, MAX_SHORT_LE},
    commands::{
        get_status::{INS, read_criteria, write_criteria},
        header::{self, INVALID_P1, INVALID_P2, Origin},
    },
    error::DecodeError,
    tlv::Tag,
};

/// Of what the status is read (C Table 3-12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContactlessScope {
    /// Applications.
    Applications = 0x40,
    /// The platform (OPEN); needs a tag list.
    Platform = 0x04,
}

/// Reads entries: `80 F2 P1 P2 Lc 4F LV [5C LV tags] 00`.
///
/// ```
/// use globalplatform::contactless::{ContactlessScope, GetContactlessStatus};
///
/// let all = GetContactlessStatus::all(ContactlessScope::Applications).to_apdu();
/// assert_eq!(all.encode()?, [0x80, 0xF2, 0x40, 0x00, 2, 0x4F, 0, 0]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetContactlessStatus {
    /// Of what.
    pub scope: ContactlessScope,
    /// The entries after those that came with 6310 before.
    pub next: bool,
    /// The AID or its beginning, at most 16 bytes; empty for all.
    pub criteria: Vec<u8>,
    /// The tags that each entry should have; empty for all.
    pub tag_list: Vec<Tag>,
}

impl GetContactlessStatus {
    /// The first entries of all.
    #[must_use]
    pub const fn all(scope: ContactlessScope) -> Self {
        Self {
            scope,
            next: false,
            criteria: Vec::new(),
            tag_list: Vec::new(),
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        CommandApdu::new(0x80, INS, self.scope as u8, self.next.into())
            .with_data(write_criteria(AID, &self.criteria, &[], &self.tag_list))
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command; further search criteria are skipped, and nothing may come twice.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        let scope = match apdu.p1 {
            0x40 => ContactlessScope::Applications,
            0x04 => ContactlessScope::Platform,
            _ => return Err(INVALID_P1),
        };
        let next = match apdu.p2 {
            0x00 => false,
            0x01 => true,
            _ => return Err(INVALID_P2),
        };
        let read = read_criteria(apdu.reader(), AID)?;
        Ok(Self {
            scope,
            next,
            criteria: read.aid,
            tag_list: read.tag_list,
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
    fn encodes_a_tag_list() {
        let command = GetContactlessStatus {
            next: true,
            criteria: [0xA0, 0, 0, 1, 0x51].into(),
            tag_list: [Tag(0x4F), Tag(0x9F70)].into(),
            ..GetContactlessStatus::all(ContactlessScope::Platform)
        };
        assert_encodes(
            &command.to_apdu(),
            "80F20401 0C 4F05A000000151 5C034F9F70 00",
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00F24000024F00", 0),
            ("80F04000024F00", 1),
            ("80F28000024F00", 2),
            ("80F24002024F00", 3),
            ("80F24000025C00", 5),
            ("80F24000", 5),
        ] {
            let error = GetContactlessStatus::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(platform: bool, next: bool, criteria in any_bytes(0..=16)) {
            let scope = if platform {
                ContactlessScope::Platform
            } else {
                ContactlessScope::Applications
            };
            let tag_list = [Tag(0x9F70), Tag(0x88)].into();
            let command = GetContactlessStatus { scope, next, criteria, tag_list };
            assert_round_trips(
                &command, GetContactlessStatus::to_apdu, GetContactlessStatus::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, GetContactlessStatus::from_apdu);
        }
    }
}
