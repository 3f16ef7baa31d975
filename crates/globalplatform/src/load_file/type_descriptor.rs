//! Types as the Class and Descriptor components write them: digits of four bits (JCVM 3.1, 6.9.1).

use alloc::vec::Vec;

use super::constant_pool::ClassRef;
use crate::{error::DecodeError, tlv::Reader};

const REFERENCE: u8 = 0x6;
const ARRAY_OF_REFERENCES: u8 = 0xE;

/// A type, or the types of a method's parameters and result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDescriptor {
    /// Where it begins in what it was read from.
    pub offset: usize,
    /// The classes that it names.
    pub classes: Vec<ClassRef>,
}

impl TypeDescriptor {
    /// Reads a count of digits and as many digits, two in a byte.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off, has a digit that is no type, or a reference is incomplete.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let count = usize::from(reader.u8()?);
        let bytes = reader.take(count.div_ceil(2))?;
        let mut digits = bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 0x0F])
            .take(count);
        let mut classes = Vec::new();
        while let Some(digit) = digits.next() {
            match digit {
                0x1..=0x5 | 0xA..=0xD => {}
                REFERENCE | ARRAY_OF_REFERENCES => {
                    let mut byte = || Some(digits.next()? << 4 | digits.next()?);
                    match (byte(), byte()) {
                        (Some(high), Some(low)) => {
                            classes.push(ClassRef::from_bytes([high, low]));
                        }
                        _ => return Err(invalid(offset)),
                    }
                }
                _ => return Err(invalid(offset)),
            }
        }
        Ok(Self { offset, classes })
    }

    /// Reads descriptors to the end of the input.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_all(reader: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let mut descriptors = Vec::new();
        while !reader.is_empty() {
            descriptors.push(Self::read(reader)?);
        }
        Ok(descriptors)
    }
}

const fn invalid(offset: usize) -> DecodeError {
    DecodeError::InvalidValue {
        offset,
        field: "type descriptor",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str) -> Result<Vec<TypeDescriptor>, DecodeError> {
        TypeDescriptor::read_all(&mut Reader::with_base(&bytes(hex), 3))
    }

    #[test]
    fn reads_methods_with_references() {
        let external = ClassRef::External {
            package: 1,
            class: 0x0A,
        };
        let types = read("01 10 03 B440 0A 6810AE0004 09 12345ABCD0 00").unwrap();
        let expected = [
            (3, alloc::vec![]),
            (5, alloc::vec![]),
            (8, alloc::vec![external, ClassRef::Internal(4)]),
        ];
        for (found, (offset, classes)) in types.iter().zip(expected) {
            assert_eq!((found.offset, &found.classes), (offset, &classes));
        }
    }

    #[test]
    fn refuses_what_is_no_type() {
        let invalid = |offset| Err(invalid(offset));
        for digit in ["0", "7", "8", "9", "F"] {
            assert_eq!(
                read(&alloc::format!("0110 01{digit}0")),
                invalid(5),
                "{digit}"
            );
        }
        assert_eq!(read("04 6810"), invalid(3));
        assert_eq!(read("04 E810"), invalid(3));
        assert_eq!(read("01 60"), invalid(3));
        for digit in 1..=5 {
            assert_eq!(read(&alloc::format!("01 {digit}0")).unwrap().len(), 1);
        }
        let cut = DecodeError::Truncated {
            offset: 5,
            needed: 1,
        };
        assert_eq!(read("03 11"), Err(cut));
        // An odd number of digits: the last four bits mean nothing.
        assert_eq!(read("01 1F").unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..40)) {
            if let Err(error) = TypeDescriptor::read_all(&mut Reader::new(&data)) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
