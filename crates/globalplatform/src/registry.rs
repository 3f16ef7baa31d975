//! Entries of the card's registry as GET STATUS returns them (G 11.4.3, Tables 11-36 and 11-37).

use alloc::vec::Vec;

use crate::{
    aid::Aid,
    error::DecodeError,
    privileges::Privileges,
    tlv::{Reader, Tag, Tlv, Writer},
};

/// One entry: E3.
pub const ENTRY: Tag = Tag(0xE3);
/// AID of the entry.
pub const AID: Tag = Tag(0x4F);
/// Life cycle state.
pub const LIFE_CYCLE: Tag = Tag(0x9F70);
/// Privileges.
pub const PRIVILEGES: Tag = Tag(0xC5);
/// Implicit selection parameter, one per data object.
pub const IMPLICIT_SELECTION: Tag = Tag(0xCF);
/// Load file from which an application comes.
pub const LOAD_FILE: Tag = Tag(0xC4);
/// Associated security domain.
pub const SECURITY_DOMAIN: Tag = Tag(0xCC);
/// Version of a load file.
pub const VERSION: Tag = Tag(0xCE);
/// Module of a load file, one per data object.
pub const MODULE: Tag = Tag(0x84);

/// What the registry says about an application, security domain or load file.
///
/// Without a tag list a card returns AID, life cycle, privileges (applications) and modules (load
/// files with modules); the other fields are absent then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEntry {
    /// AID of the entry.
    pub aid: Aid,
    /// The life cycle state; its meaning depends on the kind of entry ([`crate::life_cycle`]).
    pub life_cycle: u8,
    /// Privileges; load files have none.
    pub privileges: Option<Privileges>,
    /// The load file from which an application comes.
    pub load_file: Option<Aid>,
    /// The associated security domain.
    pub security_domain: Option<Aid>,
    /// Major and minor version of a load file.
    pub version: Option<(u8, u8)>,
    /// Modules of a load file.
    pub modules: Vec<Aid>,
    /// Implicit selection parameters: 80 contactless, 40 contact, low five bits channel.
    pub implicit_selection: Vec<u8>,
}

impl RegistryEntry {
    /// An entry with nothing but its AID and life cycle state.
    #[must_use]
    pub const fn new(aid: Aid, life_cycle: u8) -> Self {
        Self {
            aid,
            life_cycle,
            privileges: None,
            load_file: None,
            security_domain: None,
            version: None,
            modules: Vec::new(),
            implicit_selection: Vec::new(),
        }
    }

    /// The E3 data object with everything that is known.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_selected(|_| true)
    }

    /// The E3 data object with the data that `wanted` wants (a tag list, for example).
    pub fn encode_selected(&self, wanted: impl Fn(Tag) -> bool) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(ENTRY, |entry| {
            let mut put = |tag, value: &[u8]| {
                if wanted(tag) {
                    entry.tlv(tag, value);
                }
            };
            put(AID, self.aid.as_bytes());
            put(LIFE_CYCLE, &[self.life_cycle]);
            if let Some(privileges) = self.privileges {
                put(PRIVILEGES, &privileges.to_bytes());
            }
            for parameter in &self.implicit_selection {
                put(IMPLICIT_SELECTION, &[*parameter]);
            }
            if let Some(aid) = &self.load_file {
                put(LOAD_FILE, aid.as_bytes());
            }
            if let Some((major, minor)) = self.version {
                put(VERSION, &[major, minor]);
            }
            for module in &self.modules {
                put(MODULE, module.as_bytes());
            }
            if let Some(aid) = &self.security_domain {
                put(SECURITY_DOMAIN, aid.as_bytes());
            }
        });
        writer.into_vec()
    }

    /// Decodes the data of GET STATUS: any number of E3. Unknown data objects inside an entry are
    /// skipped, and of a longer life cycle field (real cards return two bytes) the first byte counts.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`.
    pub fn decode_list(data: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut reader = Reader::new(data);
        let mut entries = Vec::new();
        while !reader.is_empty() {
            entries.push(Self::decode_entry(&reader.expect(ENTRY)?)?);
        }
        Ok(entries)
    }

    fn decode_entry(entry: &Tlv<'_>) -> Result<Self, DecodeError> {
        let end = entry.value_offset + entry.value.len();
        let missing = |field| DecodeError::MissingField { offset: end, field };
        let (mut aid, mut life_cycle) = (None, None);
        // The two mandatory fields are put in at the end; until then any AID will do.
        let mut rest = Self::new(Aid::from_slice_const(&[0; 5]), 0);
        for tlv in entry.reader().tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                AID => aid = Some(decode_aid(&tlv)?),
                LIFE_CYCLE => life_cycle = Some(first_byte(&tlv)?),
                PRIVILEGES => {
                    rest.privileges = Some(Privileges::decode(tlv.value, tlv.value_offset)?);
                }
                IMPLICIT_SELECTION => rest.implicit_selection.push(first_byte(&tlv)?),
                LOAD_FILE => rest.load_file = Some(decode_aid(&tlv)?),
                VERSION => {
                    let [major, minor] = tlv.array()?;
                    rest.version = Some((major, minor));
                }
                MODULE => rest.modules.push(decode_aid(&tlv)?),
                SECURITY_DOMAIN => rest.security_domain = Some(decode_aid(&tlv)?),
                _ => {}
            }
        }
        Ok(Self {
            aid: aid.ok_or_else(|| missing("AID"))?,
            life_cycle: life_cycle.ok_or_else(|| missing("life cycle state"))?,
            ..rest
        })
    }
}

