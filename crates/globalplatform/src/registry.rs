//! Entries of the card's registry as GET STATUS returns them (G 11.4.3, Tables 11-36 and 11-37).

use alloc::vec::Vec;

use crate::{
    aid::Aid,
    error::DecodeError,
    privileges::Privileges,
    tlv::{self, DataObject, Once, Reader, Tag, Tlv, Writer},
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

/// What an entry has once; the last of several would win otherwise.
const ONCE: [Tag; 6] = [
    AID,
    LIFE_CYCLE,
    PRIVILEGES,
    LOAD_FILE,
    VERSION,
    SECURITY_DOMAIN,
];

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
    /// The second byte of the life cycle state, which cards with contactless services have: the
    /// activation state on the contactless interface (Amendment C 3.11.2.2).
    pub activation: Option<u8>,
    /// Privileges; load files have none.
    pub privileges: Option<Privileges>,
    /// The load file from which an application comes.
    pub load_file: Option<Aid>,
    /// The associated security domain.
    pub security_domain: Option<Aid>,
    /// Major and minor version of a Java Card load file; a version of another form is in `other`.
    pub version: Option<(u8, u8)>,
    /// Modules of a load file.
    pub modules: Vec<Aid>,
    /// Implicit selection parameters: 80 contactless, 40 contact, low five bits channel.
    pub implicit_selection: Vec<u8>,
    /// Other data objects: EA with UICC parameters on real cards, for example.
    pub other: Vec<DataObject>,
}

impl RegistryEntry {
    /// An entry with nothing but its AID and life cycle state.
    #[must_use]
    pub const fn new(aid: Aid, life_cycle: u8) -> Self {
        Self {
            aid,
            life_cycle,
            activation: None,
            privileges: None,
            load_file: None,
            security_domain: None,
            version: None,
            modules: Vec::new(),
            implicit_selection: Vec::new(),
            other: Vec::new(),
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
            match self.activation {
                Some(activation) => put(LIFE_CYCLE, &[self.life_cycle, activation]),
                None => put(LIFE_CYCLE, &[self.life_cycle]),
            }
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
            for object in &self.other {
                put(object.tag, &object.value);
            }
        });
        writer.into_vec()
    }

    /// Whether a data object of this entry begins with the value of `criterion` and has its tag.
    #[must_use]
    pub fn matches(&self, criterion: &DataObject) -> bool {
        let encoded = self.encode_selected(|tag| tag == criterion.tag);
        let objects = tlv::find(&encoded, ENTRY)
            .ok()
            .flatten()
            .unwrap_or_default();
        let mut objects = Reader::new(objects).tlvs();
        objects.any(|object| object.is_ok_and(|object| object.value.starts_with(&criterion.value)))
    }

    /// Decodes the data of GET STATUS: any number of E3. Of a life cycle field of more than two bytes the
    /// rest is dropped.
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
        let mut once = Once::default();
        for tlv in entry.reader().tlvs() {
            let tlv = tlv?;
            if ONCE.contains(&tlv.tag) {
                once.note(&tlv)?;
            }
            match tlv.tag {
                AID => aid = Some(decode_aid(&tlv)?),
                LIFE_CYCLE => {
                    life_cycle = Some(first_byte(&tlv)?);
                    rest.activation = tlv.value.get(1).copied();
                }
                PRIVILEGES => {
                    rest.privileges = Some(Privileges::decode(tlv.value, tlv.value_offset)?);
                }
                IMPLICIT_SELECTION => rest.implicit_selection.push(first_byte(&tlv)?),
                LOAD_FILE => rest.load_file = Some(decode_aid(&tlv)?),
                VERSION if tlv.value.len() == 2 => {
                    rest.version = tlv.array().map(|[major, minor]| Some((major, minor)))?;
                }
                MODULE => rest.modules.push(decode_aid(&tlv)?),
                SECURITY_DOMAIN => rest.security_domain = Some(decode_aid(&tlv)?),
                tag => rest.other.push(DataObject::new(tag, tlv.value)),
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
        assert_eq!(entries[0].activation, Some(0x00));
        assert_eq!(entries[0].privileges, Some(Privileges([0x80, 0x80, 0])));
        assert_eq!(
            entries[0].other,
            [DataObject::new(Tag(0xEA), [0x80, 1, 0xFF])]
        );
    }

    #[test]
    fn encodes_every_tag_and_keeps_unknown_ones() {
        let hex = "E33A4F05A0000001519F70020701C503800000CF0180CF0141C405A000000152CE020102\
            8405A0000001538405A000000154CC05A000000155EA0107";
        let entries = decode(hex).unwrap();
        let bytes = entries[0].encode();
        assert_eq!(hex::encode_upper(bytes), hex);
        assert_eq!(entries[0].version, Some((1, 2)));
        assert_eq!(entries[0].implicit_selection, [0x80, 0x41]);
        let odd = decode("E30F4F05A0000001519F700101CE020304").unwrap();
        assert_eq!((odd[0].version, odd[0].activation), (Some((3, 4)), None));
        let long = decode("E30E4F05A0000001519F700101CE0105").unwrap();
        assert_eq!(long[0].version, None);
        assert_eq!(long[0].other, [DataObject::new(VERSION, [5])]);
    }

    /// What a real card returned, from the tests of kaoh/globalplatform (second to fourth entry).
    #[test]
    fn decodes_a_list_of_a_real_card() {
        let hex = "E3304F08D2760005AA3F01009F700107C50104C40BD2760005AAFFCAFE0002000000";
        assert!(decode(hex).is_err(), "cut off");
        let hex = "E3444F10A0000005591010FFFFFFFF89000001009F700107C50100\
            C410D2760001180100FF49102589C0028000CC10A0000005591010FFFFFFFF8900000200EA058003018000";
        let entries = decode(hex).unwrap();
        assert_eq!(entries[0].privileges, Some(Privileges::NONE));
        assert_eq!(entries[0].other[0].value, [0x80, 3, 1, 0x80, 0]);
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
        use DecodeError::{InvalidLength, InvalidValue, MissingField, Truncated, UnexpectedTag};
        let repeated = |offset| InvalidValue {
            offset,
            field: "repeated data object",
        };
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
            ("E3124F05A0000001519F7001014F05A000000152", repeated(13)),
            ("E308CE020100CE020100", repeated(6)),
            ("E30F4F05A0000001519F7001019F700103", repeated(13)),
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
                    activation: implicit_selection.first().copied(),
                    other: Vec::new(),
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
