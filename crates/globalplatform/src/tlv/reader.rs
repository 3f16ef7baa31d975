//! Reading bytes front to back, with offsets for errors.

use super::Tag;
use crate::error::DecodeError;

/// Reads bytes front to back and knows its offset in the whole input.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// A data object inside the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The tag.
    pub tag: Tag,
    /// The value, without tag and length.
    pub value: &'a [u8],
    /// Where the tag begins.
    pub offset: usize,
    /// Where the value begins.
    pub value_offset: usize,
}

impl<'a> Tlv<'a> {
    /// Reads inside the value.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        Reader::with_base(self.value, self.value_offset)
    }

    /// The value as an array.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] unless it has exactly `N` bytes.
    pub fn array<const N: usize>(&self) -> Result<[u8; N], DecodeError> {
        self.value
            .try_into()
            .map_err(|_| DecodeError::InvalidLength {
                offset: self.value_offset,
            })
    }

    /// The value as a big-endian number of one to four bytes.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] when it is empty or longer.
    pub fn number(&self) -> Result<u32, DecodeError> {
        match self.value {
            [] | [_, _, _, _, _, ..] => Err(DecodeError::InvalidLength {
                offset: self.value_offset,
            }),
            bytes => Ok(bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte))),
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads `input` from its beginning.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self::with_base(input, 0)
    }

    /// Reads `input`, which begins at offset `base` of something larger.
    #[must_use]
    pub const fn with_base(input: &'a [u8], base: usize) -> Self {
        Self {
            rest: input,
            offset: base,
        }
    }

    /// Where the next byte lies.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What has not been read yet.
    #[must_use]
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, which stays unread.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end of the input when there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let available = self.rest.len();
        let (taken, rest) =
            self.rest
                .split_at_checked(count)
                .ok_or_else(|| DecodeError::Truncated {
                    offset: self.offset + available,
                    needed: count - available,
                })?;
        self.rest = rest;
        self.offset += count;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there is none.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    /// The next two bytes as a big-endian number.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there are fewer.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Everything that has not been read yet.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.offset += rest.len();
        self.rest = &[];
        rest
    }

    /// The end of the input.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] when something is left.
    pub const fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes {
                offset: self.offset,
            })
        }
    }

    /// A tag of one to three bytes.
    ///
    /// # Errors
    /// [`DecodeError::InvalidTag`] when it is longer, [`DecodeError::Truncated`] when the input ends.
    pub fn tag(&mut self) -> Result<Tag, DecodeError> {
        let offset = self.offset;
        let mut tag = u32::from(self.u8()?);
        if tag & 0x1F != 0x1F {
            return Ok(Tag(tag));
        }
        for _ in 0..2 {
            let byte = self.u8()?;
            tag = tag << 8 | u32::from(byte);
            if byte & 0x80 == 0 {
                return Ok(Tag(tag));
            }
        }
        Err(DecodeError::InvalidTag { offset })
    }

    /// A definite length; forms longer than necessary are accepted, as BER allows.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] for the indefinite form and for more than four bytes,
    /// [`DecodeError::Truncated`] when the input ends.
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let offset = self.offset;
        match self.u8()? {
            short @ 0..=0x7F => Ok(short.into()),
            long @ 0x81..=0x84 => self
                .take(usize::from(long & 0x7F))?
                .iter()
                .try_fold(0usize, |length, byte| {
                    Some(length.checked_mul(256)? | usize::from(*byte))
                })
                .ok_or(DecodeError::InvalidLength { offset }),
            _ => Err(DecodeError::InvalidLength { offset }),
        }
    }

    /// A length that INSTALL and PUT KEY allow: as [`length`](Self::length), but 80 stands for 128.
    ///
    /// # Errors
    /// As [`length`](Self::length).
    pub fn lenient_length(&mut self) -> Result<usize, DecodeError> {
        if self.peek() == Some(0x80) {
            self.u8().map(usize::from)
        } else {
            self.length()
        }
    }

    /// A length (80 stands for 128) and as many bytes.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] or [`DecodeError::Truncated`].
    pub fn lv(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.lenient_length()?;
        self.take(length)
    }

    /// A data object.
    ///
    /// # Errors
    /// When the tag or length is malformed or the value is cut off.
    pub fn tlv(&mut self) -> Result<Tlv<'a>, DecodeError> {
        let offset = self.offset;
        let tag = self.tag()?;
        let length = self.length()?;
        let value_offset = self.offset;
        let value = self.take(length)?;
        Ok(Tlv {
            tag,
            value,
            offset,
            value_offset,
        })
    }

    /// A data object with this tag.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedTag`] when it has another, else as [`tlv`](Self::tlv).
    pub fn expect(&mut self, tag: Tag) -> Result<Tlv<'a>, DecodeError> {
        let offset = self.offset;
        let found = self.clone().tag()?;
        if found == tag {
            self.tlv()
        } else {
            Err(DecodeError::UnexpectedTag {
                offset,
                expected: tag.0,
                found: found.0,
            })
        }
    }

    /// The data object with this tag, if it comes next.
    ///
    /// # Errors
    /// When it comes next and is malformed.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Tlv<'a>>, DecodeError> {
        if self.is_empty() || self.clone().tag()? != tag {
            return Ok(None);
        }
        self.tlv().map(Some)
    }

    /// All data objects to the end of the input; ends after the first error.
    #[must_use]
    pub const fn tlvs(self) -> Tlvs<'a> {
        Tlvs { reader: self }
    }
}

