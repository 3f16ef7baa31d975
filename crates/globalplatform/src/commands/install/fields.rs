//! The fields that the data of all INSTALL commands consist of: length and value, one after the
//! other (G 11.5.2.3).

use alloc::vec::Vec;

use super::INS;
use crate::{
    aid::Aid,
    apdu::{CommandApdu, MAX_SHORT_LE},
    commands::header::{self, Origin},
    error::DecodeError,
    privileges::Privileges,
    tlv::{Reader, Tag, Tlv, Writer},
};

/// Above this a memory size is written with four bytes (G Tables 11-48, 11-49).
const MAX_TWO_BYTE_SIZE: u32 = 32_767;

/// Checks the header and reads the fields, of which there must be `N`. The last one, that of the token, may be missing
/// when it is empty: GlobalPlatformPro does not send it.
pub(super) fn open<const N: usize>(
    apdu: &CommandApdu,
    p1: u8,
    p2: u8,
) -> Result<[Field<'_>; N], DecodeError> {
    header::expect(apdu, Origin::GlobalPlatform, INS)?;
    header::expect_p1(apdu, p1)?;
    header::expect_p2(apdu, p2)?;
    let mut reader = apdu.reader();
    let mut fields = [Field::EMPTY; N];
    for (index, field) in fields.iter_mut().enumerate() {
        let is_token = index + 1 == N;
        if !(is_token && reader.is_empty()) {
            *field = Field::read(&mut reader)?;
        }
    }
    reader.finish()?;
    Ok(fields)
}

/// An INSTALL command with these fields.
pub(super) fn command(p1: u8, p2: u8, fields: &[&[u8]]) -> CommandApdu {
    let mut data = Writer::new();
    fields.iter().for_each(|field| data.lv(field));
    CommandApdu::new(0x80, INS, p1, p2)
        .with_data(data.into_vec())
        .with_le(MAX_SHORT_LE)
}

/// A field that may be absent; absent is empty.
pub(super) fn optional(value: &Option<impl AsRef<[u8]>>) -> &[u8] {
    value.as_ref().map_or(&[], AsRef::as_ref)
}

/// A value and the offset of its first byte.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub value: &'a [u8],
    pub offset: usize,
}

impl<'a> Field<'a> {
    const EMPTY: Self = Self {
        value: &[],
        offset: 0,
    };

    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let value = reader.lv()?;
        Ok(Self {
            value,
            offset: reader.offset() - value.len(),
        })
    }

    /// A reader of the value.
    pub const fn reader(&self) -> Reader<'a> {
        Reader::with_base(self.value, self.offset)
    }

    pub fn aid(&self) -> Result<Aid, DecodeError> {
        Aid::decode(self.value, self.offset)
    }

    pub fn optional_aid(&self) -> Result<Option<Aid>, DecodeError> {
        self.present().map(Self::aid).transpose()
    }

    pub fn privileges(&self) -> Result<Privileges, DecodeError> {
        Privileges::decode(self.value, self.offset)
    }

    pub fn optional_privileges(&self) -> Result<Option<Privileges>, DecodeError> {
        self.present().map(Self::privileges).transpose()
    }

    pub fn optional_bytes(&self) -> Option<Vec<u8>> {
        self.present().map(|field| field.value.to_vec())
    }

    /// The field must be empty.
    pub const fn empty(&self) -> Result<(), DecodeError> {
        if self.value.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes {
                offset: self.offset,
            })
        }
    }

    fn present(&self) -> Option<&Self> {
        Some(self).filter(|field| !field.value.is_empty())
    }
}

/// Writes a memory size with two or four bytes.
pub(super) fn write_size(writer: &mut Writer, tag: Tag, size: Option<u32>) {
    match size {
        Some(size @ ..=MAX_TWO_BYTE_SIZE) => writer.tlv(tag, &(size as u16).to_be_bytes()),
        Some(size) => writer.tlv(tag, &size.to_be_bytes()),
        None => {}
    }
}

/// Reads a memory size of two or four bytes.
pub(super) fn read_size(tlv: &Tlv<'_>) -> Result<u32, DecodeError> {
    match tlv.value.len() {
        2 | 4 => tlv.number(),
        _ => Err(DecodeError::InvalidLength {
            offset: tlv.value_offset,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_bytes_up_to_32767_and_four_above() {
        for (size, expected) in [
            (0, "c8020000"),
            (256, "c8020100"),
            (32_767, "c8027fff"),
            (32_768, "c80400008000"),
            (u32::MAX, "c804ffffffff"),
        ] {
            let mut writer = Writer::new();
            write_size(&mut writer, Tag(0xC8), Some(size));
            let bytes = writer.into_vec();
            assert_eq!(hex::encode(&bytes), expected);
            assert_eq!(read_size(&Reader::new(&bytes).tlv().unwrap()), Ok(size));
        }
        let three = [0xC8, 3, 0, 0, 0];
        let tlv = Reader::new(&three).tlv().unwrap();
        assert_eq!(
            read_size(&tlv),
            Err(DecodeError::InvalidLength { offset: 2 })
        );
    }
}
