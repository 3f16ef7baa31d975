//! DELETE (G 11.2): applications, load files and keys.

use alloc::vec::Vec;

use super::{
    control_reference::{self, ControlReference},
    header::{self, INVALID_P2, Origin},
};
use crate::{
    aid::Aid,
    apdu::{CommandApdu, MAX_SHORT_LE},
    error::DecodeError,
    tlv::{Reader, Tag, Tlv, Writer},
};

/// Instruction byte.
pub const INS: u8 = 0xE4;

/// P2 b8: the load file and everything installed from it.
const RELATED: u8 = 0x80;
const AID: Tag = Tag(0x4F);
const TOKEN: Tag = Tag(0x9E);
const KEY_ID: Tag = Tag(0xD0);
const KEY_VERSION: Tag = Tag(0xD2);

/// Deletes an application, a security domain or a load file. The response is a
/// [`ManagementResponse`](super::confirmation::ManagementResponse).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// What goes.
    pub aid: Aid,
    /// Whether everything installed from a load file goes with it.
    pub related: bool,
    /// Whose token it is.
    pub control_reference: Option<ControlReference>,
    /// The token of Delegated Management.
    pub token: Option<Vec<u8>>,
}

/// Deletes keys of the selected security domain: one, or all with an identifier or a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteKey {
    /// Key identifier; `None` for all.
    pub id: Option<u8>,
    /// Key version; `None` for all. One of the two must be there.
    pub version: Option<u8>,
}

/// Either form of DELETE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// Card content.
    Content(Delete),
    /// Keys.
    Key(DeleteKey),
}

impl Delete {
    /// Deletes without a token; `related` takes what was installed from a load file along.
    #[must_use]
    pub const fn new(aid: Aid, related: bool) -> Self {
        Self {
            aid,
            related,
            control_reference: None,
            token: None,
        }
    }

    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let mut writer = Writer::new();
        writer.tlv(AID, self.aid.as_bytes());
        if let Some(reference) = &self.control_reference {
            reference.write(&mut writer);
        }
        writer.optional(TOKEN, self.token.as_ref());
        let p2 = if self.related { RELATED } else { 0 };
        CommandApdu::new(0x80, INS, 0x00, p2)
            .with_data(writer.into_vec())
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command, also for the other form of DELETE.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        expect_header(apdu)?;
        let mut reader = apdu.reader();
        let aid = reader.expect(AID)?;
        let control_reference = reader
            .optional(control_reference::TAG)?
            .map(|tlv| ControlReference::read(&tlv))
            .transpose()?;
        let token = reader.optional(TOKEN)?.map(|tlv| tlv.value.to_vec());
        reader.finish()?;
        Ok(Self {
            aid: Aid::decode(aid.value, aid.value_offset)?,
            related: apdu.p2 == RELATED,
            control_reference,
            token,
        })
    }
}

impl DeleteKey {
    /// The command.
    #[must_use]
    pub fn to_apdu(&self) -> CommandApdu {
        let mut writer = Writer::new();
        writer.optional(KEY_ID, self.id.map(|id| [id]));
        writer.optional(KEY_VERSION, self.version.map(|version| [version]));
        CommandApdu::new(0x80, INS, 0x00, 0x00)
            .with_data(writer.into_vec())
            .with_le(MAX_SHORT_LE)
    }

    /// Decodes the command.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command, also for the other form of DELETE.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        expect_header(apdu)?;
        header::expect_p2(apdu, 0x00)?;
        let mut reader = apdu.reader();
        let id = optional_byte(&mut reader, KEY_ID)?;
        let version = if id.is_some() {
            optional_byte(&mut reader, KEY_VERSION)?
        } else {
            Some(one_byte(&reader.expect(KEY_VERSION)?)?)
        };
        reader.finish()?;
        Ok(Self { id, version })
    }
}

