//! The Method component (JCVM 3.1, 6.10): exception handlers and methods, in one block or, in the
//! extended format, in several.

use alloc::vec::Vec;

use crate::{error::DecodeError, tlv::Reader};

const EXTENDED_HEADER: u8 = 0x80;
const ABSTRACT: u8 = 0x40;

/// What the Method component says. Where methods begin, other components tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MethodTable<'a> {
    /// The blocks; exactly one in the compact format.
    pub blocks: Vec<MethodBlock<'a>>,
}

/// A block of exception handlers and methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodBlock<'a> {
    /// Where the block begins in the information of the component; 0 in the compact format.
    pub start: usize,
    /// The block: handlers, then methods. Offsets of methods count from its first byte.
    pub info: &'a [u8],
    /// The exception handlers.
    pub handlers: Vec<ExceptionHandler>,
}

/// A range of byte code and what handles the exceptions thrown in it (JCVM 3.1, 6.10.3). Offsets
/// count from the beginning of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExceptionHandler {
    /// Where the range begins.
    pub start: u16,
    /// Bytes in the range, at most 7FFF.
    pub length: u16,
    /// Whether no handler after this one covers the same range.
    pub is_last: bool,
    /// Where the handler begins.
    pub handler: u16,
    /// Index of the class of exceptions in the constant pool; 0 for all of them.
    pub catch_type: u16,
}

/// Where a method begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodPosition {
    /// Block of the Method component; 0 in the compact format.
    pub block: u8,
    /// Offset in the block.
    pub offset: u16,
}

/// The beginning of a method (JCVM 3.1, 6.10.4). Sizes are in cells of two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodHeader {
    /// Whether the method has no byte code.
    pub is_abstract: bool,
    /// Cells for operands.
    pub max_stack: u8,
    /// Cells for parameters, `this` among them.
    pub parameters: u8,
    /// Cells for local variables.
    pub max_locals: u8,
    /// Bytes of the header itself: 2 or 4.
    pub length: usize,
}

impl<'a> MethodTable<'a> {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when handlers are cut off or blocks are not where the table of blocks says.
    pub fn read(mut reader: Reader<'a>, extended: bool) -> Result<Self, DecodeError> {
        let base = reader.offset();
        if !extended {
            let block = MethodBlock::read(&mut reader, 0)?;
            return Ok(Self {
                blocks: Vec::from([block]),
            });
        }
        let count = reader.u8()?;
        let mut starts = Vec::new();
        for _ in 0..count {
            starts.push((reader.offset(), u32::from_be_bytes(reader.array()?)));
        }
        let mut blocks = Vec::new();
        let mut entries = starts.into_iter().peekable();
        while let Some((offset, start)) = entries.next() {
            let invalid = |offset| DecodeError::InvalidValue {
                offset,
                field: "offset of a method block",
            };
            let begin = reader.offset() - base;
            if usize::try_from(start) != Ok(begin) {
                return Err(invalid(offset));
            }
            let mut block = match entries.peek() {
                Some(&(next_offset, next)) => {
                    let length = usize::try_from(next)
                        .ok()
                        .and_then(|next| next.checked_sub(begin))
                        .filter(|length| *length <= reader.remaining().len())
                        .ok_or(invalid(next_offset))?;
                    Reader::with_base(reader.take(length)?, base + begin)
                }
                None => Reader::with_base(reader.rest(), base + begin),
            };
            blocks.push(MethodBlock::read(&mut block, begin)?);
        }
        reader.finish()?;
        Ok(Self { blocks })
    }

    /// The block with this number.
    #[must_use]
    pub fn block(&self, number: u8) -> Option<&MethodBlock<'a>> {
        self.blocks.get(usize::from(number))
    }
}

impl<'a> MethodBlock<'a> {
    /// Where the first handler lies in the block.
    pub(super) const FIRST_HANDLER: usize = 1;
    /// Where the type of its exceptions lies in a handler.
    pub(super) const CATCH_TYPE: usize = 6;

    fn read(reader: &mut Reader<'a>, start: usize) -> Result<Self, DecodeError> {
        let info = reader.remaining();
        let count = reader.u8()?;
        let handlers = (0..count)
            .map(|_| ExceptionHandler::read(reader))
            .collect::<Result<_, _>>()?;
        reader.rest();
        Ok(Self {
            start,
            info,
            handlers,
        })
    }

    /// Where the first method begins in the block, or would.
    #[must_use]
    pub fn code_start(&self) -> usize {
        Self::FIRST_HANDLER + self.handlers.len() * ExceptionHandler::LENGTH
    }

    /// The header of the method that begins there.
    ///
    /// # Errors
    /// [`DecodeError`], with the offset in the block, when it lies among the handlers or beyond the
    /// end, or has flags that do not exist.
    pub fn header(&self, offset: usize) -> Result<MethodHeader, DecodeError> {
        let code = self.info.get(offset..).unwrap_or_default();
        if offset < self.code_start() {
            return Err(DecodeError::InvalidValue {
                offset,
                field: "method offset",
            });
        }
        MethodHeader::read(&mut Reader::with_base(code, offset))
    }
}

impl ExceptionHandler {
    /// Bytes of a handler.
    pub const LENGTH: usize = 8;

    /// Where the range ends: offset of the first byte behind it.
    #[must_use]
    pub fn end(&self) -> usize {
        usize::from(self.start) + usize::from(self.length)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.u16()?;
        let bits = reader.u16()?;
        Ok(Self {
            start,
            length: bits & 0x7FFF,
            is_last: bits & 0x8000 != 0,
            handler: reader.u16()?,
            catch_type: reader.u16()?,
        })
    }
}

