//! Load files: the components of a Java Card package in the order in which a card takes them
//! (G 11.6.2.3; Java Card Virtual Machine Specification 3.1, chapter 6).
//!
//! [`LoadFile`] holds what both ends need to know. The host gets it from a CAP file (module `cap`,
//! feature of the same name) and sends [`LoadFile::load_file_structure`] in LOAD commands; the card
//! decodes the [`LoadFileStructure`] and reads the data block with [`LoadFile::from_data_block`].
//! [`Component`], [`Header`], [`Directory`], [`AppletList`] and [`ImportList`] are the pieces, each
//! with encoder and decoder; every other component has a decoder ([`ConstantPool`], [`ClassTable`],
//! [`MethodTable`], …). [`inspect_data_block`] compares what all of them say.

mod assembly;
mod bytecode;
mod class;
mod component;
mod constant_pool;
mod debug;
mod descriptor;
mod directory;
mod export;
mod header;
mod inspection;
mod method;
mod packages;
mod reference_location;
mod static_field;
mod static_resources;
mod structure;
mod type_descriptor;
mod well_known;

use alloc::{string::String, vec::Vec};

use sha2::{Digest, Sha256};

#[cfg(feature = "cap")]
pub(crate) use assembly::{Fault, assemble};
pub use bytecode::{Instruction, Reference, Target};
pub use class::{ClassInfo, ClassTable, ImplementedInterface, TypeInfo, TypeKind};
pub use component::{Component, ComponentKind};
pub use constant_pool::{ClassRef, Constant, ConstantPool, Member};
pub use debug::{ClassDebug, DebugInfo, MethodDebug};
pub use descriptor::{ClassDescriptor, Descriptor, FieldDescriptor, MethodDescriptor};
pub use directory::{CustomComponent, Directory, StaticFieldSize};
pub use export::{ClassExport, Exports, PackageExports};
pub use header::{Header, PackageInfo};
#[cfg(all(test, feature = "cap"))]
pub(crate) use inspection::tests::sample::Sample;
pub use inspection::{
    CapReport, ComponentSummary, Finding, MemoryForecast, Severity, inspect_data_block,
};
#[cfg(feature = "cap")]
pub(crate) use inspection::{Findings, inspect};
pub use method::{ExceptionHandler, MethodBlock, MethodHeader, MethodPosition, MethodTable};
pub use packages::{Applet, AppletList, ImportList};
pub use reference_location::{BlockReferences, IndexLocation, ReferenceLocations};
pub use static_field::{StaticArray, StaticFields};
pub use static_resources::{StaticResource, StaticResources};
pub use structure::{DapBlock, LoadFileStructure};
pub use type_descriptor::TypeDescriptor;
pub use well_known::package_name;

use crate::{
    aid::Aid,
    error::{DecodeError, EncodeError},
    tlv::{Reader, Writer},
};

/// A package that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFile {
    /// AID of the package; of the CAP file when it is in the extended format.
    pub package_aid: Aid,
    /// Major and minor version of the package (of the CAP file in the extended format).
    pub version: (u8, u8),
    /// The package's name, with slashes, when the file tells it.
    pub package_name: Option<String>,
    /// Major and minor version of the CAP format: 2.1 to 2.3.
    pub format: (u8, u8),
    /// Whether it is in the extended format of Java Card 3.1, with several packages and more than
    /// 64 KiB of code.
    pub extended: bool,
    /// AIDs of the applets, which are the modules of the load file.
    pub applets: Vec<Aid>,
    /// Packages that must be on the card.
    pub imports: Vec<ImportedPackage>,
    /// The load file data block: the components in load order, without Descriptor and Debug.
    pub data_block: Vec<u8>,
}

/// A package that another one needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportedPackage {
    /// AID of the package.
    pub aid: Aid,
    /// Major version, which must be the same on the card, and minor version, which may be higher.
    pub version: (u8, u8),
}

impl LoadFile {
    /// Reads the components of a load file data block, as a card does. Components that are not
    /// needed to run (Descriptor, Debug, custom ones) may be among them.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in the data block: malformed or repeated components, no Header
    /// or Directory in front, or sizes and counts that contradict the Directory.
    pub fn from_data_block(data_block: &[u8]) -> Result<Self, DecodeError> {
        let components = Component::read_all(Reader::new(data_block))?;
        let parts = assembly::assemble(&components).map_err(|fault| fault.error)?;
        Ok(parts.into_load_file(data_block.to_vec()))
    }

