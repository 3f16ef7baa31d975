//! The Header component (JCVM 3.1, 6.4).

use alloc::{string::String, vec::Vec};

use super::{ImportedPackage, component::EXTENDED, count};
use crate::{
    aid::Aid,
    error::{DecodeError, EncodeError},
    tlv::{Reader, Writer},
};

const MAGIC: [u8; 4] = [0xDE, 0xCA, 0xFF, 0xED];
/// The only major version of the format.
const MAJOR: u8 = 2;
const USES_INT: u8 = 0x01;
const HAS_EXPORT: u8 = 0x02;
const HAS_APPLET: u8 = 0x04;

/// Version and AID of a package, or of a CAP file in the extended format.
pub type PackageInfo = ImportedPackage;

/// What the Header component says. In the compact format there is one package and no `cap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Major and minor version of the CAP format.
    pub format: (u8, u8),
    /// Whether the 32-bit integer type is used.
    pub uses_int: bool,
    /// Whether there is an Export component.
    pub has_export: bool,
    /// Whether there is an Applet component.
    pub has_applet: bool,
    /// Version and AID of the CAP file; only in the extended format, which it implies.
    pub cap: Option<PackageInfo>,
    /// The packages; exactly one in the compact format.
    pub packages: Vec<PackageInfo>,
    /// Their names, with slashes, as far as they are told; empty before format 2.2.
    pub names: Vec<String>,
}

impl Header {
    /// Whether the format is extended.
    #[must_use]
    pub const fn is_extended(&self) -> bool {
        self.cap.is_some()
    }

    /// What identifies the load file: the CAP file in the extended format, else the package.
    #[must_use]
    pub fn identity(&self) -> Option<PackageInfo> {
        self.cap.or_else(|| self.packages.first().copied())
    }

    /// The information of the component.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] with more than 255 packages, or bytes in a name.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        writer.bytes(&MAGIC);
        writer.u8(self.format.1);
        writer.u8(self.format.0);
        let flag = |set, bit| if set { bit } else { 0 };
        writer.u8(flag(self.uses_int, USES_INT)
            | flag(self.has_export, HAS_EXPORT)
            | flag(self.has_applet, HAS_APPLET)
            | flag(self.is_extended(), EXTENDED));
        if let Some(cap) = &self.cap {
            cap.write(&mut writer);
            writer.u8(count("package list", self.packages.len())?);
        }
        for package in &self.packages {
            package.write(&mut writer);
        }
        for name in &self.names {
            writer.u8(count("package name", name.len())?);
            writer.bytes(name.as_bytes());
        }
        Ok(writer.into_vec())
    }

    /// Reads the information of the component. Names are optional in every version: converters do
    /// not agree on them.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed or of another major version.
    pub fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        if reader.array()? != MAGIC {
            return Err(DecodeError::InvalidValue {
                offset,
                field: "magic number",
            });
        }
        let minor = reader.u8()?;
        let offset = reader.offset();
        let major = reader.u8()?;
        if major != MAJOR {
            return Err(DecodeError::InvalidValue {
                offset,
                field: "CAP format version",
            });
        }
        let flags = reader.u8()?;
        let (cap, count) = if flags & EXTENDED == 0 {
            (None, 1)
        } else {
            (Some(PackageInfo::read(&mut reader)?), reader.u8()?)
        };
        let packages = (0..count)
            .map(|_| PackageInfo::read(&mut reader))
            .collect::<Result<_, _>>()?;
        let mut names = Vec::new();
        for _ in 0..count {
            if !reader.is_empty() {
                names.push(read_name(&mut reader)?);
            }
        }
        reader.finish()?;
        Ok(Self {
            format: (major, minor),
            uses_int: flags & USES_INT != 0,
            has_export: flags & HAS_EXPORT != 0,
            has_applet: flags & HAS_APPLET != 0,
            cap,
            packages,
            names,
        })
    }
}

fn read_name(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let length = reader.u8()?;
    let offset = reader.offset();
    let name = reader.take(length.into())?;
    match core::str::from_utf8(name) {
        Ok(name) => Ok(name.into()),
        Err(error) => Err(DecodeError::InvalidValue {
            offset: offset + error.valid_up_to(),
            field: "package name",
        }),
    }
}

