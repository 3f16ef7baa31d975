//! CAP files that no compiler made: what the card reads of them is right.

use globalplatform::aid::Aid;
use globalplatform::load_file::{
    Applet, AppletList, Component, ComponentKind, Directory, Header, ImportList, ImportedPackage,
    LoadFileStructure,
};

use crate::terminal::*;

/// A load file data block with header, directory, import and applet components, filled up to about `size` bytes.
pub fn data_block(
    package: Aid,
    modules: &[Aid],
    imports: &[(&[u8], (u8, u8))],
    size: usize,
) -> Vec<u8> {
    let format = (2, 2);
    let header = Header {
        format,
        uses_int: false,
        has_export: false,
        has_applet: !modules.is_empty(),
        cap: None,
        packages: vec![ImportedPackage {
            aid: package,
            version: (1, 0),
        }],
        names: Vec::new(),
    };
    let applets = AppletList {
        applets: modules
            .iter()
            .map(|aid| Applet {
                aid: *aid,
                install_method_block: 0,
                install_method_offset: 0x10,
            })
            .collect(),
    };
    let packages = imports.iter().map(|(aid, version)| {
        let aid = Aid::new(aid).unwrap();
        ImportedPackage {
            aid,
            version: *version,
        }
    });
    let imports = ImportList {
        packages: packages.collect(),
    };
    let mut contents = vec![
        (ComponentKind::Header, header.encode().unwrap()),
        (ComponentKind::Import, imports.encode().unwrap()),
        (ComponentKind::Method, vec![0x5A; size]),
    ];
    if !modules.is_empty() {
        contents.insert(2, (ComponentKind::Applet, applets.encode(false).unwrap()));
    }
    let mut directory = Directory {
        import_count: imports.packages.len() as u8,
        applet_count: modules.len() as u8,
        ..Directory::default()
    };
    for (kind, info) in &contents {
        directory.set_size(*kind, info.len() as u32);
    }
    let length = directory.encode(format, false).unwrap().len();
    directory.set_size(ComponentKind::Directory, length as u32);
    contents.insert(
        1,
        (
            ComponentKind::Directory,
            directory.encode(format, false).unwrap(),
        ),
    );
    let components = contents.iter();
    components
        .flat_map(|(kind, info)| Component::new(*kind, info).encode(false).unwrap())
        .collect()
}

/// Wraps a data block into the structure that LOAD transports.
pub fn load_file_structure(data_block: &[u8]) -> Vec<u8> {
    LoadFileStructure::new(data_block).encode()
}

/// The data block of the unknown package.
pub fn foreign() -> Vec<u8> {
    data_block(PACKAGE, &[MODULE], &[], 300)
}

/// The JPKI package, with imports that every card has.
pub fn jpki_data_block() -> Vec<u8> {
    let framework: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x62, 0x01, 0x01];
    data_block(JPKI_PACKAGE, &[JPKI], &[(framework, (1, 2))], 2000)
}
