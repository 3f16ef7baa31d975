//! The Export component (JCVM 3.1, 6.13): what other packages may refer to.

use alloc::vec::Vec;

use super::method::MethodPosition;
use crate::{error::DecodeError, tlv::Reader};

/// What the Export component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports {
    /// The public packages; exactly one in the compact format.
    pub packages: Vec<PackageExports>,
}

/// What a package exports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageExports {
    /// Its public classes and interfaces, whose index is their token.
    pub classes: Vec<ClassExport>,
}

/// An exported class or interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassExport {
    /// Where the entry begins in what the component was read from.
    pub offset: usize,
    /// Where the class begins in the information of the Class component.
    pub class: u16,
    /// Offsets of its static fields in the static field image, in the order of their tokens.
    pub fields: Vec<u16>,
    /// Its static methods and constructors, in the order of their tokens.
    pub methods: Vec<MethodPosition>,
}

impl Exports {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off or too long.
    pub fn read(mut reader: Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        let count = if extended { reader.u8()? } else { 1 };
        let mut packages = Vec::new();
        for _ in 0..count {
            let class_count = reader.u8()?;
            let classes = (0..class_count)
                .map(|_| ClassExport::read(&mut reader, extended))
                .collect::<Result<_, _>>()?;
            packages.push(PackageExports { classes });
        }
        reader.finish()?;
        Ok(Self { packages })
    }
}

impl ClassExport {
    fn read(reader: &mut Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let class = reader.u16()?;
        let [field_count, method_count] = reader.array()?;
        Ok(Self {
            offset,
            class,
            fields: (0..field_count)
                .map(|_| reader.u16())
                .collect::<Result<_, _>>()?,
            methods: (0..method_count)
                .map(|_| MethodPosition::read(reader, extended))
                .collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str, extended: bool) -> Result<Exports, DecodeError> {
        Exports::read(Reader::with_base(&bytes(hex), 3), extended)
    }

    #[test]
    fn reads_classes_with_their_static_members() {
        let method = |block, offset| MethodPosition { block, offset };
        let export = |offset, class, fields: &[u16], methods: &[MethodPosition]| ClassExport {
            offset,
            class,
            fields: fields.to_vec(),
            methods: methods.to_vec(),
        };
        let compact = read("02 0010 02 01 0000 0004 0020 0030 00 00", false).unwrap();
        assert_eq!(
            compact.packages[0].classes,
            [
                export(4, 0x10, &[0, 4], &[method(0, 0x20)]),
                export(14, 0x30, &[], &[])
            ]
        );
        let extended = read("02 00 01 0010 00 01 030020", true).unwrap();
        assert_eq!(extended.packages[0].classes, []);
        assert_eq!(
            extended.packages[1].classes,
            [export(6, 0x10, &[], &[method(3, 0x20)])]
        );
    }

    #[test]
    fn refuses_malformed_components_with_offsets() {
        let truncated = |offset, needed| DecodeError::Truncated { offset, needed };
        for (hex, extended, error) in [
            ("", false, truncated(3, 1)),
            ("01 0010 00", false, truncated(7, 1)),
            ("01 0010 01 00 00", false, truncated(9, 1)),
            ("01 01 0010 00 01 0000", true, truncated(11, 1)),
            ("00 00", false, DecodeError::TrailingBytes { offset: 4 }),
            ("02 00", true, truncated(5, 1)),
        ] {
            assert_eq!(read(hex, extended), Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60), extended: bool) {
            if let Err(error) = Exports::read(Reader::new(&data), extended) {
                prop_assert!(error.offset() <= data.len());
            }
        }
    }
}
