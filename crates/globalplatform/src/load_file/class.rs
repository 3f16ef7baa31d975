//! The Class component (JCVM 3.1, 6.9): interfaces and classes with their method tables.

use alloc::vec::Vec;

use super::{constant_pool::ClassRef, method::MethodPosition};
use crate::{error::DecodeError, tlv::Reader};

const INTERFACE: u8 = 0x80;
const SHAREABLE: u8 = 0x40;
const REMOTE: u8 = 0x20;
/// The reference that stands for no superclass.
const NO_CLASS: [u8; 2] = [0xFF, 0xFF];
/// The offset of a method that is inherited from another package.
const INHERITED: u16 = 0xFFFF;

/// What the Class component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassTable {
    /// Type descriptors of remote methods; empty before format 2.2.
    pub signature_pool: Vec<u8>,
    /// Interfaces, then classes.
    pub types: Vec<TypeInfo>,
}

/// An interface or a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeInfo {
    /// Where it begins in the information of the component: what references name.
    pub offset: usize,
    /// Whether other packages may call it through the firewall.
    pub is_shareable: bool,
    /// What it is.
    pub kind: TypeKind,
}

/// What tells interfaces from classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// An interface.
    Interface {
        /// All interfaces that it extends.
        superinterfaces: Vec<ClassRef>,
    },
    /// A class.
    Class(ClassInfo),
}

/// A class (JCVM 3.1, 6.9.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassInfo {
    /// Its superclass; none for `java.lang.Object` only.
    pub superclass: Option<ClassRef>,
    /// Cells of two bytes for the fields that it declares.
    pub instance_size: u8,
    /// Token of the first field that is a reference, FF without one.
    pub first_reference: u8,
    /// How many of its fields are references.
    pub reference_count: u8,
    /// Token of the first entry of the table of public methods.
    pub public_base: u8,
    /// Where public and protected methods begin; `None` for those of a superclass in another
    /// package.
    pub public_methods: Vec<Option<MethodPosition>>,
    /// Token of the first entry of the table of package-visible methods.
    pub package_base: u8,
    /// Where package-visible methods begin.
    pub package_methods: Vec<Option<MethodPosition>>,
    /// The interfaces that it implements.
    pub interfaces: Vec<ImplementedInterface>,
    /// Interfaces that can be called from outside the card.
    pub remote_interfaces: Vec<ClassRef>,
}

/// An interface that a class implements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImplementedInterface {
    /// The interface.
    pub interface: ClassRef,
    /// Token of the class's method for each method of the interface.
    pub methods: Vec<u8>,
}

impl ClassTable {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off.
    pub fn read(
        mut reader: Reader<'_>,
        format: (u8, u8),
        extended: bool,
    ) -> Result<Self, DecodeError> {
        let base = reader.offset();
        let signature_pool = if format >= (2, 2) {
            let length = reader.u16()?;
            reader.take(length.into())?.to_vec()
        } else {
            Vec::new()
        };
        let mut types = Vec::new();
        while !reader.is_empty() {
            let offset = reader.offset() - base;
            types.push(TypeInfo::read(&mut reader, offset, format, extended)?);
        }
        Ok(Self {
            signature_pool,
            types,
        })
    }

    /// The interface or class that begins at this offset of the information.
    #[must_use]
    pub fn at(&self, offset: u16) -> Option<&TypeInfo> {
        let offset = usize::from(offset);
        let index = self
            .types
            .binary_search_by_key(&offset, |info| info.offset)
            .ok()?;
        self.types.get(index)
    }
}

impl TypeInfo {
    /// Whether it is an interface.
    #[must_use]
    pub const fn is_interface(&self) -> bool {
        matches!(self.kind, TypeKind::Interface { .. })
    }

