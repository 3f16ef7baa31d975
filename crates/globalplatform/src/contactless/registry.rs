//! Entries of the contactless registry (C Tables 3-9 and 3-15): a series of 61.

use alloc::vec::Vec;

use crate::{
    aid::Aid,
    error::DecodeError,
    tlv::{DataObject, Reader, Tag, Tlv, Writer},
};

const ENTRY: Tag = Tag(0x61);
pub(super) const AID: Tag = Tag(0x4F);
const STATE: Tag = Tag(0x9F70);
const UPDATE_COUNTER: Tag = Tag(0x80);
const PRIORITY: Tag = Tag(0x81);
const GROUP_HEAD: Tag = Tag(0xA2);
const GROUP_MEMBERS: Tag = Tag(0xA3);
const LISTENERS: Tag = Tag(0xA4);

/// Whether an application can be used over the contactless interface (C Table 8-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContactlessState {
    /// DEACTIVATED.
    Deactivated = 0x00,
    /// ACTIVATED.
    Activated = 0x01,
    /// NON_ACTIVATABLE: the application does not want to be activated.
    NonActivatable = 0x80,
}

impl ContactlessState {
    /// The state that this byte means.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x00 => Self::Deactivated,
            0x01 => Self::Activated,
            0x80 => Self::NonActivatable,
            _ => return None,
        })
    }
}

/// What the contactless registry says about an application.
///
/// A tag list leaves data out, so that every field but the AID may be absent.
///
/// ```
/// use globalplatform::contactless::{ContactlessEntry, ContactlessState};
///
/// let data = hex::decode("610C4F05A0000001519F70020701")?;
/// let entries = ContactlessEntry::decode_list(&data)?;
/// assert_eq!(entries[0].life_cycle, Some(0x07));
/// assert_eq!(entries[0].contactless_state(), Some(ContactlessState::Activated));
/// assert_eq!(entries[0].encode(), data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactlessEntry {
    /// The application (4F); absent for the platform (OPEN) itself.
    pub aid: Option<Aid>,
    /// Its life cycle state: first byte of 9F70 ([`crate::life_cycle::ApplicationLifeCycle`]).
    pub life_cycle: Option<u8>,
    /// Its state on the contactless interface: second byte of 9F70.
    pub activation: Option<u8>,
    /// Changes with every update of the entry, cyclically (80).
    pub update_counter: Option<u16>,
    /// Its place in the selection by the reader; 0 is the first (81).
    pub priority: Option<u8>,
    /// The head of the group that it belongs to (A2).
    pub group_head: Option<Aid>,
    /// The members of the group that it heads (A3).
    pub group_members: Vec<Aid>,
    /// Applications that hear of changes (A4).
    pub listeners: Vec<Aid>,
    /// Other data objects: display control, protocol data and more.
    pub other: Vec<DataObject>,
}

impl ContactlessEntry {
    /// The state on the contactless interface, if it is one that the table names.
    #[must_use]
    pub fn contactless_state(&self) -> Option<ContactlessState> {
        self.activation.and_then(ContactlessState::from_byte)
    }

