//! The StaticField component (JCVM 3.1, 6.11): the image of all static fields.

use alloc::vec::Vec;

use super::directory::StaticFieldSize;
use crate::{error::DecodeError, tlv::Reader};

/// What the StaticField component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaticFields {
    /// Bytes of the image.
    pub image_size: u16,
    /// How many fields are references, which come first and have two bytes each.
    pub reference_count: u16,
    /// Arrays that the first references point at.
    pub arrays: Vec<StaticArray>,
    /// Bytes of primitive fields that begin as zero.
    pub default_count: u16,
    /// Initial bytes of the other primitive fields.
    pub values: Vec<u8>,
}

/// An array with its initial values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticArray {
    /// Type of its elements: 2 boolean, 3 byte, 4 short, 5 int.
    pub element: u8,
    /// Its bytes.
    pub values: Vec<u8>,
}

impl StaticFields {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off or too long, an array has elements of unknown type or a
    /// part of one, or the size of the image is not the sum of its parts.
    pub fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let image_size = reader.u16()?;
        let reference_count = reader.u16()?;
        let arrays_offset = reader.offset();
        let array_count = reader.u16()?;
        let arrays = (0..array_count)
            .map(|_| StaticArray::read(&mut reader))
            .collect::<Result<_, _>>()?;
        let default_count = reader.u16()?;
        let value_count = reader.u16()?;
        let values = reader.take(value_count.into())?.to_vec();
        reader.finish()?;
        let invalid = |offset, field| DecodeError::InvalidValue { offset, field };
        let parts =
            u32::from(reference_count) * 2 + u32::from(default_count) + u32::from(value_count);
        if u32::from(image_size) != parts {
            return Err(invalid(offset, "static image size"));
        }
        if array_count > reference_count {
            return Err(invalid(arrays_offset, "count of static arrays"));
        }
        Ok(Self {
            image_size,
            reference_count,
            arrays,
            default_count,
            values,
        })
    }

    /// Bytes of all arrays together.
    #[must_use]
    pub fn array_bytes(&self) -> usize {
        self.arrays.iter().map(|array| array.values.len()).sum()
    }

    /// What the Directory must say about it; `None` when the arrays are too large for it.
    #[must_use]
    pub fn sizes(&self) -> Option<StaticFieldSize> {
        Some(StaticFieldSize {
            image_size: self.image_size,
            array_init_count: u16::try_from(self.arrays.len()).ok()?,
            array_init_size: u16::try_from(self.array_bytes()).ok()?,
        })
    }
}

impl StaticArray {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let element = reader.u8()?;
        let width: u16 = match element {
            2 | 3 => 1,
            4 => 2,
            5 => 4,
            _ => {
                return Err(DecodeError::InvalidValue {
                    offset,
                    field: "type of a static array",
                });
            }
        };
        let offset = reader.offset();
        let length = reader.u16()?;
        if !length.is_multiple_of(width) {
            return Err(DecodeError::InvalidLength { offset });
        }
        Ok(Self {
            element,
            values: reader.take(length.into())?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str) -> Result<StaticFields, DecodeError> {
        StaticFields::read(Reader::with_base(&bytes(hex), 3))
    }

    #[test]
    fn reads_references_arrays_and_values() {
        let fields = read("000B 0003 0002 03 0001 AA 05 0004 01020304 0002 0003 070809").unwrap();
        assert_eq!((fields.image_size, fields.reference_count), (11, 3));
        assert_eq!(
            (fields.default_count, &fields.values[..]),
            (2, &[7, 8, 9][..])
        );
        assert_eq!(fields.arrays[0].element, 3);
        assert_eq!(fields.arrays[1].values, [1, 2, 3, 4]);
        let sizes = StaticFieldSize {
            image_size: 11,
            array_init_count: 2,
            array_init_size: 5,
        };
        assert_eq!(fields.sizes(), Some(sizes));
        for element in [2, 3, 4] {
            let hex = alloc::format!("0002 0001 0001 0{element} 0002 0102 0000 0000");
            assert_eq!(read(&hex).unwrap().array_bytes(), 2);
        }
    }

    #[test]
    fn arrays_may_be_too_large_for_the_directory() {
        let array = StaticArray {
            element: 3,
            values: alloc::vec![0; 0x8000],
        };
        let fields = StaticFields {
            arrays: alloc::vec![array.clone(), array],
            ..StaticFields::default()
        };
        assert_eq!((fields.array_bytes(), fields.sizes()), (0x1_0000, None));
    }

    #[test]
    fn refuses_malformed_components_with_offsets() {
        let invalid = |offset, field| DecodeError::InvalidValue { offset, field };
        let truncated = |offset| DecodeError::Truncated { offset, needed: 1 };
        for (hex, error) in [
            ("0000 0000 0000 0000 00", truncated(12)),
            ("0001 0000 0000 0000 0001", truncated(13)),
            (
                "0000 0000 0000 0000 0000 00",
                DecodeError::TrailingBytes { offset: 13 },
            ),
            ("0001 0000 0000 0000 0000", invalid(3, "static image size")),
            ("0001 0001 0000 0000 0000", invalid(3, "static image size")),
            ("0000 0000 0000 0001 0000", invalid(3, "static image size")),
            (
                "0000 0000 0001 03 0000 0000 0000",
                invalid(7, "count of static arrays"),
            ),
            (
                "0002 0001 0001 01 0000 0000 0000",
                invalid(9, "type of a static array"),
            ),
            (
                "0002 0001 0001 06 0000 0000 0000",
                invalid(9, "type of a static array"),
            ),
            (
                "0002 0001 0001 04 0001 00 0000 0000",
                DecodeError::InvalidLength { offset: 10 },
            ),
            (
                "0002 0001 0001 05 0002 0000 0000 0000",
                DecodeError::InvalidLength { offset: 10 },
            ),
        ] {
            assert_eq!(read(hex), Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60)) {
            if let Err(error) = StaticFields::read(Reader::new(&data)) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
