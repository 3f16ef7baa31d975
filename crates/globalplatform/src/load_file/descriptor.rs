//! The Descriptor component (JCVM 3.1, 6.14): classes, fields, methods and types for verifiers off
//! the card.

use alloc::vec::Vec;

use super::{constant_pool::ClassRef, method::MethodPosition, type_descriptor::TypeDescriptor};
use crate::{error::DecodeError, tlv::Reader};

const STATIC: u8 = 0x08;
const ABSTRACT: u8 = 0x40;
const INTERFACE: u8 = 0x40;

/// What the Descriptor component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// The packages; exactly one in the compact format.
    pub packages: Vec<Vec<ClassDescriptor>>,
    /// Where the table of types begins in what the component was read from; types are named by
    /// their offset from there.
    pub types_offset: usize,
    /// For each constant of the constant pool its type, FFFF for classes.
    pub constant_types: Vec<u16>,
    /// The types.
    pub types: Vec<TypeDescriptor>,
}

/// A class or interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassDescriptor {
    /// Where it begins in what the component was read from.
    pub offset: usize,
    /// Its token; FF when other packages cannot refer to it.
    pub token: u8,
    /// Whether it is an interface.
    pub is_interface: bool,
    /// Its entry in the Class component.
    pub this_class: ClassRef,
    /// The interfaces that it implements.
    pub interfaces: Vec<ClassRef>,
    /// Its fields.
    pub fields: Vec<FieldDescriptor>,
    /// Its methods.
    pub methods: Vec<MethodDescriptor>,
}

/// A field (JCVM 3.1, 6.14.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldDescriptor {
    /// Where it begins in what the component was read from.
    pub offset: usize,
    /// Its token; FF without one.
    pub token: u8,
    /// Whether it belongs to the class and not to its objects.
    pub is_static: bool,
    /// Where it is: for static fields 0 and an offset in the static field image, else class and
    /// token.
    pub location: [u8; 3],
    /// Its type: 8002 boolean, 8003 byte, 8004 short, 8005 int, or the offset of a type descriptor.
    pub kind: u16,
}

/// A method (JCVM 3.1, 6.14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodDescriptor {
    /// Where it begins in what the component was read from.
    pub offset: usize,
    /// Its token; FF without one.
    pub token: u8,
    /// Whether it has no byte code.
    pub is_abstract: bool,
    /// Where it begins in the Method component; 0 for methods of interfaces.
    pub position: MethodPosition,
    /// Offset of its type descriptor.
    pub kind: u16,
    /// Bytes of byte code, without the header.
    pub code_size: u16,
    /// How many exception handlers it has.
    pub handler_count: u16,
    /// Index of the first of them.
    pub first_handler: u16,
}

impl Descriptor {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off or has a malformed type.
    pub fn read(mut reader: Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        let count = if extended { reader.u8()? } else { 1 };
        let mut packages = Vec::new();
        for _ in 0..count {
            let class_count = reader.u8()?;
            let classes = (0..class_count)
                .map(|_| ClassDescriptor::read(&mut reader, extended))
                .collect::<Result<_, _>>()?;
            packages.push(classes);
        }
        let types_offset = reader.offset();
        let constant_count = reader.u16()?;
        let constant_types = (0..constant_count)
            .map(|_| reader.u16())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            packages,
            types_offset,
            constant_types,
            types: TypeDescriptor::read_all(&mut reader)?,
        })
    }

    /// The type that has this offset in the table of types.
    #[must_use]
    pub fn type_at(&self, offset: u16) -> Option<&TypeDescriptor> {
        let offset = self.types_offset + usize::from(offset);
        let index = self
            .types
            .binary_search_by_key(&offset, |descriptor| descriptor.offset)
            .ok()?;
        self.types.get(index)
    }

    /// All classes and interfaces.
    pub fn classes(&self) -> impl Iterator<Item = &ClassDescriptor> {
        self.packages.iter().flatten()
    }
}