/// Iterates over data objects; see [`Reader::tlvs`].
#[derive(Debug, Clone)]
pub struct Tlvs<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let item = self.reader.tlv();
        if item.is_err() {
            self.reader.rest();
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_long_forms_that_are_longer_than_necessary() {
        let mut reader = Reader::new(&[0x83, 0, 0, 2, 7, 8, 9]);
        assert_eq!(reader.lv(), Ok(&[7, 8][..]));
        assert_eq!(reader.offset(), 6);
    }

    #[test]
    fn reads_80_as_128_only_where_that_is_allowed() {
        let mut bytes = [0; 129];
        bytes[0] = 0x80;
        assert_eq!(Reader::new(&bytes).lv().unwrap().len(), 128);
        assert_eq!(
            Reader::new(&bytes).length(),
            Err(DecodeError::InvalidLength { offset: 0 })
        );
    }

    #[test]
    fn refuses_huge_lengths_without_overflow() {
        assert_eq!(
            Reader::new(&[0x84, 0xFF, 0xFF, 0xFF, 0xFF]).lv(),
            Err(DecodeError::Truncated {
                offset: 5,
                needed: 0xFFFF_FFFF
            })
        );
        assert_eq!(
            Reader::new(&[0x85, 0, 0, 0, 0, 0]).length(),
            Err(DecodeError::InvalidLength { offset: 0 })
        );
    }

    #[test]
    fn refuses_tags_of_four_bytes() {
        assert_eq!(
            Reader::with_base(&[0xBF, 0x81, 0x81, 0x01, 0], 10).tlv(),
            Err(DecodeError::InvalidTag { offset: 10 })
        );
        assert_eq!(Reader::new(&[0xBF, 0x81, 0x01]).tag(), Ok(Tag(0xBF8101)));
    }

    #[test]
    fn names_the_tag_that_was_expected() {
        let mut reader = Reader::with_base(&[0x4F, 1, 9, 0x84], 100);
        assert!(reader.optional(Tag(0x84)).unwrap().is_none());
        assert_eq!(reader.expect(Tag(0x4F)).unwrap().value_offset, 102);
        assert_eq!(
            reader.expect(Tag(0x9F70)),
            Err(DecodeError::UnexpectedTag {
                offset: 103,
                expected: 0x9F70,
                found: 0x84
            })
        );
        assert_eq!(
            reader.finish(),
            Err(DecodeError::TrailingBytes { offset: 103 })
        );
    }

    #[test]
    fn reads_numbers_of_one_to_four_bytes() {
        let number = |bytes: &[u8]| {
            let tlv = Tlv {
                tag: Tag(2),
                value: bytes,
                offset: 0,
                value_offset: 2,
            };
            tlv.number()
        };
        assert_eq!(number(&[1, 2]), Ok(0x0102));
        assert_eq!(number(&[0xFF; 4]), Ok(u32::MAX));
        assert_eq!(number(&[]), Err(DecodeError::InvalidLength { offset: 2 }));
        assert_eq!(
            number(&[0; 5]),
            Err(DecodeError::InvalidLength { offset: 2 })
        );
    }
}
