//! SELECT by name (G 11.9; ISO/IEC 7816-4, 11.1.1).

use alloc::vec::Vec;

use super::header::{self, INVALID_P2, Origin};
use crate::{
    aid::Aid,
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::DecodeError,
    tlv::{Once, Reader, Tag, Writer},
};

/// Instruction byte.
pub const INS: u8 = 0xA4;

/// Select by DF name.
const BY_NAME: u8 = 0x04;
/// P2 b2: the next occurrence.
const NEXT: u8 = 0x02;
/// P2 b4 and b3: which control information comes back; both set: none.
const NO_RESPONSE: u8 = 0x0C;

/// Selects an application by its name.
///
/// ```
/// use globalplatform::commands::select::Select;
///
/// let isd = Select::issuer_security_domain().to_apdu();
/// assert_eq!(isd.encode()?, [0x00, 0xA4, 0x04, 0x00, 0x00]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The AID or its beginning, 1 to 16 bytes; `None` selects the issuer security domain.
    pub aid: Option<Vec<u8>>,
    /// The next application whose AID begins so, not the first.
    pub next: bool,
    /// Whether file control information should come back. A request for the control parameters
    /// of ETSI TS 102 221 (P2 = 04) counts as well.
    pub want_fci: bool,
}

impl Select {
    /// Selects the application with this AID and asks for its control information.
    #[must_use]
    pub fn by_aid(aid: Aid) -> Self {
        Self {
            aid: Some(aid.as_bytes().to_vec()),
            next: false,
            want_fci: true,
        }
    }

    /// Selects the issuer security domain, whatever its AID.
    #[must_use]
    pub const fn issuer_security_domain() -> Self {
        Self {
            aid: None,
            next: false,
            want_fci: true,
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let next = if self.next { NEXT } else { 0 };
        let response = if self.want_fci { 0 } else { NO_RESPONSE };
        let apdu = CommandApdu::new(0x00, INS, BY_NAME, next | response)
            .with_data(self.aid.clone().unwrap_or_default());
        if self.want_fci {
            apdu.with_le(MAX_SHORT_LE)
        } else {
            apdu
        }
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; selection by file identifier or path
    /// is an invalid P1.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::Iso, INS)?;
        header::expect_p1(apdu, BY_NAME)?;
        if apdu.p2 & !(NEXT | NO_RESPONSE) != 0 {
            return Err(INVALID_P2);
        }
        if apdu.data.len() > Aid::MAX_LENGTH {
            return Err(DecodeError::InvalidLength {
                offset: apdu.data_offset(),
            });
        }
        Ok(Self {
            aid: Some(apdu.data.clone()).filter(|aid| !aid.is_empty()),
            next: apdu.p2 & NEXT != 0,
            want_fci: apdu.p2 & NO_RESPONSE != NO_RESPONSE,
        })
    }
}

const FCI: Tag = Tag(0x6F);
const DF_NAME: Tag = Tag(0x84);
const PROPRIETARY: Tag = Tag(0xA5);
const MANAGEMENT_DATA: Tag = Tag(0x73);
const LIFE_CYCLE_DATA: Tag = Tag(0x9F6E);
const MAX_COMMAND_DATA: Tag = Tag(0x9F65);

/// File control information of the selected application (G Table 11-81).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectResponse {
    /// The full AID of the selected application.
    pub aid: Aid,
    /// Security domain management data (73), without tag.
    pub management_data: Option<Vec<u8>>,
    /// Application production life cycle data (9F6E).
    pub life_cycle_data: Option<Vec<u8>>,
    /// The longest command data field, in bytes (9F65).
    pub max_command_data: Option<u16>,
}

impl SelectResponse {
    /// Control information of nothing but the AID.
    #[must_use]
    pub const fn new(aid: Aid) -> Self {
        Self {
            aid,
            management_data: None,
            life_cycle_data: None,
            max_command_data: None,
        }
    }