fn decode_aid(tlv: &Tlv<'_>) -> Result<Aid, DecodeError> {
    Aid::decode(tlv.value, tlv.value_offset)
}

fn first_byte(tlv: &Tlv<'_>) -> Result<u8, DecodeError> {
    tlv.reader().u8().map_err(|_| DecodeError::InvalidLength {
        offset: tlv.value_offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn decode(hex: &str) -> Result<Vec<RegistryEntry>, DecodeError> {
        RegistryEntry::decode_list(&hex::decode(hex).unwrap())
    }

    #[test]
    fn decodes_an_application_as_real_cards_return_it() {
        // Two-byte life cycle, an unknown EA, one-byte privileges.
        let hex = "E3164F07A00000015153509F70020700C50180EA038001FF";
        let entries = decode(hex).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].aid.to_string(), "A0000001515350");
        assert_eq!(entries[0].life_cycle, 0x07);
        assert_eq!(entries[0].privileges, Some(Privileges([0x80, 0x80, 0])));
    }

    #[test]
    fn encodes_what_the_tag_list_asks_for() {
        let entry = RegistryEntry {
            security_domain: Some(Aid::from_slice_const(&[1; 5])),
            ..RegistryEntry::new(Aid::from_slice_const(&[2; 5]), 7)
        };
        let bytes = entry.encode_selected(|tag| [AID, SECURITY_DOMAIN].contains(&tag));
        assert_eq!(hex::encode_upper(bytes), "E30E4F050202020202CC050101010101");
    }

    #[test]
    fn refuses_malformed_entries_with_offsets() {
        use DecodeError::{InvalidLength, MissingField, Truncated, UnexpectedTag};
        for (hex, error) in [
            (
                "E2004F",
                UnexpectedTag {
                    offset: 0,
                    expected: 0xE3,
                    found: 0xE2,
                },
            ),
            (
                "E3059F700107",
                Truncated {
                    offset: 6,
                    needed: 1,
                },
            ),
            (
                "E3049F700107",
                MissingField {
                    offset: 6,
                    field: "AID",
                },
            ),
            ("E3064F04A0000001", InvalidLength { offset: 4 }),
            (
                "E3034F05A0",
                Truncated {
                    offset: 5,
                    needed: 4,
                },
            ),
            (
                "E3074F05A000000151",
                MissingField {
                    offset: 9,
                    field: "life cycle state",
                },
            ),
            ("E30A4F05A0000001519F7000", InvalidLength { offset: 12 }),
            ("E304C5020000", InvalidLength { offset: 4 }),
            ("E303CE0101", InvalidLength { offset: 4 }),
        ] {
            assert_eq!(decode(hex), Err(error), "{hex}");
        }
    }

    fn aid() -> impl Strategy<Value = Aid> {
        proptest::collection::vec(any::<u8>(), 5..=16).prop_map(|b| Aid::new(&b).unwrap())
    }

    fn entry() -> impl Strategy<Value = RegistryEntry> {
        use proptest::{collection::vec, option::of};
        (
            (aid(), any::<u8>(), of(any::<[u8; 3]>()), of(aid())),
            (
                of(aid()),
                of(any::<(u8, u8)>()),
                vec(aid(), 0..9),
                vec(any::<u8>(), 0..3),
            ),
        )
            .prop_map(|((aid, life_cycle, privileges, load_file), rest)| {
                let (security_domain, version, modules, implicit_selection) = rest;
                RegistryEntry {
                    aid,
                    life_cycle,
                    privileges: privileges.map(Privileges),
                    load_file,
                    security_domain,
                    version,
                    modules,
                    implicit_selection,
                }
            })
    }

    proptest! {
        #[test]
        fn round_trips(entries in proptest::collection::vec(entry(), 0..4)) {
            let bytes: Vec<u8> = entries.iter().flat_map(RegistryEntry::encode).collect();
            prop_assert_eq!(RegistryEntry::decode_list(&bytes).unwrap(), entries);
        }

        #[test]
        fn any_bytes_decode_or_fail_inside_the_input(
            bytes in proptest::collection::vec(any::<u8>(), 0..60), wrap: bool) {
            let mut writer = Writer::new();
            if wrap { writer.tlv(ENTRY, &bytes) } else { writer.bytes(&bytes) }
            let bytes = writer.into_vec();
            if let Err(error) = RegistryEntry::decode_list(&bytes) {
                prop_assert!(error.offset() <= bytes.len());
            }
        }
    }
}
