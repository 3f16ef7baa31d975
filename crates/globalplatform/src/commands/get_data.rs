//! GET DATA (G 11.3; ISO/IEC 7816-4, 11.4.3).

use alloc::vec::Vec;

use super::header::{self, Origin};
use crate::{
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::DecodeError,
};

/// Instruction byte.
pub const INS: u8 = 0xCA;
/// Instruction byte of the ISO form that has a data field.
pub const INS_WITH_DATA: u8 = 0xCB;

/// Reads a data object of the selected application.
///
/// With class 80 the response is the whole data object, with the ISO class only its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetData {
    /// The tag, in P1 and P2; one-byte tags have P1 = 00.
    pub tag: u16,
    /// A list of what is wanted, `5C00` for tag 2F00; mostly empty.
    pub data: Vec<u8>,
    /// Whether the ISO class is used.
    pub iso: bool,
}

impl GetData {
    /// Issuer identification number; provider number of a supplementary security domain.
    pub const IIN: u16 = 0x0042;
    /// Card image number; image number of a supplementary security domain.
    pub const CIN: u16 = 0x0045;
    /// Card recognition data ([`crate::card_data::CardRecognitionData`]).
    pub const CARD_RECOGNITION: u16 = 0x0066;
    /// Capabilities ([`crate::capability::Capabilities`]).
    pub const CAPABILITIES: u16 = 0x0067;
    /// Key information template ([`crate::card_data::KeyInformationTemplate`]).
    pub const KEY_INFORMATION: u16 = 0x00E0;
    /// Key diversification data, ten bytes as INITIALIZE UPDATE returns them; GlobalPlatformPro reads them there.
    pub const KEY_DIVERSIFICATION: u16 = 0x00CF;
    /// Sequence counter of the default key version.
    pub const SEQUENCE_COUNTER: u16 = 0x00C1;
    /// Confirmation counter.
    pub const CONFIRMATION_COUNTER: u16 = 0x00C2;
    /// Card production life cycle data ([`crate::card_data::Cplc`]).
    pub const CPLC: u16 = 0x9F7F;
    /// Applications on the card ([`crate::card_data::ApplicationList`]); needs data `5C00`.
    pub const APPLICATIONS: u16 = 0x2F00;
    /// Security domain manager URL ([`crate::card_data::ManagerUrl`]).
    pub const MANAGER_URL: u16 = 0x5F50;
    /// Current security level ([`crate::card_data::CurrentSecurityLevel`]).
    pub const SECURITY_LEVEL: u16 = 0x00D3;
    /// Certificate of a controlling authority security domain ([`crate::card_data::CardCertificate`]).
    pub const CERTIFICATE: u16 = 0x7F21;
    /// Version and update counter of the contactless registry ([`crate::contactless::RegistryVersion`]).
    pub const CONTACTLESS_REGISTRY: u16 = 0x00A5;
    /// Extended card resources ([`crate::card_data::ExtendedCardResources`]).
    pub const CARD_RESOURCES: u16 = 0xFF21;

    /// Reads a whole data object with GlobalPlatform's class.
    #[must_use]
    pub const fn new(tag: u16) -> Self {
        Self {
            tag,
            data: Vec::new(),
            iso: false,
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let [p1, p2] = self.tag.to_be_bytes();
        let (cla, ins) = match (self.iso, self.data.is_empty()) {
            (true, true) => (0x00, INS),
            (true, false) => (0x00, INS_WITH_DATA),
            (false, _) => (0x80, INS),
        };
        CommandApdu::new(cla, ins, p1, p2)
            .with_data(self.data.clone())
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] for another class or instruction.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        let iso = !apdu.is_proprietary();
        let ins = if iso && apdu.ins == INS_WITH_DATA {
            INS_WITH_DATA
        } else {
            INS
        };
        header::expect(apdu, Origin::Any, ins)?;
        Ok(Self {
            tag: u16::from_be_bytes([apdu.p1, apdu.p2]),
            data: apdu.data.clone(),
            iso,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips, bytes,
    };
    use proptest::prelude::*;

    #[test]
    fn encodes_and_decodes_examples() {
        assert_encodes(
            &GetData::new(GetData::KEY_INFORMATION).to_apdu(),
            "80CA00E000",
        );
        let list = GetData {
            tag: GetData::APPLICATIONS,
            data: bytes("5C00"),
            iso: true,
        };
        assert_encodes(&list.to_apdu(), "00CB2F00025C0000");
        assert_eq!(GetData::from_apdu(&list.to_apdu()), Ok(list));
        let protected = GetData::from_apdu(&apdu("84CA006600")).unwrap();
        assert_eq!(protected, GetData::new(GetData::CARD_RECOGNITION));
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [("90CA006600", 0), ("80CB006600", 1), ("00A4006600", 1)] {
            assert_eq!(
                GetData::from_apdu(&apdu(hex)).unwrap_err().offset(),
                offset,
                "{hex}"
            );
        }
    }

    proptest! {
        #[test]
        fn round_trips(tag: u16, data in any_bytes(0..40), iso: bool) {
            let command = GetData { tag, data, iso };
            assert_round_trips(&command, GetData::to_apdu, GetData::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, GetData::from_apdu);
        }
    }
}