impl MethodPosition {
    /// Reads block (in the extended format only) and offset.
    pub(super) fn read(reader: &mut Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        Ok(Self {
            block: if extended { reader.u8()? } else { 0 },
            offset: reader.u16()?,
        })
    }
}

impl MethodHeader {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let first = reader.u8()?;
        let invalid = DecodeError::InvalidValue {
            offset,
            field: "method header",
        };
        let is_abstract = first & ABSTRACT != 0;
        if first & EXTENDED_HEADER == 0 {
            let second = reader.u8()?;
            return if first & 0x30 == 0 {
                Ok(Self {
                    is_abstract,
                    max_stack: first & 0x0F,
                    parameters: second >> 4,
                    max_locals: second & 0x0F,
                    length: 2,
                })
            } else {
                Err(invalid)
            };
        }
        let [max_stack, parameters, max_locals] = reader.array()?;
        if first & 0x3F == 0 {
            Ok(Self {
                is_abstract,
                max_stack,
                parameters,
                max_locals,
                length: 4,
            })
        } else {
            Err(invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn truncated(offset: usize, needed: usize) -> DecodeError {
        DecodeError::Truncated { offset, needed }
    }

    #[test]
    fn reads_handlers_and_finds_methods() {
        let info = bytes("01 0009 8003 000C 0002 02 31 7A 84 FF");
        let table = MethodTable::read(Reader::with_base(&info, 3), false).unwrap();
        let block = table.block(0).unwrap();
        assert_eq!(table.block(1), None);
        assert_eq!((block.start, block.info), (0, &info[..]));
        let handler = ExceptionHandler {
            start: 9,
            length: 3,
            is_last: true,
            handler: 12,
            catch_type: 2,
        };
        assert_eq!(block.handlers, [handler]);
        assert_eq!((handler.end(), block.code_start()), (12, 9));
        assert_eq!(
            block.header(9),
            Ok(MethodHeader {
                is_abstract: false,
                max_stack: 2,
                parameters: 3,
                max_locals: 1,
                length: 2,
            })
        );
        let early = DecodeError::InvalidValue {
            offset: 8,
            field: "method offset",
        };
        assert_eq!(block.header(8), Err(early));
        assert_eq!(block.header(13), Err(truncated(14, 3)));
        assert_eq!(block.header(14), Err(truncated(14, 1)));
    }

    #[test]
    fn reads_short_and_long_headers() {
        let header = |hex: &str| MethodHeader::read(&mut Reader::with_base(&bytes(hex), 5));
        let invalid = Err(DecodeError::InvalidValue {
            offset: 5,
            field: "method header",
        });
        let expected = |is_abstract, max_stack, parameters, max_locals, length| {
            Ok(MethodHeader {
                is_abstract,
                max_stack,
                parameters,
                max_locals,
                length,
            })
        };
        assert_eq!(header("4F21"), expected(true, 15, 2, 1, 2));
        assert_eq!(header("80FF10E0"), expected(false, 255, 16, 224, 4));
        assert_eq!(header("C0000100"), expected(true, 0, 1, 0, 4));
        for wrong in ["1000", "2000", "81000000", "90000000", "A0000000"] {
            assert_eq!(header(wrong), invalid, "{wrong}");
        }
        assert_eq!(header(""), Err(truncated(5, 1)));
        assert_eq!(header("00"), Err(truncated(6, 1)));
        assert_eq!(header("8000"), Err(truncated(7, 2)));
    }

    #[test]
    fn reads_the_blocks_of_the_extended_format() {
        let info = bytes("02 00000009 0000000C 00 0010 00 0020 7A");
        let table = MethodTable::read(Reader::with_base(&info, 5), true).unwrap();
        let starts: Vec<_> = table.blocks.iter().map(|b| (b.start, b.info)).collect();
        assert_eq!(
            starts,
            [(9, &bytes("00 0010")[..]), (12, &bytes("00 0020 7A")[..])]
        );
        let empty = MethodTable::read(Reader::new(&[0]), true).unwrap();
        assert_eq!(empty.blocks, []);
    }

    #[test]
    fn refuses_malformed_components_with_offsets() {
        let block = |offset| DecodeError::InvalidValue {
            offset,
            field: "offset of a method block",
        };
        for (hex, extended, error) in [
            ("", false, truncated(5, 1)),
            ("01 00000000000000", false, truncated(13, 1)),
            ("", true, truncated(5, 1)),
            ("01 000000", true, truncated(9, 1)),
            ("01 00000006 00", true, block(6)),
            ("02 00000009 00000008 00 00", true, block(10)),
            ("02 00000009 0000000C 00 00", true, block(10)),
            ("02 00000009 0000000B 00 00", true, truncated(16, 1)),
            ("02 00000009 0000000A 01 00", true, truncated(15, 2)),
            ("00 00", true, DecodeError::TrailingBytes { offset: 6 }),
        ] {
            let info = bytes(hex);
            let read = MethodTable::read(Reader::with_base(&info, 5), extended);
            assert_eq!(read, Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60), extended: bool, at in 0usize..70) {
            match MethodTable::read(Reader::new(&data), extended) {
                Err(error) => prop_assert!(error.offset() <= data.len()),
                Ok(table) => for block in &table.blocks {
                    let _ = block.header(at);
                },
            }
        }
    }
}
