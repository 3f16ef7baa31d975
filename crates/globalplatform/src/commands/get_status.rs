//! GET STATUS (G 11.4).

mod paging;

use alloc::vec::Vec;

pub use paging::{RegistryReading, RegistryReadingError};

use super::header::{self, INVALID_P1, INVALID_P2, Origin};
use crate::{
    aid::Aid,
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::DecodeError,
    registry::{self, RegistryEntry},
    tlv::{DataObject, Once, Reader, Tag, Writer},
};

/// Instruction byte.
pub const INS: u8 = 0xF2;

/// P2 b2: the response consists of E3 data objects.
const TLV_FORMAT: u8 = 0x02;
/// P2 b1: the next entries.
const NEXT: u8 = 0x01;
const TAG_LIST: Tag = Tag(0x5C);

/// Which part of the registry is read (G Table 11-33).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// The issuer security domain alone.
    IssuerSecurityDomain = 0x80,
    /// Applications and supplementary security domains.
    Applications = 0x40,
    /// Load files.
    LoadFiles = 0x20,
    /// Load files and their modules.
    LoadFilesAndModules = 0x10,
}

impl Scope {
    fn from_p1(p1: u8) -> Result<Self, DecodeError> {
        match p1 {
            0x80 => Ok(Self::IssuerSecurityDomain),
            0x40 => Ok(Self::Applications),
            0x20 => Ok(Self::LoadFiles),
            0x10 => Ok(Self::LoadFilesAndModules),
            _ => Err(INVALID_P1),
        }
    }
}

/// Reads entries of the registry.
///
/// ```
/// use globalplatform::commands::get_status::{GetStatus, Scope};
///
/// let all = GetStatus::all(Scope::Applications).to_apdu();
/// assert_eq!(all.encode()?, [0x80, 0xF2, 0x40, 0x02, 0x02, 0x4F, 0x00, 0x00]);
/// # Ok::<(), globalplatform::error::EncodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetStatus {
    /// Which part of the registry.
    pub scope: Scope,
    /// The entries after those that came with 6310 before.
    pub next: bool,
    /// The AID or its beginning, at most 16 bytes; empty for all.
    pub criteria: Vec<u8>,
    /// Further search criteria: data objects that an entry must have. A card ignores those that it does not know.
    pub further: Vec<DataObject>,
    /// The tags that each entry should have; empty leaves that to the card.
    pub tag_list: Vec<Tag>,
}

impl GetStatus {
    /// The first entries of all in this part of the registry.
    #[must_use]
    pub const fn all(scope: Scope) -> Self {
        Self {
            scope,
            next: false,
            criteria: Vec::new(),
            further: Vec::new(),
            tag_list: Vec::new(),
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let data = write_criteria(registry::AID, &self.criteria, &self.further, &self.tag_list);
        let next = if self.next { NEXT } else { 0 };
        CommandApdu::new(0x80, INS, self.scope as u8, TLV_FORMAT | next)
            .with_data(data)
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command; nothing may come twice.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command; the obsolete response format (P2 b2
    /// not set) is an invalid P2.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        header::expect(apdu, Origin::GlobalPlatform, INS)?;
        let scope = Scope::from_p1(apdu.p1)?;
        if apdu.p2 & !NEXT != TLV_FORMAT {
            return Err(INVALID_P2);
        }
        let Criteria {
            aid: criteria,
            further,
            tag_list,
        } = read_criteria(apdu.reader(), registry::AID)?;
        Ok(Self {
            scope,
            next: apdu.p2 & NEXT != 0,
            criteria,
            further,
            tag_list,
        })
    }
}

/// What a data field searches for, and what it wants to see of it.
pub(crate) struct Criteria {
    pub(crate) aid: Vec<u8>,
    pub(crate) further: Vec<DataObject>,
    pub(crate) tag_list: Vec<Tag>,
}

/// Writes search criteria and tag list.
pub(crate) fn write_criteria(
    tag: Tag,
    aid: &[u8],
    further: &[DataObject],
    tag_list: &[Tag],
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.tlv(tag, aid);
    for criterion in further {
        writer.tlv(criterion.tag, &criterion.value);
    }
    writer.nested_if_any(TAG_LIST, |list| {
        tag_list.iter().for_each(|tag| list.tag(*tag));
    });
    writer.into_vec()
}

/// Reads search criteria and tag list; none may come twice.
pub(crate) fn read_criteria(mut reader: Reader<'_>, tag: Tag) -> Result<Criteria, DecodeError> {
    let aid = reader.expect(tag)?;
    if aid.value.len() > Aid::MAX_LENGTH {
        return Err(DecodeError::InvalidLength {
            offset: aid.value_offset,
        });
    }
    let mut once = Once::default();
    once.note(&aid)?;
    let mut criteria = Criteria {
        aid: aid.value.to_vec(),
        further: Vec::new(),
        tag_list: Vec::new(),
    };
    for tlv in reader.tlvs() {
        let tlv = tlv?;
        once.note(&tlv)?;
        if tlv.tag != TAG_LIST {
            criteria.further.push(DataObject::new(tlv.tag, tlv.value));
            continue;
        }
        let mut tags = tlv.reader();
        while !tags.is_empty() {
            criteria.tag_list.push(tags.tag()?);
        }
    }
    Ok(criteria)
}

/// The entries in one response; the status word 6310 says that there are more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetStatusResponse {
    /// The entries, in the card's order.
    pub entries: Vec<RegistryEntry>,
}

impl GetStatusResponse {
    /// The data field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.entries
            .iter()
            .flat_map(RegistryEntry::encode)
            .collect()
    }

