//! SET STATUS of the Contactless Registry Service (C 3.11.4).

use alloc::vec::Vec;

use super::registry::{read_aids, write_aids};
use crate::{
    aid::Aid,
    apdu::{CommandApdu, MAX_SHORT_LE},
    commands::{
        header::{self, INVALID_P1, INVALID_P2, Origin},
        set_status::INS,
    },
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Writer},
};

/// P1: what changes (C Table 3-19).
const AVAILABILITY: u8 = 0x01;
const PRIORITY: u8 = 0x02;
const INTERFACE: u8 = 0x04;
const PROTOCOL: u8 = 0x08;
const REMAINING: u8 = 0x80;
/// P2: on or off (C Tables 3-21 and 3-22).
const ON: u8 = 0x80;
const OFF: u8 = 0x00;

const INTERFACE_IDENTIFIER: Tag = Tag(0x80);
const PROTOCOL_IDENTIFIER: Tag = Tag(0x89);

/// Where applications stand in the selection by a reader (C Table 3-20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PriorityOrder {
    /// The last of the applications becomes the first of all.
    Highest = 0x01,
    /// The last of the applications becomes the last of all.
    Lowest = 0x81,
    /// One application comes first until that is taken back.
    AssignVolatile = 0x02,
    /// Takes that back; the applications are ignored.
    ResetVolatile = 0x82,
}

/// Changes something of the contactless registry.
///
/// ```
/// use globalplatform::contactless::SetContactlessStatus;
///
/// let on = SetContactlessStatus::Availability {
///     activate: true,
///     aids: vec!["A000000151".parse()?],
/// };
/// let apdu = on.to_apdu().encode()?;
/// assert_eq!(hex::encode_upper(apdu), "80F00101074F05A00000015100");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetContactlessStatus {
    /// Activates all of these applications or none, or deactivates them.
    Availability {
        /// Whether they are activated.
        activate: bool,
        /// The applications.
        aids: Vec<Aid>,
    },
    /// Changes the order in which a reader finds applications.
    Priority {
        /// How.
        order: PriorityOrder,
        /// The applications.
        aids: Vec<Aid>,
    },
    /// Switches a communication interface on or off for everybody.
    Interface {
        /// Whether it is switched on.
        on: bool,
        /// The interface: 40 contactless (C Table 5-2).
        identifier: u8,
    },
    /// Enables or disables a contactless protocol.
    Protocol {
        /// Whether it is enabled.
        enable: bool,
        /// The protocol: 41 type A, 42 type B, 44 type F (C Table 3-26).
        identifier: u8,
    },
    /// Asks for the rest of a response that ended with 6310.
    RemainingResponse,
}

impl SetContactlessStatus {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let mut data = Writer::new();
        let switch = |on: bool| if on { ON } else { OFF };
        let (p1, p2) = match self {
            Self::Availability { activate, aids } => {
                write_aids(&mut data, aids);
                (AVAILABILITY, (*activate).into())
            }
            Self::Priority { order, aids } => {
                write_aids(&mut data, aids);
                (PRIORITY, *order as u8)
            }
            Self::Interface { on, identifier } => {
                data.tlv(INTERFACE_IDENTIFIER, &[*identifier]);
                (INTERFACE, switch(*on))
            }
            Self::Protocol { enable, identifier } => {
                data.tlv(PROTOCOL_IDENTIFIER, &[*identifier]);
                (PROTOCOL, switch(*enable))
            }
            Self::RemainingResponse => (REMAINING, 0x00),
        };
        CommandApdu::new(0x80, INS, p1, p2)
            .with_data(data.into_vec())
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command. Data that C says shall be ignored are.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        let switch = |on: u8, off: u8| match apdu.p2 {
            p2 if p2 == on => Ok(true),
            p2 if p2 == off => Ok(false),
            _ => Err(INVALID_P2),
        };
        Ok(match apdu.p1 {
            AVAILABILITY => Self::Availability {
                activate: switch(0x01, 0x00)?,
                aids: some_aids(apdu)?,
            },
            PRIORITY => {
                let order = match apdu.p2 {
                    0x01 => PriorityOrder::Highest,
                    0x81 => PriorityOrder::Lowest,
                    0x02 => PriorityOrder::AssignVolatile,
                    0x82 => PriorityOrder::ResetVolatile,
                    _ => return Err(INVALID_P2),
                };
                let aids = match order {
                    PriorityOrder::ResetVolatile => Vec::new(),
                    _ => some_aids(apdu)?,
                };
                Self::Priority { order, aids }
            }
            INTERFACE => Self::Interface {
                on: switch(ON, OFF)?,
                identifier: identifier(apdu, INTERFACE_IDENTIFIER)?,
            },
            PROTOCOL => Self::Protocol {
                enable: switch(ON, OFF)?,
                identifier: identifier(apdu, PROTOCOL_IDENTIFIER)?,
            },
            REMAINING => Self::RemainingResponse,
            _ => return Err(INVALID_P1),
        })
    }
}