impl PackageInfo {
    pub(super) fn write(&self, writer: &mut Writer) {
        let (major, minor) = self.version;
        writer.u8(minor);
        writer.u8(major);
        write_aid(writer, &self.aid);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let minor = reader.u8()?;
        let major = reader.u8()?;
        Ok(Self {
            aid: read_aid(reader)?,
            version: (major, minor),
        })
    }
}

/// Writes a length of one byte and an AID, which has at most 16.
pub(super) fn write_aid(writer: &mut Writer, aid: &Aid) {
    writer.lv(aid.as_bytes());
}

/// Reads a length of one byte and an AID.
pub(super) fn read_aid(reader: &mut Reader<'_>) -> Result<Aid, DecodeError> {
    let offset = reader.offset();
    let length = reader.u8()?;
    Aid::decode(reader.take(length.into())?, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_bytes, bytes};
    use alloc::vec;
    use proptest::prelude::*;

    fn read(hex: &str) -> Result<Header, DecodeError> {
        Header::read(Reader::new(&bytes(hex)))
    }

    #[test]
    fn reads_headers_with_and_without_a_name() {
        for (hex, names) in [
            ("DECAFFED 0102 04 0001 05 4444444444", vec![]),
            (
                "DECAFFED 0202 04 0001 05 4444444444 00",
                vec![String::new()],
            ),
            (
                "DECAFFED 0202 04 0001 05 4444444444 03 612F62",
                vec!["a/b".into()],
            ),
        ] {
            let header = read(hex).unwrap();
            assert_eq!(header.names, names);
            assert_eq!(header.identity().unwrap().version, (1, 0));
            assert!(header.has_applet && !header.is_extended());
            assert_eq!(header.encode(), Ok(bytes(hex)));
        }
    }

    #[test]
    fn identifies_an_extended_file_by_itself() {
        let hex = "DECAFFED 0302 0C 0201 05 AAAAAAAAAA 02 \
            0001 05 4444444444 0003 05 5555555555 0161 0162";
        let header = read(hex).unwrap();
        assert_eq!(
            header.identity().unwrap().aid,
            "AAAAAAAAAA".parse().unwrap()
        );
        assert_eq!(header.identity().unwrap().version, (1, 2));
        assert_eq!((header.packages.len(), header.names.len()), (2, 2));
        assert_eq!(header.encode(), Ok(bytes(hex)));
    }

    #[test]
    fn refuses_malformed_headers_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("CAFEBABE 0102 04", 0),
            ("DECAFFED 0103 04 0001 05 4444444444", 5),
            ("DECAFFED 0102 04 0001 04 44444444", 9),
            ("DECAFFED 0102 04 0001 05 44444444", 14),
            ("DECAFFED 0102 04 0001 05 4444444444 02 61", 17),
            ("DECAFFED 0102 04 0001 05 4444444444 02 61FF", 17),
            ("DECAFFED 0102 04 0001 05 4444444444 00 00", 16),
            ("DECAFFED 0302 08 0201 05 AAAAAAAAAA 01", 16),
        ] {
            let error = read(hex).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    fn any_info() -> impl Strategy<Value = PackageInfo> {
        (any_aid(), any::<(u8, u8)>()).prop_map(|(aid, version)| PackageInfo { aid, version })
    }

    proptest! {
        #[test]
        fn round_trips(minor: u8, flags: [bool; 3], cap in proptest::option::of(any_info()),
            packages in proptest::collection::vec(any_info(), 0..4), name in "[a-z/]{0,20}") {
            let [uses_int, has_export, has_applet] = flags;
            let mut packages = packages;
            if cap.is_none() {
                packages = vec![PackageInfo { aid: "A000000151".parse().unwrap(), version: (1, 0) }];
            }
            let names = packages.iter().map(|_| name.clone()).collect();
            let header = Header {
                format: (2, minor), uses_int, has_export, has_applet, cap, packages, names };
            prop_assert_eq!(Header::read(Reader::new(&header.encode().unwrap())), Ok(header));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..50), magic: bool) {
            let mut bytes = if magic { MAGIC.to_vec() } else { vec![] };
            bytes.extend(data);
            if let Err(error) = Header::read(Reader::new(&bytes)) {
                prop_assert!(error.offset() <= bytes.len());
            }
        }
    }
}
