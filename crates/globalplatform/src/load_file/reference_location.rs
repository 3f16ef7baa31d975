//! The ReferenceLocation component (JCVM 3.1, 6.12): where the Method component has indices into
//! the constant pool, which a card replaces while it links.

use alloc::vec::Vec;

use crate::{error::DecodeError, tlv::Reader};

/// A distance that only adds to the next one.
const CONTINUED: u8 = 0xFF;

/// What the ReferenceLocation component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferenceLocations {
    /// One for each block of the Method component; exactly one in the compact format.
    pub blocks: Vec<BlockReferences>,
}

/// Where a block of the Method component has indices into the constant pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockReferences {
    /// Indices of one byte, in ascending order.
    pub short: Vec<IndexLocation>,
    /// Indices of two bytes, in ascending order.
    pub long: Vec<IndexLocation>,
}

/// Where an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexLocation {
    /// Offset of the index in the block of the Method component.
    pub target: usize,
    /// Where the (last byte of the) distance lies in what the component was read from.
    pub offset: usize,
}

impl ReferenceLocations {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off or too long, or a list ends within a distance.
    pub fn read(mut reader: Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        let count = if extended { reader.u8()? } else { 1 };
        let mut blocks = Vec::new();
        for _ in 0..count {
            blocks.push(BlockReferences {
                short: read_list(&mut reader)?,
                long: read_list(&mut reader)?,
            });
        }
        reader.finish()?;
        Ok(Self { blocks })
    }
}

/// Each byte is the distance to the index before; FF means that the next byte adds to it.
fn read_list(reader: &mut Reader<'_>) -> Result<Vec<IndexLocation>, DecodeError> {
    let count = reader.u16()?;
    let start = reader.offset();
    let distances = reader.take(count.into())?;
    let mut locations = Vec::new();
    let mut target = 0usize;
    for (offset, distance) in (start..).zip(distances) {
        target += usize::from(*distance);
        if *distance != CONTINUED {
            locations.push(IndexLocation { target, offset });
        }
    }
    if distances.last() == Some(&CONTINUED) {
        return Err(DecodeError::InvalidValue {
            offset: reader.offset() - 1,
            field: "distance of a reference",
        });
    }
    Ok(locations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str, extended: bool) -> Result<ReferenceLocations, DecodeError> {
        ReferenceLocations::read(Reader::with_base(&bytes(hex), 3), extended)
    }

    #[test]
    fn adds_the_distances_up() {
        let targets = |list: &[IndexLocation]| -> Vec<_> {
            list.iter().map(|at| (at.target, at.offset)).collect()
        };
        let read_compact = read("0003 070805 0005 FE FF FF 01 00", false).unwrap();
        let [block] = &read_compact.blocks[..] else {
            panic!("{read_compact:?}");
        };
        assert_eq!(targets(&block.short), [(7, 5), (15, 6), (20, 7)]);
        assert_eq!(targets(&block.long), [(254, 10), (765, 13), (765, 14)]);
        let extended = read("02 0001 03 0000 0000 0001 04", true).unwrap();
        assert_eq!(targets(&extended.blocks[0].short), [(3, 6)]);
        assert_eq!(targets(&extended.blocks[1].long), [(4, 13)]);
        assert_eq!(read("00", true).unwrap().blocks, []);
    }

    #[test]
    fn refuses_malformed_components_with_offsets() {
        let distance = |offset| DecodeError::InvalidValue {
            offset,
            field: "distance of a reference",
        };
        let truncated = |offset, needed| DecodeError::Truncated { offset, needed };
        for (hex, extended, error) in [
            ("0000 00", false, truncated(6, 1)),
            ("0002 07", false, truncated(6, 1)),
            (
                "0000 0000 00",
                false,
                DecodeError::TrailingBytes { offset: 7 },
            ),
            ("0002 07FF 0000", false, distance(6)),
            ("0000 0001 FF", false, distance(7)),
            ("02 0000 0000", true, truncated(8, 2)),
            ("", true, truncated(3, 1)),
        ] {
            assert_eq!(read(hex, extended), Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60), extended: bool) {
            if let Err(error) = ReferenceLocations::read(Reader::new(&data), extended) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
