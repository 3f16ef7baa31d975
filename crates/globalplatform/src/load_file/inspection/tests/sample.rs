//! Packages without fault, small but with something of everything.

use alloc::vec::Vec;

use super::super::{
    super::{Component, ComponentKind, Directory, StaticFieldSize},
    CapReport, Findings, inspect,
};
use crate::commands::testing::bytes;

/// The components of a package by their information.
#[derive(Clone)]
pub struct Sample {
    pub infos: Vec<(ComponentKind, Vec<u8>)>,
    /// Custom components, encoded.
    pub extra: Vec<Vec<u8>>,
    format: (u8, u8),
    extended: bool,
    directory: Directory,
}

impl Sample {
    /// An applet with a shareable interface (at 2 of Class), its class (at 5) and a subclass (at
    /// 25); five methods (at 9, 16, 29, 47 and 49), an exception handler, static fields.
    pub fn compact() -> Self {
        use ComponentKind as Kind;
        let infos = [
            (
                Kind::Header,
                "DECAFFED 02 02 06 00 01 06 A000000151AA 03 612F62",
            ),
            (Kind::Directory, ""),
            (Kind::Applet, "01 07 A000000151AA01 0010"),
            (
                Kind::Import,
                "02 0201 07 A0000000620101 0001 07 A0000000620001",
            ),
            (
                Kind::ConstantPool,
                "000A 01800300 06800300 03800301 06000009 01000500 02000500 05000000 01000200 \
                 06801002 04000507",
            ),
            (
                Kind::Class,
                "0000 C1 8005 41 8003 02 00 01 07 02 00 01 001D 002F 0031 0002 01 08 \
                 00 0005 00 FF 00 07 00 00 00",
            ),
            (
                Kind::Method,
                "01 001F 800D 002C 0004 \
                 01 10 18 8C0001 7A \
                 02 30 8F0004 3D 8C0003 8B0002 7A \
                 02 21 AD05 6006 7F0006 7A 94000000 93 3B 70F9 \
                 40 10 \
                 80 02 01 00 8E01000700 8D0008 7A",
            ),
            (
                Kind::StaticField,
                "0004 0001 0001 03 0002 AABB 0001 0001 CC",
            ),
            (
                Kind::ReferenceLocation,
                "0001 20 0009 07 06 06 04 03 0A 05 0E 04",
            ),
            (Kind::Export, "01 0002 00 00"),
            (
                Kind::Descriptor,
                "03 \
                 00 41 0002 00 0000 0001 0041 0000 0016 0000 0000 0000 \
                 FF 00 0005 01 0002 0005 0002 \
                 0002 000500 001B FF0A 000000 001F \
                 FF80 0009 0016 0005 0000 0000 0109 0010 0018 000B 0000 0000 \
                 0701 001D 0016 0010 0001 0000 0841 002F 0016 0000 0000 0000 \
                 8000 0031 0016 0009 0000 0000 \
                 FF 00 0019 00 0000 0000 \
                 000A FFFF 0016 0016 0016 FFFF 001B 001F FFFF 0016 0016 \
                 01 10 04 B431 05 600050 01 B0",
            ),
            (
                Kind::Debug,
                "0001 0001 61 0000 0001 0000 0001 0005 0000 0000 00 0000 0000",
            ),
        ];
        let directory = Directory {
            static_field: StaticFieldSize {
                image_size: 4,
                array_init_count: 1,
                array_init_size: 2,
            },
            import_count: 2,
            applet_count: 1,
            ..Directory::default()
        };
        Self::new(&infos, (2, 2), false, directory)
    }