    fn read(
        reader: &mut Reader<'_>,
        offset: usize,
        format: (u8, u8),
        extended: bool,
    ) -> Result<Self, DecodeError> {
        let bits = reader.u8()?;
        let count = usize::from(bits & 0x0F);
        let is_remote = bits & REMOTE != 0;
        let kind = if bits & INTERFACE == 0 {
            TypeKind::Class(ClassInfo::read(reader, count, is_remote, format, extended)?)
        } else {
            let superinterfaces = ClassRef::read_many(reader, count)?;
            if is_remote {
                read_counted(reader)?; // its name
            }
            TypeKind::Interface { superinterfaces }
        };
        Ok(Self {
            offset,
            is_shareable: bits & SHAREABLE != 0,
            kind,
        })
    }
}

impl ClassInfo {
    fn read(
        reader: &mut Reader<'_>,
        interface_count: usize,
        is_remote: bool,
        format: (u8, u8),
        extended: bool,
    ) -> Result<Self, DecodeError> {
        let superclass: [u8; 2] = reader.array()?;
        let [instance_size, first_reference, reference_count] = reader.array()?;
        let [public_base, public_count, package_base, package_count] = reader.array()?;
        let public_methods = read_methods(reader, public_count, extended)?;
        let package_methods = read_methods(reader, package_count, extended)?;
        let interfaces = (0..interface_count)
            .map(|_| ImplementedInterface::read(reader))
            .collect::<Result<_, _>>()?;
        let remote_interfaces = if is_remote {
            read_remote_interfaces(reader)?
        } else {
            Vec::new()
        };
        if format >= (2, 3) {
            // Tokens of the methods under format 2.2, and how many of them are inherited.
            let tokens = usize::from(public_base) + usize::from(public_count);
            reader.take(tokens + 1)?;
        }
        Ok(Self {
            superclass: (superclass != NO_CLASS).then(|| ClassRef::from_bytes(superclass)),
            instance_size,
            first_reference,
            reference_count,
            public_base,
            public_methods,
            package_base,
            package_methods,
            interfaces,
            remote_interfaces,
        })
    }
}

impl ImplementedInterface {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            interface: ClassRef::read(reader)?,
            methods: read_counted(reader)?.to_vec(),
        })
    }
}

fn read_methods(
    reader: &mut Reader<'_>,
    count: u8,
    extended: bool,
) -> Result<Vec<Option<MethodPosition>>, DecodeError> {
    let position = |reader: &mut Reader<'_>| {
        let position = MethodPosition::read(reader, extended)?;
        Ok((position.offset != INHERITED).then_some(position))
    };
    (0..count).map(|_| position(reader)).collect()
}

/// What is only needed for calls from outside the card (JCVM 3.1, 6.9.2.6): methods by their hash,
/// a hash modifier, the name of the class, and interfaces.
fn read_remote_interfaces(reader: &mut Reader<'_>) -> Result<Vec<ClassRef>, DecodeError> {
    const METHOD: usize = 5;
    let methods = reader.u8()?;
    reader.take(usize::from(methods) * METHOD)?;
    read_counted(reader)?;
    read_counted(reader)?;
    let count = reader.u8()?;
    ClassRef::read_many(reader, count.into())
}