impl Deletion {
    /// Decodes the command; the first data object tells the form.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the encoded command.
    pub fn from_apdu(apdu: &CommandApdu) -> Result<Self, DecodeError> {
        expect_header(apdu)?;
        match apdu.reader().tag()? {
            KEY_ID | KEY_VERSION => DeleteKey::from_apdu(apdu).map(Self::Key),
            _ => Delete::from_apdu(apdu).map(Self::Content),
        }
    }
}

fn expect_header(apdu: &CommandApdu) -> Result<(), DecodeError> {
    header::expect(apdu, Origin::GlobalPlatform, INS)?;
    header::expect_p1(apdu, 0x00)?;
    match apdu.p2 {
        0 | RELATED => Ok(()),
        _ => Err(INVALID_P2),
    }
}

fn optional_byte(reader: &mut Reader<'_>, tag: Tag) -> Result<Option<u8>, DecodeError> {
    reader.optional(tag)?.map(|tlv| one_byte(&tlv)).transpose()
}

fn one_byte(tlv: &Tlv<'_>) -> Result<u8, DecodeError> {
    tlv.array().map(|[byte]| byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        control_reference::tests::any_reference,
        testing::{
            any_aid, any_apdu, any_bytes, apdu, assert_encodes, assert_no_panic, assert_round_trips,
        },
    };
    use proptest::{option::of, prelude::*};

    #[test]
    fn encodes_examples() {
        let aid = "D4D4D4D4D4".parse().unwrap();
        assert_encodes(
            &Delete::new(aid, true).to_apdu(),
            "80E40080 07 4F05D4D4D4D4D4 00",
        );
        let key = DeleteKey {
            id: None,
            version: Some(0x30),
        };
        assert_encodes(&key.to_apdu(), "80E40000 03 D20130 00");
    }

    #[test]
    fn tells_the_two_forms_apart() {
        let key = Deletion::from_apdu(&apdu("80E40000 06 D00101D20130")).unwrap();
        assert_eq!(
            key,
            Deletion::Key(DeleteKey {
                id: Some(1),
                version: Some(0x30)
            })
        );
        let content = Deletion::from_apdu(&apdu("84E40000 07 4F05D4D4D4D4D4 00")).unwrap();
        assert!(matches!(
            content,
            Deletion::Content(Delete { related: false, .. })
        ));
    }

    #[test]
    fn refuses_malformed_commands_with_offsets() {
        for (hex, offset) in [
            ("00E40000 07 4F05D4D4D4D4D4", 0),
            ("80E60000 07 4F05D4D4D4D4D4", 1),
            ("80E48000 07 4F05D4D4D4D4D4", 2),
            ("80E40040 07 4F05D4D4D4D4D4", 3),
            ("80E40080 03 D20130", 3),
            ("80E40000", 5),
            ("80E40000 06 4F04D4D4D4D4", 7),
            ("80E40000 04 D00101D2", 9),
            ("80E40000 04 D2020101", 7),
            ("80E40000 09 4F05D4D4D4D4D4 C100", 12),
            ("80E40000 06 D20130D00101", 8),
        ] {
            let error = Deletion::from_apdu(&apdu(hex)).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(aid in any_aid(), related: bool, control_reference in of(any_reference()),
            token in of(any_bytes(0..200))) {
            let command = Delete { aid, related, control_reference, token };
            assert_round_trips(&command, Delete::to_apdu, Delete::from_apdu);
        }

        #[test]
        fn key_round_trips(id: Option<u8>, version: u8) {
            let command = DeleteKey { id, version: Some(version) };
            assert_round_trips(&command, DeleteKey::to_apdu, DeleteKey::from_apdu);
            let command = DeleteKey { id: Some(version), version: id };
            assert_round_trips(&command, DeleteKey::to_apdu, DeleteKey::from_apdu);
        }

        #[test]
        fn nothing_panics(apdu in any_apdu(INS)) {
            assert_no_panic(&apdu, Deletion::from_apdu);
        }
    }
}