/// A list of at least one AID.
fn some_aids(apdu: &CommandApdu) -> Result<Vec<Aid>, DecodeError> {
    let aids = read_aids(apdu.reader())?;
    if aids.is_empty() {
        return Err(DecodeError::MissingField {
            offset: apdu.data_offset(),
            field: "AID",
        });
    }
    Ok(aids)
}

fn identifier(apdu: &CommandApdu, tag: Tag) -> Result<u8, DecodeError> {
    let mut reader = apdu.reader();
    let [identifier] = reader.expect(tag)?.array()?;
    reader.finish()?;
    Ok(identifier)
}

const RESULT: Tag = Tag(0x61);
const REJECTED: Tag = Tag(0x4F);
const PROTOCOL_CONFLICTS: Tag = Tag(0xA0);
const FAILED: Tag = Tag(0xA1);
const PRIVACY_CONFLICTS: Tag = Tag(0xA4);

/// Why the command did not do all it was asked for (C Table 3-27), with 6330 for conflicts and 6320
/// for other failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetContactlessStatusResponse {
    /// The application that could not be activated because of a conflict (4F).
    pub rejected: Option<Aid>,
    /// Applications with which its protocol parameters conflict (A0).
    pub protocol_conflicts: Vec<Aid>,
    /// Applications with which it conflicts since one is sensitive to privacy (A4).
    pub privacy_conflicts: Vec<Aid>,
    /// Applications for which the operation failed, not found for example (A1).
    pub failed: Vec<Aid>,
    /// Other data objects: reasons of a policy conflict (A2).
    pub other: Vec<DataObject>,
}