/// A count of one byte and as many bytes.
fn read_counted<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let count = reader.u8()?;
    reader.take(count.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str, minor: u8, extended: bool) -> Result<ClassTable, DecodeError> {
        ClassTable::read(Reader::with_base(&bytes(hex), 3), (2, minor), extended)
    }

    fn class(table: &ClassTable, index: usize) -> &ClassInfo {
        match &table.types[index].kind {
            TypeKind::Class(class) => class,
            interface => panic!("{interface:?}"),
        }
    }

    #[test]
    fn reads_interfaces_and_classes_of_format_2_1() {
        let table = read(
            "C1 8005 80 02 0000 02 FF 00 01 02 80 01 0102 FFFF 0304 8006 02 0708 0000 00",
            1,
            false,
        )
        .unwrap();
        assert_eq!(table.signature_pool, []);
        let offsets: Vec<_> = table
            .types
            .iter()
            .map(|t| (t.offset, t.is_interface(), t.is_shareable))
            .collect();
        assert_eq!(
            offsets,
            [(0, true, true), (3, true, false), (4, false, false)]
        );
        let external = |class| ClassRef::External { package: 0, class };
        let TypeKind::Interface { superinterfaces } = &table.types[0].kind else {
            panic!("no interface");
        };
        assert_eq!(superinterfaces, &[external(5)]);
        let method = |offset| Some(MethodPosition { block: 0, offset });
        let interface = |interface, methods: &[u8]| ImplementedInterface {
            interface,
            methods: methods.to_vec(),
        };
        assert_eq!(
            class(&table, 2),
            &ClassInfo {
                superclass: Some(ClassRef::Internal(0)),
                instance_size: 2,
                first_reference: 0xFF,
                reference_count: 0,
                public_base: 1,
                public_methods: alloc::vec![method(0x0102), None],
                package_base: 0x80,
                package_methods: alloc::vec![method(0x0304)],
                interfaces: alloc::vec![
                    interface(external(6), &[7, 8]),
                    interface(ClassRef::Internal(0), &[])
                ],
                remote_interfaces: alloc::vec![],
            }
        );
        assert_eq!(table.at(3).map(|t| t.offset), Some(3));
        assert_eq!(table.at(2), None);
    }

    #[test]
    fn reads_what_later_formats_added() {
        // Signature pool, remote interface with name, remote class.
        let hex = "0002 0110 A0 01 41 20 FFFF 00 FF 00 00 00 00 00 \
                   01 1122 0000 05 02 2324 01 42 02 8101 0004";
        let table = read(hex, 2, false).unwrap();
        assert_eq!(table.signature_pool, [1, 0x10]);
        assert_eq!(table.types[0].offset, 4);
        assert_eq!(table.types[1].offset, 7);
        let remote = class(&table, 1);
        assert_eq!(remote.superclass, None);
        assert_eq!(
            remote.remote_interfaces,
            [
                ClassRef::External {
                    package: 1,
                    class: 1
                },
                ClassRef::Internal(4)
            ]
        );
        // Format 2.3: a token for each of base + count methods, and a count.
        let table = read(
            "0000 00 8003 00 FF 00 07 01 00 00 0102 0001020304050607 08",
            3,
            false,
        );
        assert_eq!(class(&table.unwrap(), 0).public_methods.len(), 1);
        // Extended: a block in front of each offset.
        let table = read(
            "0000 00 8003 00 FF 00 00 02 00 01 010002 00FFFF 030004 0001 02",
            3,
            true,
        );
        let table = table.unwrap();
        let method = |block, offset| Some(MethodPosition { block, offset });
        assert_eq!(class(&table, 0).public_methods, [method(1, 2), None]);
        assert_eq!(class(&table, 0).package_methods, [method(3, 4)]);
    }

    #[test]
    fn refuses_cut_components_with_offsets() {
        for (hex, minor, offset, needed) in [
            ("00", 2, 4, 1),
            ("0002 00", 2, 6, 1),
            ("C2 8005 80", 1, 7, 1),
            ("00 8003 00 FF 00 00 00 00", 1, 12, 1),
            ("00 8003 00 FF 00 00 01 00 00", 1, 13, 2),
            ("00 8003 00 FF 00 00 00 00 01 00", 1, 14, 1),
            ("01 8003 00 FF 00 00 00 00 00 8001 02 00", 1, 17, 1),
            ("A0 02 41", 1, 6, 1),
            ("20 FFFF 00 FF 00 00 00 00 00 01 11220000", 1, 18, 1),
            ("0000 00 8003 00 FF 00 01 01 00 00 0001 0001", 3, 19, 1),
        ] {
            let error = DecodeError::Truncated { offset, needed };
            assert_eq!(read(hex, minor, false), Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60), minor in 0u8..5, extended: bool) {
            if let Err(error) = ClassTable::read(Reader::new(&data), (2, minor), extended) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
