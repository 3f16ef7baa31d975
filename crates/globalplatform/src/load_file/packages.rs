//! The Applet and Import components (JCVM 3.1, 6.6 and 6.7).

use alloc::vec::Vec;

use super::{
    ImportedPackage, count,
    header::{PackageInfo, read_aid, write_aid},
};
use crate::{
    aid::Aid,
    error::{DecodeError, EncodeError},
    tlv::{Reader, Writer},
};

/// What the Applet component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppletList {
    /// The applets, at most 255.
    pub applets: Vec<Applet>,
}

/// An applet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applet {
    /// Its AID.
    pub aid: Aid,
    /// Block of the Method component that holds its install method; only in the extended format.
    pub install_method_block: u8,
    /// Where its install method begins in the information of the Method component, or in the block.
    pub install_method_offset: u16,
}

impl AppletList {
    /// The information of the component.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] with more than 255 applets.
    pub fn encode(&self, extended: bool) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        writer.u8(count("applet list", self.applets.len())?);
        for applet in &self.applets {
            write_aid(&mut writer, &applet.aid);
            if extended {
                writer.u8(applet.install_method_block);
            }
            writer.u16(applet.install_method_offset);
        }
        Ok(writer.into_vec())
    }

    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed.
    pub fn read(mut reader: Reader<'_>, extended: bool) -> Result<Self, DecodeError> {
        let count = reader.u8()?;
        let mut applets = Vec::new();
        for _ in 0..count {
            applets.push(Applet {
                aid: read_aid(&mut reader)?,
                install_method_block: if extended { reader.u8()? } else { 0 },
                install_method_offset: reader.u16()?,
            });
        }
        reader.finish()?;
        Ok(Self { applets })
    }
}

/// What the Import component says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportList {
    /// The packages, at most 255; their index is what the byte code knows them by.
    pub packages: Vec<ImportedPackage>,
}

impl ImportList {
    /// The information of the component.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] with more than 255 packages.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        writer.u8(count("import list", self.packages.len())?);
        for package in &self.packages {
            package.write(&mut writer);
        }
        Ok(writer.into_vec())
    }

    /// Reads the information of the component.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed.
    pub fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.u8()?;
        let packages = (0..count)
            .map(|_| PackageInfo::read(&mut reader))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { packages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{any_aid, any_bytes, bytes};
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn refuses_malformed_components_with_offsets() {
        for (hex, offset) in [
            ("", 0),
            ("01", 1),
            ("01 04 A0000001 0000", 1),
            ("01 05 A000000151 00", 8),
            ("00 00", 1),
        ] {
            let error = AppletList::read(Reader::new(&bytes(hex)), false).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
        for (hex, offset) in [("", 0), ("01 00", 2), ("01 0001 11", 4), ("00 00", 1)] {
            let error = ImportList::read(Reader::new(&bytes(hex))).unwrap_err();
            assert_eq!(error.offset(), offset, "{hex}: {error}");
        }
    }

    proptest! {
        #[test]
        fn applets_round_trip(extended: bool, applets in vec((any_aid(), any::<(u8, u16)>()), 0..9)) {
            let list = AppletList {
                applets: applets
                    .into_iter()
                    .map(|(aid, (block, install_method_offset))| Applet {
                        aid,
                        install_method_block: if extended { block } else { 0 },
                        install_method_offset,
                    })
                    .collect(),
            };
            let bytes = list.encode(extended).unwrap();
            prop_assert_eq!(AppletList::read(Reader::new(&bytes), extended), Ok(list));
        }

        #[test]
        fn imports_round_trip(packages in vec((any_aid(), any::<(u8, u8)>()), 0..9)) {
            let packages = packages
                .into_iter()
                .map(|(aid, version)| ImportedPackage { aid, version })
                .collect();
            let list = ImportList { packages };
            prop_assert_eq!(ImportList::read(Reader::new(&list.encode().unwrap())), Ok(list));
        }

        #[test]
        fn nothing_panics(data in any_bytes(0..60), extended: bool) {
            let _ = AppletList::read(Reader::new(&data), extended);
            let _ = ImportList::read(Reader::new(&data));
        }
    }
}