    /// The 61 data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(ENTRY, |entry| {
            entry.optional(AID, self.aid);
            if let Some((life_cycle, activation)) = self.life_cycle.zip(self.activation) {
                entry.tlv(STATE, &[life_cycle, activation]);
            }
            entry.optional(UPDATE_COUNTER, self.update_counter.map(u16::to_be_bytes));
            entry.optional(PRIORITY, self.priority.map(|priority| [priority]));
            let mut list = |tag, aids: &[Aid]| {
                entry.nested_if_any(tag, |inner| write_aids(inner, aids));
            };
            list(GROUP_HEAD, self.group_head.as_slice());
            list(GROUP_MEMBERS, &self.group_members);
            list(LISTENERS, &self.listeners);
            entry.objects(&self.other);
        });
        writer.into_vec()
    }

    /// Decodes the data of GET STATUS (all pages joined): any number of 61.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`.
    pub fn decode_list(data: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut reader = Reader::new(data);
        let mut entries = Vec::new();
        while !reader.is_empty() {
            let mut entry = Self::default();
            for tlv in reader.expect(ENTRY)?.reader().tlvs() {
                entry.take(&tlv?)?;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn take(&mut self, tlv: &Tlv<'_>) -> Result<(), DecodeError> {
        match tlv.tag {
            AID => self.aid = Some(Aid::decode(tlv.value, tlv.value_offset)?),
            STATE => {
                let [life_cycle, activation] = tlv.array()?;
                (self.life_cycle, self.activation) = (Some(life_cycle), Some(activation));
            }
            UPDATE_COUNTER => self.update_counter = Some(tlv.array().map(u16::from_be_bytes)?),
            PRIORITY => self.priority = Some(tlv.array().map(|[priority]| priority)?),
            GROUP_HEAD => {
                let [head] = read_aids(tlv.reader())?[..] else {
                    return Err(DecodeError::InvalidLength {
                        offset: tlv.value_offset,
                    });
                };
                self.group_head = Some(head);
            }
            GROUP_MEMBERS => self.group_members = read_aids(tlv.reader())?,
            LISTENERS => self.listeners = read_aids(tlv.reader())?,
            tag => self.other.push(DataObject::new(tag, tlv.value)),
        }
        Ok(())
    }
}

/// Writes a list of AIDs: one 4F each (C Table 3-10).
pub(super) fn write_aids(writer: &mut Writer, aids: &[Aid]) {
    for aid in aids {
        writer.tlv(AID, aid.as_bytes());
    }
}

/// Reads a list of AIDs to the end of the input.
pub(super) fn read_aids(mut reader: Reader<'_>) -> Result<Vec<Aid>, DecodeError> {
    let mut aids = Vec::new();
    while !reader.is_empty() {
        let tlv = reader.expect(AID)?;
        aids.push(Aid::decode(tlv.value, tlv.value_offset)?);
    }
    Ok(aids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_bytes, bytes};
    use proptest::{collection::vec, option::of, prelude::*};

    #[test]
    fn encodes_and_decodes_every_tag() {
        let (a, b) = ("A000000151".parse().unwrap(), "A000000152".parse().unwrap());
        let entry = ContactlessEntry {
            aid: Some(a),
            life_cycle: Some(0x87),
            activation: Some(0x80),
            update_counter: Some(0x0102),
            priority: Some(3),
            group_head: Some(b),
            group_members: [a, b].into(),
            listeners: [b].into(),
            other: [DataObject::new(Tag(0x88), [0])].into(),
        };
        let hex = "6138 4F05A000000151 9F70028780 80020102 810103 A2074F05A000000152 \
            A30E4F05A0000001514F05A000000152 A4074F05A000000152 880100";
        assert_eq!(entry.encode(), bytes(hex));
        assert_eq!(
            entry.contactless_state(),
            Some(ContactlessState::NonActivatable)
        );
        assert_eq!(
            ContactlessEntry::decode_list(&bytes(hex)),
            Ok([entry].into())
        );
        assert_eq!(
            ContactlessState::from_byte(0),
            Some(ContactlessState::Deactivated)
        );
        assert_eq!(ContactlessState::from_byte(2), None);
    }

    #[test]
    fn refuses_malformed_entries_with_offsets() {
        for (hex, offset) in [
            ("E300", 0),
            ("61014F", 3),
            ("6106 4F04A0000001", 4),
            ("6104 9F700107", 5),
            ("6103 800107", 4),
            ("6104 81020000", 4),
            ("6102 A200", 4),
            ("6110 A20E4F05A0000001514F05A000000152", 4),
            ("6104 A3025000", 4),
            ("6108 A4064F04A0000001", 6),
        ] {
            let error = ContactlessEntry::decode_list(&bytes(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(aid in of(any_aid()), state: Option<(u8, u8)>, update_counter: Option<u16>,
            priority: Option<u8>, group_head in of(any_aid()),
            group_members in vec(any_aid(), 0..3), listeners in vec(any_aid(), 0..3)) {
            let entry = ContactlessEntry {
                aid, life_cycle: state.map(|state| state.0), activation: state.map(|state| state.1),
                update_counter, priority, group_head, group_members, listeners, other: Vec::new(),
            };
            prop_assert_eq!(ContactlessEntry::decode_list(&entry.encode()), Ok([entry].into()));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            if let Err(error) = ContactlessEntry::decode_list(&data) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