    /// Decodes the data field.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the data field.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        RegistryEntry::decode_list(data).map(|entries| Self { entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{
        any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips, bytes,
    };
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn encodes_and_decodes_examples() {
        let command = GetStatus {
            scope: Scope::LoadFilesAndModules,
            next: true,
            criteria: bytes("A000000151"),
            further: vec![DataObject::new(Tag(0xCE), &[1, 2][..])],
            tag_list: vec![Tag(0x4F), Tag(0x9F70), Tag(0xCC)],
        };
        assert_encodes(
            &command.to_apdu(),
            "80F2100311 4F05A000000151 CE020102 5C044F9F70CC 00",
        );
        assert_eq!(
            GetStatus::from_apdu(&apdu("84F2800202 4F00")),
            Ok(GetStatus::all(Scope::IssuerSecurityDomain))
        );
    }

    #[test]
    fn a_response_is_one_entry_after_the_other() {
        let data = bytes("E30B4F05A0000001519F70010F E30C4F05A0000001529F70020700");
        let response = GetStatusResponse::decode(&data).unwrap();
        let states: Vec<_> = response
            .entries
            .iter()
            .map(|entry| entry.life_cycle)
            .collect();
        assert_eq!(states, [0x0F, 0x07]);
        assert_eq!(response.encode(), data);
        assert_eq!(GetStatusResponse::default().encode(), []);
        assert_eq!(
            GetStatusResponse::decode(&data[..13])
                .unwrap()
                .entries
                .len(),
            1
        );
        assert_eq!(
            GetStatusResponse::decode(&data[1..]).unwrap_err().offset(),
            0
        );
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00F24002024F00", 0),
            ("80F0400202 4F00", 1),
            ("80F2C00202 4F00", 2),
            ("80F2400002 4F00", 3),
            ("80F2400602 4F00", 3),
            ("80F2400200", 5),
            ("80F2400202 5C00", 5),
            ("80F2400203 4F0500", 8),
            ("80F2400206 4F005C029F9F", 11),
            ("80F2400204 4F004F00", 7),
            ("80F2400208 4F00C500C500 4F00", 9),
            ("80F240020A 4F005C014F5C01C5C500", 10),
            ("80F2400213 4F110000000000000000000000000000000000", 7),
        ] {
            let error = GetStatus::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(
            scope in prop_oneof![
                Just(Scope::IssuerSecurityDomain), Just(Scope::Applications),
                Just(Scope::LoadFiles), Just(Scope::LoadFilesAndModules)],
            next: bool,
            criteria in any_bytes(0..=16),
            state in proptest::option::of(any::<u8>()),
            tag_list in proptest::collection::vec(
                prop_oneof![Just(0x4Fu32), Just(0x9F70), Just(0xC5), Just(0xCC)].prop_map(Tag), 0..70),
        ) {
            let further = state.map(|state| DataObject::new(Tag(0x9F70), &[state][..]));
            let further = further.into_iter().collect();
            let command = GetStatus { scope, next, criteria, further, tag_list };
            assert_round_trips(&command, GetStatus::to_apdu, GetStatus::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, GetStatus::from_apdu);
        }
    }
}