    /// The data field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(FCI, |fci| {
            fci.tlv(DF_NAME, self.aid.as_bytes());
            fci.nested(PROPRIETARY, |data| {
                data.optional(MANAGEMENT_DATA, self.management_data.as_ref());
                data.optional(LIFE_CYCLE_DATA, self.life_cycle_data.as_ref());
                match self.max_command_data.map(u16::to_be_bytes) {
                    Some([0, low]) => data.tlv(MAX_COMMAND_DATA, &[low]),
                    Some(bytes) => data.tlv(MAX_COMMAND_DATA, &bytes),
                    None => {}
                }
            });
        });
        writer.into_vec()
    }

    /// Decodes the data field; unknown data objects are skipped, however often they come.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the data field.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let fci = reader.expect(FCI)?;
        reader.finish()?;
        let mut aid = None;
        // Until the mandatory AID is found, any will do.
        let mut rest = Self::new(Aid::from_slice_const(&[0; 5]));
        let mut once = Once::default();
        for tlv in fci.reader().tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                DF_NAME => aid = Some(Aid::decode(tlv.value, tlv.value_offset)?),
                PROPRIETARY => rest.decode_proprietary(tlv.reader())?,
                _ => continue,
            }
            once.note(&tlv)?;
        }
        let aid = aid.ok_or(DecodeError::MissingField {
            offset: data.len(),
            field: "AID",
        })?;
        Ok(Self { aid, ..rest })
    }

    fn decode_proprietary(&mut self, reader: Reader<'_>) -> Result<(), DecodeError> {
        let mut once = Once::default();
        for tlv in reader.tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                MANAGEMENT_DATA => self.management_data = Some(tlv.value.to_vec()),
                LIFE_CYCLE_DATA => self.life_cycle_data = Some(tlv.value.to_vec()),
                MAX_COMMAND_DATA => {
                    let length = u16::try_from(tlv.number()?);
                    self.max_command_data =
                        Some(length.map_err(|_| DecodeError::InvalidLength {
                            offset: tlv.value_offset,
                        })?);
                }
                _ => continue,
            }
            once.note(&tlv)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_aid, any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips,
        bytes,
    };
    use alloc::string::ToString;
    use proptest::{option::of, prelude::*};

    #[test]
    fn encodes_and_decodes_examples() {
        let next = Select {
            aid: Some(bytes("A000000151")),
            next: true,
            want_fci: false,
        };
        assert_encodes(&next.to_apdu(), "00A4040E05A000000151");
        assert_eq!(Select::from_apdu(&next.to_apdu()), Ok(next));
        let telecom = Select::from_apdu(&apdu("01A4040405A000000151")).unwrap();
        assert!(telecom.want_fci && !telecom.next);
        assert_eq!(
            Select::from_apdu(&apdu("00A4040000")),
            Ok(Select::issuer_security_domain())
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("80A4040000", 0),
            ("00A5040000", 1),
            ("00A40000023F00", 2),
            ("00A4041005A000000151", 3),
            ("00A40400 11 0000000000000000000000000000000000", 5),
        ] {
            assert_eq!(
                Select::from_apdu(&apdu(hex)).unwrap_err().offset(),
                offset,
                "{hex}"
            );
        }
    }

    #[test]
    fn decodes_the_control_information_of_a_real_card() {
        let fci = bytes("6F 19 84 08 A000000003000000 A5 0D 9F6E 06 479120813B00 9F65 01 FF");
        let response = SelectResponse::decode(&fci).unwrap();
        assert_eq!(response.aid.to_string(), "A000000003000000");
        assert_eq!(response.max_command_data, Some(255));
        assert_eq!(response.life_cycle_data, Some(bytes("479120813B00")));
        assert_eq!(response.encode(), fci);
    }

    #[test]
    fn skips_unknown_objects_however_often_they_come() {
        let fci = "6F 15 500141 500142 8405A000000151 A506 880101 880102";
        let response = SelectResponse::decode(&bytes(fci)).unwrap();
        assert_eq!(response.aid.to_string(), "A000000151");
    }

    #[test]
    fn refuses_malformed_control_information_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("6200", 0),
            ("6F00", 2),
            ("6F0000", 2),
            ("6F0484020102", 4),
            ("6F0BA5099F6503010000840101", 7),
            ("6F05840500", 5),
            ("6F0E8405A0000001518405A000000152", 9),
            ("6F0AA5089F6501009F650101", 8),
        ] {
            let error = SelectResponse::decode(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(aid in of(any_bytes(1..=16)), next: bool, want_fci: bool) {
            let select = Select { aid, next, want_fci };
            assert_round_trips(&select, Select::to_apdu, Select::from_apdu);
        }

        #[test]
        fn response_round_trips(
            aid in any_aid(), management_data in of(any_bytes(0..200)),
            life_cycle_data in of(any_bytes(0..20)), max_command_data: Option<u16>) {
            let response = SelectResponse { aid, management_data, life_cycle_data, max_command_data };
            prop_assert_eq!(SelectResponse::decode(&response.encode()), Ok(response));
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS), data in any_bytes(0..40)) {
            assert_no_panic(&apdu, Select::from_apdu);
            let _ = SelectResponse::decode(&data);
        }
    }
}
