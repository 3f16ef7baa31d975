//! A CAP file for tests, with a load file of several pieces.

use std::io::{Cursor, Write as _};

use globalplatform::aid::Aid;
use globalplatform::load_file::{
    Applet, AppletList, Component, ComponentKind, Directory, Header, ImportList, ImportedPackage,
    PackageInfo,
};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub const PACKAGE: &str = "D392F0002601000000";
pub const MODULE: &str = "D392F000260100000001";

pub fn aid(text: &str) -> Aid {
    text.parse().unwrap()
}

/// The package in this version.
pub fn cap(version: (u8, u8)) -> Vec<u8> {
    let header = Header {
        format: (2, 2),
        uses_int: false,
        cap: None,
        packages: vec![PackageInfo {
            aid: aid(PACKAGE),
            version,
        }],
        names: vec!["jp/example".into()],
        has_export: false,
        has_applet: true,
    };
    let applet = Applet {
        aid: aid(MODULE),
        install_method_block: 0,
        install_method_offset: 7,
    };
    let framework = ImportedPackage {
        aid: aid("A0000000620101"),
        version: (1, 6),
    };
    let method: Vec<u8> = (0..7_000_u16)
        .map(|n| if n == 0 { 0 } else { n as u8 })
        .collect();
    let mut infos = vec![
        (ComponentKind::Header, header.encode().unwrap()),
        (
            ComponentKind::Import,
            ImportList {
                packages: vec![framework],
            }
            .encode()
            .unwrap(),
        ),
        (
            ComponentKind::Applet,
            AppletList {
                applets: vec![applet],
            }
            .encode(false)
            .unwrap(),
        ),
        (ComponentKind::Class, vec![0; 12]),
        (ComponentKind::Method, method),
        (ComponentKind::StaticField, vec![0; 10]),
        (ComponentKind::ConstantPool, vec![0, 0]),
        (ComponentKind::ReferenceLocation, vec![0, 0, 0, 0]),
    ];
    let mut directory = Directory {
        import_count: 1,
        applet_count: 1,
        ..Directory::default()
    };
    for (kind, info) in &infos {
        directory.set_size(*kind, info.len() as u32);
    }
    let size = directory.encode((2, 2), false).unwrap().len();
    directory.set_size(ComponentKind::Directory, size as u32);
    let directory = directory.encode((2, 2), false).unwrap();
    infos.insert(1, (ComponentKind::Directory, directory));

    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (kind, info) in infos {
        let component = Component::new(kind, &info).encode(false).unwrap();
        let path = format!("jp/example/javacard/{}.cap", kind.file_stem());
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(&component).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
