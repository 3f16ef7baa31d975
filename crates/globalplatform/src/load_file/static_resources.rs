//! The StaticResources component (JCVM 3.1, 6.16): data that an application brings along.

use alloc::vec::Vec;

use crate::{error::DecodeError, tlv::Reader};

/// The largest resource in bytes.
const MAX_SIZE: u32 = 0x7FFF;

/// What the StaticResources component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaticResources<'a> {
    /// The resources, whose identifiers differ.
    pub resources: Vec<StaticResource<'a>>,
}

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticResource<'a> {
    /// What the application knows it by.
    pub id: u16,
    /// Its bytes, at most 32767.
    pub content: &'a [u8],
}

impl<'a> StaticResources<'a> {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off or too long, a resource is too large, or two have the same
    /// identifier.
    pub fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let count = reader.u16()?;
        let mut entries: Vec<(u16, usize)> = Vec::new();
        let mut known = alloc::collections::BTreeSet::new();
        for _ in 0..count {
            let offset = reader.offset();
            let id = reader.u16()?;
            if !known.insert(id) {
                return Err(DecodeError::InvalidValue {
                    offset,
                    field: "repeated resource",
                });
            }
            let offset = reader.offset();
            match u32::from_be_bytes(reader.array()?) {
                size @ 0..=MAX_SIZE => entries.push((id, size as usize)),
                _ => return Err(DecodeError::InvalidLength { offset }),
            }
        }
        let resources = entries
            .into_iter()
            .map(|(id, size)| {
                Ok(StaticResource {
                    id,
                    content: reader.take(size)?,
                })
            })
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { resources })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    #[test]
    fn reads_resources_in_the_order_of_their_directory() {
        let info = bytes("0002 0005 00000002 0003 00000001 AABB CC");
        let read = StaticResources::read(Reader::new(&info)).unwrap();
        let resources: Vec<_> = read.resources.iter().map(|r| (r.id, r.content)).collect();
        assert_eq!(resources, [(5, &[0xAA, 0xBB][..]), (3, &[0xCC][..])]);
        let mut largest = bytes("0001 0005 00007FFF");
        largest.resize(8 + 0x7FFF, 0);
        assert!(StaticResources::read(Reader::new(&largest)).is_ok());
    }

    #[test]
    fn refuses_malformed_components_with_offsets() {
        for (hex, error) in [
            (
                "00",
                DecodeError::Truncated {
                    offset: 4,
                    needed: 1,
                },
            ),
            (
                "0001 0005 00000002 AA",
                DecodeError::Truncated {
                    offset: 12,
                    needed: 1,
                },
            ),
            (
                "0001 0005 00008000",
                DecodeError::InvalidLength { offset: 7 },
            ),
            (
                "0002 0005 00000000 0005 00000000",
                DecodeError::InvalidValue {
                    offset: 11,
                    field: "repeated resource",
                },
            ),
            ("0000 00", DecodeError::TrailingBytes { offset: 5 }),
        ] {
            let info = bytes(hex);
            let read = StaticResources::read(Reader::with_base(&info, 3));
            assert_eq!(read, Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60)) {
            if let Err(error) = StaticResources::read(Reader::new(&data)) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