impl SetContactlessStatusResponse {
    /// The data field; empty when there is nothing to say.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested_if_any(RESULT, |result| {
            result.optional(REJECTED, self.rejected);
            let mut list = |tag, aids: &[Aid]| {
                result.nested_if_any(tag, |inner| write_aids(inner, aids));
            };
            list(PROTOCOL_CONFLICTS, &self.protocol_conflicts);
            list(PRIVACY_CONFLICTS, &self.privacy_conflicts);
            list(FAILED, &self.failed);
            result.objects(&self.other);
        });
        writer.into_vec()
    }

    /// Decodes the data field, all parts joined. An empty one says nothing, and the template may be
    /// left out (an implementation returns A1 alone).
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut outer = Reader::new(data);
        let inner = match outer.optional(RESULT)? {
            Some(template) => {
                outer.finish()?;
                template.reader()
            }
            None => outer,
        };
        let mut response = Self::default();
        for tlv in inner.tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                REJECTED => response.rejected = Some(Aid::decode(tlv.value, tlv.value_offset)?),
                PROTOCOL_CONFLICTS => response.protocol_conflicts = read_aids(tlv.reader())?,
                PRIVACY_CONFLICTS => response.privacy_conflicts = read_aids(tlv.reader())?,
                FAILED => response.failed = read_aids(tlv.reader())?,
                tag => response.other.push(DataObject::new(tag, tlv.value)),
            }
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_aid, any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips,
        bytes,
    };
    use proptest::{collection::vec, option::of, prelude::*};

    fn round_trips(command: &SetContactlessStatus, hex: &str) {
        assert_encodes(&command.to_apdu(), hex);
        assert_round_trips(
            command,
            SetContactlessStatus::to_apdu,
            SetContactlessStatus::from_apdu,
        );
    }

    #[test]
    fn encodes_every_change() {
        let aids: Vec<Aid> = ["A000000151".parse().unwrap()].into();
        let availability = |activate| SetContactlessStatus::Availability {
            activate,
            aids: aids.clone(),
        };
        round_trips(&availability(true), "80F00101 07 4F05A000000151 00");
        round_trips(&availability(false), "80F00100 07 4F05A000000151 00");
        for (order, p2) in [
            (PriorityOrder::Highest, "01"),
            (PriorityOrder::Lowest, "81"),
            (PriorityOrder::AssignVolatile, "02"),
        ] {
            let command = SetContactlessStatus::Priority {
                order,
                aids: aids.clone(),
            };
            let hex = alloc::format!("80F002{p2} 07 4F05A000000151 00");
            round_trips(&command, &hex);
        }
        let reset = SetContactlessStatus::Priority {
            order: PriorityOrder::ResetVolatile,
            aids: Vec::new(),
        };
        round_trips(&reset, "80F00282 00");
        for (on, p2) in [(true, "80"), (false, "00")] {
            let interface = SetContactlessStatus::Interface {
                on,
                identifier: 0x40,
            };
            round_trips(&interface, &alloc::format!("80F004{p2} 03 800140 00"));
            let protocol = SetContactlessStatus::Protocol {
                enable: on,
                identifier: 0x44,
            };
            round_trips(&protocol, &alloc::format!("80F008{p2} 03 890144 00"));
        }
        round_trips(&SetContactlessStatus::RemainingResponse, "80F08000 00");
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00F0010107 4F05A000000151", 0),
            ("80F2010107 4F05A000000151", 1),
            ("80F0400107 4F05A000000151", 2),
            ("80F0018007 4F05A000000151", 3),
            ("80F0020007 4F05A000000151", 3),
            ("80F0040103 800140", 3),
            ("80F0080103 890141", 3),
            ("80F00101", 5),
            ("80F0010106 4F04A0000001", 7),
            ("80F0010102 5000", 5),
            ("80F0048003 890140", 5),
            ("80F0048004 80020000", 7),
            ("80F0048004 80014000", 8),
        ] {
            let error = SetContactlessStatus::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    #[test]
    fn decodes_failures_with_and_without_template() {
        let failed: Vec<Aid> = ["A000000152".parse().unwrap()].into();
        let response = SetContactlessStatusResponse {
            failed,
            ..SetContactlessStatusResponse::default()
        };
        let bare = bytes("A1074F05A000000152");
        assert_eq!(
            SetContactlessStatusResponse::decode(&bare),
            Ok(response.clone())
        );
        assert_eq!(response.encode(), bytes("6109A1074F05A000000152"));
        assert!(SetContactlessStatusResponse::default().encode().is_empty());
        for (hex, offset) in [
            ("610000", 2),
            ("6106 4F04A0000001", 4),
            ("6104 A0025000", 4),
            ("6108 A4064F04A0000001", 6),
            ("6108 A1064F04A0000001", 6),
        ] {
            let error = SetContactlessStatusResponse::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn responses_round_trip(rejected in of(any_aid()), lists in vec(vec(any_aid(), 0..3), 3),
            reason in of(any_bytes(0..9))) {
            let [protocol_conflicts, privacy_conflicts, failed]: [Vec<Aid>; 3] =
                lists.try_into().unwrap();
            let other = reason.map(|reason| DataObject::new(Tag(0xA2), reason)).into_iter().collect();
            let response = SetContactlessStatusResponse {
                rejected, protocol_conflicts, privacy_conflicts, failed, other };
            prop_assert_eq!(
                SetContactlessStatusResponse::decode(&response.encode()), Ok(response));
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS), data in any_bytes(0..40)) {
            assert_no_panic(&apdu, SetContactlessStatus::from_apdu);
            if let Err(error) = SetContactlessStatusResponse::decode(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
