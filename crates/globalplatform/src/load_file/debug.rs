//! The Debug component (JCVM 2.2.2, 6.14; in the compact format): names and source lines. It is
//! never loaded.

use alloc::{string::String, vec::Vec};

use crate::{error::DecodeError, tlv::Reader};

/// What the Debug component says, as far as it helps to tell what a file is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DebugInfo {
    /// Name of the package, with slashes.
    pub package: String,
    /// The classes and interfaces.
    pub classes: Vec<ClassDebug>,
}

/// A class or interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassDebug {
    /// Its full name, with slashes.
    pub name: String,
    /// Where it begins in the information of the Class component.
    pub location: u16,
    /// Names of its fields.
    pub fields: Vec<String>,
    /// Its methods.
    pub methods: Vec<MethodDebug>,
}

/// A method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodDebug {
    /// Its simple name.
    pub name: String,
    /// Where it begins in the information of the Method component; 0 for abstract methods.
    pub location: u16,
    /// Bytes of its header and of its byte code.
    pub size: (u8, u16),
}

/// Names by their index.
struct Strings(Vec<String>);

impl DebugInfo {
    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut off or too long, a name is not UTF-8, or an index is beyond the
    /// table of names.
    pub fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let strings = Strings::read(&mut reader)?;
        let package = strings.name(&mut reader)?;
        let count = reader.u16()?;
        let classes = (0..count)
            .map(|_| ClassDebug::read(&mut reader, &strings))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { package, classes })
    }
}

impl Strings {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.u16()?;
        let mut strings = Vec::new();
        for _ in 0..count {
            let length = reader.u16()?;
            let offset = reader.offset();
            let bytes = reader.take(length.into())?;
            match core::str::from_utf8(bytes) {
                Ok(string) => strings.push(string.into()),
                Err(error) => {
                    return Err(DecodeError::InvalidValue {
                        offset: offset + error.valid_up_to(),
                        field: "name",
                    });
                }
            }
        }
        Ok(Self(strings))
    }

    /// Reads the index of a name.
    fn name(&self, reader: &mut Reader<'_>) -> Result<String, DecodeError> {
        let offset = reader.offset();
        let index = usize::from(reader.u16()?);
        self.0.get(index).cloned().ok_or(DecodeError::InvalidValue {
            offset,
            field: "index of a name",
        })
    }
}

impl ClassDebug {
    fn read(reader: &mut Reader<'_>, strings: &Strings) -> Result<Self, DecodeError> {
        let name = strings.name(reader)?;
        let _flags = reader.u16()?;
        let location = reader.u16()?;
        // Index of the superclass's name: interfaces and java.lang.Object have none.
        reader.u16()?;
        strings.name(reader)?; // source file
        let interface_count = reader.u8()?;
        let field_count = reader.u16()?;
        let method_count = reader.u16()?;
        for _ in 0..interface_count {
            strings.name(reader)?;
        }
        Ok(Self {
            name,
            location,
            fields: (0..field_count)
                .map(|_| read_field(reader, strings))
                .collect::<Result<_, _>>()?,
            methods: (0..method_count)
                .map(|_| MethodDebug::read(reader, strings))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The name of a field; type, flags and place or value follow.
fn read_field(reader: &mut Reader<'_>, strings: &Strings) -> Result<String, DecodeError> {
    const FLAGS_AND_CONTENTS: usize = 6;
    let name = strings.name(reader)?;
    strings.name(reader)?;
    reader.take(FLAGS_AND_CONTENTS)?;
    Ok(name)
}

impl MethodDebug {
    fn read(reader: &mut Reader<'_>, strings: &Strings) -> Result<Self, DecodeError> {
        const VARIABLE: usize = 9;
        const LINE: usize = 6;
        let name = strings.name(reader)?;
        strings.name(reader)?; // types
        let _flags = reader.u16()?;
        let location = reader.u16()?;
        let size = (reader.u8()?, reader.u16()?);
        let variables = usize::from(reader.u16()?);
        let lines = usize::from(reader.u16()?);
        reader.take(variables * VARIABLE + lines * LINE)?;
        Ok(Self {
            name,
            location,
            size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_bytes, bytes};
    use proptest::prelude::*;

    fn read(hex: &str) -> Result<DebugInfo, DecodeError> {
        DebugInfo::read(Reader::with_base(&bytes(hex), 3))
    }

    /// Names "a", "b" and "".
    const NAMES: &str = "0003 0001 61 0001 62 0000";

    #[test]
    fn reads_names_of_classes_fields_and_methods() {
        let info = read(&alloc::format!(
            "{NAMES} 0000 0001 0001 0001 0004 FFFF 0002 01 0001 0001 0002 \
             0000 0001 0008 00000001 \
             0001 0002 0001 0012 02 0034 0001 0002 {} {} {}",
            "00 0000 0000 0000 0000",
            "000000000001",
            "000000000001"
        ))
        .unwrap();
        assert_eq!(
            info,
            DebugInfo {
                package: "a".into(),
                classes: alloc::vec![ClassDebug {
                    name: "b".into(),
                    location: 4,
                    fields: alloc::vec!["a".into()],
                    methods: alloc::vec![MethodDebug {
                        name: "b".into(),
                        location: 0x12,
                        size: (2, 0x34)
                    }],
                }],
            }
        );
    }

    #[test]
    fn refuses_malformed_components_with_offsets() {
        let invalid = |offset, field| DecodeError::InvalidValue { offset, field };
        let truncated = |offset, needed| DecodeError::Truncated { offset, needed };
        for (hex, error) in [
            ("0001 0003 61FF61".into(), invalid(8, "name")),
            ("0001 0003 6161".into(), truncated(9, 1)),
            (
                alloc::format!("{NAMES} 0003"),
                invalid(13, "index of a name"),
            ),
            (
                alloc::format!("{NAMES} 0002 0000 00"),
                DecodeError::TrailingBytes { offset: 17 },
            ),
            (
                alloc::format!("{NAMES} 0002 0001 0000 0001 0004 FFFF 0003"),
                invalid(25, "index of a name"),
            ),
            (
                alloc::format!(
                    "{NAMES} 0002 0001 0000 0001 0004 FFFF 0000 00 0000 0001 \
                     0001 0002 0001 0012 02 0034 0001 0001 00"
                ),
                truncated(48, 14),
            ),
        ] {
            assert_eq!(read(&hex), Err(error), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(data in any_bytes(0..60)) {
            let mut named = bytes(NAMES);
            named.extend_from_slice(&data);
            for data in [&data, &named] {
                if let Err(error) = DebugInfo::read(Reader::new(data)) {
                    prop_assert!(error.offset() <= data.len());
                }
            }
        }
    }
}