impl ClassDescriptor {
    fn read(reader: &mut Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let [token, flags] = reader.array()?;
        let this_class = ClassRef::read(reader)?;
        let interface_count = reader.u8()?;
        let field_count = reader.u16()?;
        let method_count = reader.u16()?;
        Ok(Self {
            offset,
            token,
            is_interface: flags & INTERFACE != 0,
            this_class,
            interfaces: ClassRef::read_many(reader, interface_count.into())?,
            fields: (0..field_count)
                .map(|_| FieldDescriptor::read(reader))
                .collect::<Result<_, _>>()?,
            methods: (0..method_count)
                .map(|_| MethodDescriptor::read(reader, extended))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl FieldDescriptor {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let [token, flags] = reader.array()?;
        Ok(Self {
            offset,
            token,
            is_static: flags & STATIC != 0,
            location: reader.array()?,
            kind: reader.u16()?,
        })
    }
}

impl MethodDescriptor {
    fn read(reader: &mut Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let [token, flags] = reader.array()?;
        Ok(Self {
            offset,
            token,
            is_abstract: flags & ABSTRACT != 0,
            position: MethodPosition::read(reader, extended)?,
            kind: reader.u16()?,
            code_size: reader.u16()?,
            handler_count: reader.u16()?,
            first_handler: reader.u16()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str, extended: bool) -> Result<Descriptor, DecodeError> {
        Descriptor::read(Reader::with_base(&bytes(hex), 3), extended)
    }

    #[test]
    fn reads_classes_fields_methods_and_types() {
        let descriptor = read(
            "02 05 41 0002 01 0000 0000 8003 \
             FF 91 0004 00 0002 0001 01 08 000006 8003 02 F7 000408 0008 \
             07 40 0020 0006 0010 0002 0001 0001 FFFF 01 10 03 B440",
            false,
        )
        .unwrap();
        let [interface, class] = &descriptor.packages[0][..] else {
            panic!("{descriptor:?}");
        };
        assert_eq!(descriptor.classes().count(), 2);
        let external = ClassRef::External {
            package: 0,
            class: 3,
        };
        assert!(interface.is_interface && !class.is_interface);
        assert_eq!((interface.offset, class.offset), (4, 15));
        assert_eq!((interface.token, class.token), (5, 0xFF));
        assert_eq!(interface.interfaces, [external]);
        assert_eq!(class.this_class, ClassRef::Internal(4));
        let field = |offset, token, is_static, location, kind| FieldDescriptor {
            offset,
            token,
            is_static,
            location,
            kind,
        };
        assert_eq!(
            class.fields,
            [
                field(24, 1, true, [0, 0, 6], 0x8003),
                field(31, 2, false, [0, 4, 8], 8)
            ]
        );
        assert_eq!(
            class.methods,
            [MethodDescriptor {
                offset: 38,
                token: 7,
                is_abstract: true,
                position: MethodPosition {
                    block: 0,
                    offset: 0x20
                },
                kind: 6,
                code_size: 16,
                handler_count: 2,
                first_handler: 1,
            }]
        );
        assert_eq!(descriptor.types_offset, 50);
        assert_eq!(descriptor.constant_types, [0xFFFF]);
        assert_eq!(descriptor.type_at(4).map(|t| t.offset), Some(54));
        assert_eq!(descriptor.type_at(6).map(|t| t.offset), Some(56));
        assert_eq!(descriptor.type_at(5), None);
    }

    #[test]
    fn reads_packages_and_blocks_of_the_extended_format() {
        let hex = "02 00 01 FF BF 0004 00 0000 0001 07 BF 030020 0006 0010 0002 0001 0000";
        let descriptor = read(hex, true).unwrap();
        assert_eq!(descriptor.packages[0], []);
        let class = &descriptor.packages[1][0];
        assert!(!class.is_interface && !class.methods[0].is_abstract);
        let position = MethodPosition {
            block: 3,
            offset: 0x20,
        };
        assert_eq!(class.methods[0].position, position);
    }

    #[test]
    fn refuses_malformed_components_with_offsets() {
        let truncated = |offset, needed| DecodeError::Truncated { offset, needed };
        for (hex, error) in [
            ("", truncated(3, 1)),
            ("01 FF", truncated(5, 1)),
            ("01 FF 00 0000 00 0001 0000 FF", truncated(14, 1)),
            (
                "01 FF 00 0000 00 0000 0001 FF00 0000 0000 0000 0000 00",
                truncated(24, 1),
            ),
            ("00 0002 FFFF 00", truncated(9, 1)),
            (
                "00 0000 01 70",
                DecodeError::InvalidValue {
                    offset: 6,
                    field: "type descriptor",
                },
            ),
        ] {
            assert_eq!(read(hex, false), Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60), extended: bool) {
            if let Err(error) = Descriptor::read(Reader::new(&data), extended) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