    /// An applet whose methods lie in two blocks, with a static resource.
    pub fn extended() -> Self {
        use ComponentKind as Kind;
        let infos = [
            (
                Kind::Header,
                "DECAFFED 03 02 0D 01 02 06 A000000151AA 01 00 01 06 A000000151AB 00",
            ),
            (Kind::Directory, ""),
            (Kind::Applet, "01 07 A000000151AA01 00 0001"),
            (Kind::Import, "01 0201 07 A0000000620101"),
            (Kind::ConstantPool, "0002 01800300 06010004"),
            (
                Kind::Class,
                "0000 00 8003 00 FF 00 07 01 00 00 010001 0001020304050607 08",
            ),
            (
                Kind::Method,
                "02 00000009 00000010 00 0230 8D0001 7A 00 0110 7A 0000 7A",
            ),
            (Kind::StaticField, "0000 0000 0000 0000 0000"),
            (Kind::ReferenceLocation, "02 0000 0001 04 0000 0000"),
            (
                Kind::Descriptor,
                "01 01 FF 00 0002 00 0000 0003 \
                 0109 00 0001 0006 0004 0000 0000 0701 01 0001 0006 0001 0000 0000 \
                 FF0A 01 0004 0006 0001 0000 0000 \
                 0002 FFFF 0006 01 10",
            ),
            (Kind::StaticResources, "0001 0001 00000001 FF"),
        ];
        let directory = Directory {
            import_count: 1,
            applet_count: 1,
            method_block_count: 2,
            ..Directory::default()
        };
        Self::new(&infos, (2, 3), true, directory)
    }

    fn new(
        infos: &[(ComponentKind, &str)],
        format: (u8, u8),
        extended: bool,
        directory: Directory,
    ) -> Self {
        let mut sample = Self {
            infos: infos
                .iter()
                .map(|(kind, info)| (*kind, bytes(info)))
                .collect(),
            extra: Vec::new(),
            format,
            extended,
            directory,
        };
        sample.update_directory();
        sample
    }

    /// Changes what the Directory says, except for the sizes.
    pub fn with_directory(&mut self, change: impl Fn(&mut Directory)) {
        change(&mut self.directory);
        self.update_directory();
    }

    fn update_directory(&mut self) {
        let mut directory = self.directory.clone();
        for (kind, info) in &self.infos {
            directory.set_size(*kind, info.len() as u32);
        }
        let size = directory.encode(self.format, self.extended).unwrap().len();
        directory.set_size(ComponentKind::Directory, size as u32);
        let encoded = directory.encode(self.format, self.extended).unwrap();
        *self.info(ComponentKind::Directory) = encoded;
    }

    pub fn info(&mut self, kind: ComponentKind) -> &mut Vec<u8> {
        let found = self.infos.iter_mut().find(|(known, _)| *known == kind);
        &mut found.unwrap().1
    }

    /// Replaces a component, or adds it, with the Directory to match.
    pub fn set(&mut self, kind: ComponentKind, info: Vec<u8>) {
        match self.infos.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, old)) => *old = info,
            None => self.infos.push((kind, info)),
        }
        if kind != ComponentKind::Directory {
            self.update_directory();
        }
    }

    /// Removes a component, and its size from the Directory.
    pub fn remove(&mut self, kind: ComponentKind) {
        self.infos.retain(|(known, _)| *known != kind);
        if kind != ComponentKind::Directory {
            self.update_directory();
        }
    }

    /// What is loaded.
    pub fn data_block(&self) -> Vec<u8> {
        self.infos
            .iter()
            .filter(|(kind, _)| ComponentKind::LOAD_ORDER.contains(kind))
            .flat_map(|(kind, info)| Component::new(*kind, info).encode(self.extended).unwrap())
            .collect()
    }

    pub fn inspect(&self) -> CapReport {
        let encoded: Vec<Vec<u8>> = self
            .infos
            .iter()
            .map(|(kind, info)| Component::new(*kind, info).encode(self.extended).unwrap())
            .chain(self.extra.iter().cloned())
            .collect();
        let components: Vec<_> = encoded
            .iter()
            .map(|bytes| {
                let mut reader = crate::tlv::Reader::new(bytes);
                Component::read(&mut reader, self.extended).unwrap()
            })
            .collect();
        inspect(&components, Vec::new(), Findings::default())
    }
}