    /// SHA-256 over the load file data block: the hash for INSTALL [for load] and DAP.
    #[must_use]
    pub fn hash_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.data_block).into()
    }

    /// What LOAD transports: the data block as C4, without DAP blocks.
    #[must_use]
    pub fn load_file_structure(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.tlv(structure::DATA_BLOCK, &self.data_block);
        writer.into_vec()
    }

    /// Size of the data block in bytes.
    #[must_use]
    pub fn code_size(&self) -> usize {
        self.data_block.len()
    }
}

/// A number that has to fit a field of one, two or four bytes.
fn count<T: TryFrom<usize> + Bounded>(
    field: &'static str,
    length: usize,
) -> Result<T, EncodeError> {
    T::try_from(length).map_err(|_| EncodeError::TooLong {
        field,
        length,
        limit: T::LIMIT,
    })
}

/// The largest value of a field.
trait Bounded {
    const LIMIT: usize;
}

impl Bounded for u8 {
    const LIMIT: usize = 0xFF;
}

impl Bounded for u16 {
    const LIMIT: usize = 0xFFFF;
}

impl Bounded for u32 {
    const LIMIT: usize = 0xFFFF_FFFF;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::commands::testing::bytes;
    use alloc::vec;
    use proptest::prelude::*;

    /// A small package in format 2.2 with one applet and one import.
    pub(crate) fn sample(extended: bool) -> Vec<Component<'static>> {
        let minor = if extended { 3 } else { 2 };
        let header = Header {
            format: (2, minor),
            uses_int: false,
            cap: extended.then(|| PackageInfo {
                aid: "D392F0002601000000".parse().unwrap(),
                version: (1, 2),
            }),
            packages: vec![PackageInfo {
                aid: "D392F0002601000000".parse().unwrap(),
                version: (1, 2),
            }],
            names: vec!["jp/example/jpki".into()],
            has_export: false,
            has_applet: true,
        };
        let applets = AppletList {
            applets: vec![Applet {
                aid: "D392F000260100000001".parse().unwrap(),
                install_method_block: 0,
                install_method_offset: 7,
            }],
        };
        let imports = ImportList {
            packages: vec![ImportedPackage {
                aid: "A0000000620101".parse().unwrap(),
                version: (1, 6),
            }],
        };
        let method_info = if extended {
            vec![1, 0, 0, 0, 5, 0, 9, 9]
        } else {
            vec![0, 9, 9]
        };
        let mut infos = vec![
            (ComponentKind::Header, header.encode().unwrap()),
            (ComponentKind::Import, imports.encode().unwrap()),
            (ComponentKind::Applet, applets.encode(extended).unwrap()),
            (ComponentKind::Class, vec![0; 12]),
            (ComponentKind::Method, method_info),
            (ComponentKind::StaticField, vec![0; 10]),
            (ComponentKind::ConstantPool, vec![0, 0]),
            (ComponentKind::ReferenceLocation, vec![0, 0, 0, 0]),
        ];
        let mut directory = Directory {
            import_count: 1,
            applet_count: 1,
            method_block_count: u8::from(extended),
            ..Directory::default()
        };
        for (kind, info) in &infos {
            directory.set_size(*kind, info.len() as u32);
        }
        // Not loaded, but announced, as converters do.
        directory.set_size(ComponentKind::Descriptor, 77);
        let size = directory.encode((2, minor), extended).unwrap().len();
        directory.set_size(ComponentKind::Directory, size as u32);
        infos.insert(
            1,
            (
                ComponentKind::Directory,
                directory.encode((2, minor), extended).unwrap(),
            ),
        );
        infos
            .into_iter()
            .map(|(kind, info)| Component::new(kind, Vec::leak(info)))
            .collect()
    }

    fn block(components: &[Component<'_>], extended: bool) -> Vec<u8> {
        components
            .iter()
            .flat_map(|c| c.encode(extended).unwrap())
            .collect()
    }

    #[test]
    fn reads_what_it_wrote_in_both_formats() {
        for extended in [false, true] {
            let data_block = block(&sample(extended), extended);
            let file = LoadFile::from_data_block(&data_block).unwrap();
            assert_eq!(file.package_aid, "D392F0002601000000".parse().unwrap());
            assert_eq!(file.version, (1, 2));
            assert_eq!(file.package_name.as_deref(), Some("jp/example/jpki"));
            assert_eq!(file.extended, extended);
            assert_eq!(file.applets, ["D392F000260100000001".parse().unwrap()]);
            assert_eq!(file.imports[0].version, (1, 6));
            assert_eq!(file.data_block, data_block);
            assert_eq!(file.code_size(), data_block.len());
            let structure = LoadFileStructure::decode(&file.load_file_structure()).unwrap();
            assert_eq!(structure.data_block, data_block);
        }
    }

    #[test]
    fn hashes_the_data_block() {
        let mut file = LoadFile::from_data_block(&block(&sample(false), false)).unwrap();
        file.data_block = b"abc".to_vec();
        assert_eq!(
            file.hash_sha256().to_vec(),
            bytes("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")
        );
    }

    #[test]
    fn reads_a_package_of_format_2_1() {
        // Header without a name, directory with eleven sizes; Debug and a custom component follow.
        let mut data_block = bytes(
            "010011 DECAFFED 0102 00 0001 07 A0000000620301 \
             02001F 0011 001F 0000 0001 0002 0000 0001 000A 0004 0000 0000 0000 0000 0000 00 00 00 \
             040001 00 \
             070001 00 \
             08000A 00000000000000000000 \
             050002 0000 \
             090004 00000000 \
             0C0001 00 \
             800002 0102",
        );
        let file = LoadFile::from_data_block(&data_block).unwrap();
        assert_eq!(file.format, (2, 1));
        assert_eq!(file.version, (1, 0));
        assert_eq!((file.package_name, file.applets.len()), (None, 0));
        // One byte less in Header; the reader then looks for the directory in the middle of nowhere.
        data_block[2] -= 1;
        assert!(LoadFile::from_data_block(&data_block).is_err());
    }

    #[test]
    fn refuses_components_that_contradict_the_directory() {
        let good = sample(false);
        let header = good[0].encode(false).unwrap().len();
        let sizes = header + 3;
        let with = |index: usize, info: &'static [u8]| {
            let mut bad = good.clone();
            bad[index] = Component::new(bad[index].kind().unwrap(), info);
            LoadFile::from_data_block(&block(&bad, false)).unwrap_err()
        };
        // Class has the sixth entry, two bytes each.
        assert_eq!(
            with(4, &[0; 11]),
            DecodeError::InvalidValue {
                offset: sizes + 10,
                field: "component size"
            }
        );
        let without = |index: usize| {
            let mut bad = good.clone();
            bad.remove(index);
            LoadFile::from_data_block(&block(&bad, false)).unwrap_err()
        };
        // Method has the seventh.
        assert_eq!(
            without(5),
            DecodeError::InvalidValue {
                offset: sizes + 12,
                field: "component size"
            }
        );
        assert_eq!(
            without(0),
            DecodeError::UnexpectedTag {
                offset: 0,
                expected: 1,
                found: 2
            }
        );
        assert_eq!(
            without(1),
            DecodeError::UnexpectedTag {
                offset: header,
                expected: 2,
                found: 4
            }
        );
        let mut twice = good.clone();
        twice.push(twice[8].clone());
        let end = block(&good, false).len();
        assert_eq!(
            LoadFile::from_data_block(&block(&twice, false)),
            Err(DecodeError::InvalidValue {
                offset: end,
                field: "repeated component"
            })
        );
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_panics(extended: bool, at in any::<prop::sample::Index>(), value: u8) {
            let mut data_block = block(&sample(extended), extended);
            let at = at.index(data_block.len());
            data_block[at] = value;
            if let Err(error) = LoadFile::from_data_block(&data_block) {
                prop_assert!(error.offset() <= data_block.len());
            }
        }

        #[test]
        fn a_cut_block_is_refused(extended: bool, at in any::<prop::sample::Index>()) {
            let data_block = block(&sample(extended), extended);
            let at = at.index(data_block.len());
            let error = LoadFile::from_data_block(&data_block[..at]).unwrap_err();
            prop_assert!(error.offset() <= at);
        }

        #[test]
        fn any_bytes_decode_or_fail_inside_the_input(
            bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Err(error) = LoadFile::from_data_block(&bytes) {
                prop_assert!(error.offset() <= bytes.len());
            }
        }
    }
}
