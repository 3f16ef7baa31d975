//! The ConstantPool component (JCVM 3.1, 6.8): what the byte code refers to.

use alloc::vec::Vec;

use super::method::MethodPosition;
use crate::{error::DecodeError, tlv::Reader};

/// The bit that tells references to other packages from those to this one.
const EXTERNAL: u8 = 0x80;

/// What the ConstantPool component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConstantPool {
    /// The constants; byte code knows them by their index.
    pub constants: Vec<Constant>,
}

/// A class or interface (JCVM 3.1, 6.8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClassRef {
    /// Of this load file: where it begins in the information of the Class component.
    Internal(u16),
    /// Of an imported package.
    External {
        /// Index of the package in the Import component, 0 to 127.
        package: u8,
        /// Token of the class in that package.
        class: u8,
    },
}

/// A constant, named after what it refers to (JCVM 3.1, Table 6-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    /// Tag 1: a class or interface.
    Class(ClassRef),
    /// Tag 2: a field of an object.
    InstanceField(Member),
    /// Tag 3: a method that is looked up in the object's class.
    VirtualMethod(Member),
    /// Tag 4: a method of a superclass.
    SuperMethod(Member),
    /// Tag 5: a static field of this load file, by its offset in the static field image.
    StaticField(u16),
    /// Tag 6: a static method or constructor of this load file.
    StaticMethod(MethodPosition),
    /// Tag 5 or 6: a static field or method of an imported package.
    ExternalStatic {
        /// Whether it is a method (tag 6) and no field.
        is_method: bool,
        /// Class that declares it; never [`ClassRef::Internal`].
        class: ClassRef,
        /// Token of the field or method in that class.
        token: u8,
    },
}

/// A field or method of a class, by its token (JCVM 3.1, 6.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The class.
    pub class: ClassRef,
    /// The token; bit 80 marks a package-visible method.
    pub token: u8,
}

impl ClassRef {
    /// The reference that these two bytes are.
    #[must_use]
    pub const fn from_bytes([high, low]: [u8; 2]) -> Self {
        if high & EXTERNAL == 0 {
            Self::Internal(u16::from_be_bytes([high, low]))
        } else {
            Self::External {
                package: high & !EXTERNAL,
                class: low,
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array().map(Self::from_bytes)
    }

    pub(super) fn read_many(
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Self>, DecodeError> {
        (0..count).map(|_| Self::read(reader)).collect()
    }
}

impl ConstantPool {
    /// How many bytes a constant has.
    pub(super) const ENTRY_SIZE: usize = 4;
    /// Where the first constant lies in the information.
    pub(super) const FIRST_ENTRY: usize = 2;

    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off, too long, or has a constant of unknown tag or a reference
    /// that is neither internal nor external.
    ///
    /// ```
    /// use globalplatform::{load_file::{ClassRef, Constant, ConstantPool}, tlv::Reader};
    ///
    /// let pool = ConstantPool::read(Reader::new(&[0, 1, 1, 0x80, 3, 0]))?;
    /// let applet = ClassRef::External { package: 0, class: 3 };
    /// assert_eq!(pool.constants, [Constant::Class(applet)]);
    /// assert!(ConstantPool::read(Reader::new(&[0, 1, 7, 0, 0, 0])).is_err());
    /// # Ok::<(), globalplatform::error::DecodeError>(())
    /// ```
    pub fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.u16()?;
        let constants = (0..count)
            .map(|_| Constant::read(&mut reader))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { constants })
    }
}

impl Constant {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let [tag, first, second, third] = reader.array()?;
        let class = ClassRef::from_bytes([first, second]);
        let member = Member {
            class,
            token: third,
        };
        let internal = u16::from_be_bytes([second, third]);
        Ok(match tag {
            1 => Self::Class(class),
            2 => Self::InstanceField(member),
            3 => Self::VirtualMethod(member),
            4 => Self::SuperMethod(member),
            5 | 6 if first & EXTERNAL != 0 => Self::ExternalStatic {
                is_method: tag == 6,
                class,
                token: third,
            },
            5 if first == 0 => Self::StaticField(internal),
            5 => {
                return Err(DecodeError::InvalidValue {
                    offset: offset + 1,
                    field: "static field reference",
                });
            }
            6 => Self::StaticMethod(MethodPosition {
                block: first,
                offset: internal,
            }),
            _ => {
                return Err(DecodeError::InvalidValue {
                    offset,
                    field: "constant tag",
                });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str) -> Result<Vec<Constant>, DecodeError> {
        ConstantPool::read(Reader::with_base(&bytes(hex), 10)).map(|pool| pool.constants)
    }

    #[test]
    fn reads_every_kind_of_constant() {
        let external = ClassRef::External {
            package: 0x7F,
            class: 4,
        };
        let inner = ClassRef::Internal(0x7FFF);
        let member = |class, token| Member { class, token };
        assert_eq!(
            read(
                "0009 01FF0400 017FFF00 02FF0405 037FFF86 04FF0407 05000102 05FF0409 06030201 06FF040A"
            ),
            Ok(alloc::vec![
                Constant::Class(external),
                Constant::Class(inner),
                Constant::InstanceField(member(external, 5)),
                Constant::VirtualMethod(member(inner, 0x86)),
                Constant::SuperMethod(member(external, 7)),
                Constant::StaticField(0x0102),
                Constant::ExternalStatic {
                    is_method: false,
                    class: external,
                    token: 9,
                },
                Constant::StaticMethod(MethodPosition {
                    block: 3,
                    offset: 0x0201,
                }),
                Constant::ExternalStatic {
                    is_method: true,
                    class: external,
                    token: 10,
                },
            ])
        );
        assert_eq!(read("0000"), Ok(alloc::vec![]));
    }

    #[test]
    fn refuses_malformed_pools_with_offsets() {
        let invalid = |offset, field| DecodeError::InvalidValue { offset, field };
        for (hex, error) in [
            (
                "00",
                DecodeError::Truncated {
                    offset: 11,
                    needed: 1,
                },
            ),
            (
                "0001 010000",
                DecodeError::Truncated {
                    offset: 15,
                    needed: 1,
                },
            ),
            ("0000 00", DecodeError::TrailingBytes { offset: 12 }),
            ("0001 00000000", invalid(12, "constant tag")),
            ("0002 01000000 07000000", invalid(16, "constant tag")),
            ("0001 05010000", invalid(13, "static field reference")),
        ] {
            assert_eq!(read(hex), Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60)) {
            if let Err(error) = ConstantPool::read(Reader::new(&data)) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
