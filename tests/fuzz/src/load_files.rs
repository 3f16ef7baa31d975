//! Load files and CAP files, and every component of them.

use std::io::{Cursor, Write as _};

use globalplatform::cap::{inspect_cap, read_cap};
use globalplatform::error::DecodeError;
use globalplatform::load_file::{
    AppletList, ClassTable, Component, ComponentKind, ConstantPool, DebugInfo, Descriptor,
    Directory, Exports, Header, ImportList, Instruction, LoadFile, LoadFileStructure, MethodTable,
    ReferenceLocations, StaticFields, StaticResources, TypeDescriptor, inspect_data_block,
};
use globalplatform::tlv::Reader;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::input::Input;
use crate::oracle;

/// In which of the formats a component is read: the first byte of the input.
#[derive(Debug, Clone, Copy)]
struct Format {
    version: (u8, u8),
    extended: bool,
}

/// Runs `read` on all but the first byte; errors must point inside.
fn component<T>(
    data: &[u8],
    read: impl FnOnce(Reader<'_>, Format) -> Result<T, DecodeError>,
) -> Option<T> {
    let (flags, data) = data.split_first()?;
    let format = Format {
        version: (2, 1 + (flags >> 1 & 3).min(2)),
        extended: flags & 1 != 0,
    };
    match read(Reader::new(data), format) {
        Ok(component) => Some(component),
        Err(error) => {
            oracle::points_inside(error, data.len());
            None
        }
    }
}

/// [`Header`].
pub fn header(data: &[u8]) {
    oracle::data_object(
        data,
        |data| Header::read(Reader::new(data)),
        |header| header.encode().unwrap_or_default(),
    );
}

/// [`Directory`].
pub fn directory(data: &[u8]) {
    component(data, |reader, format| {
        let directory = Directory::read(reader, format.version, format.extended)?;
        let encoded = directory
            .encode(format.version, format.extended)
            .unwrap_or_default();
        let again = Directory::read(Reader::new(&encoded), format.version, format.extended);
        assert_eq!(again, Ok(directory));
        Ok(())
    });
}

/// [`ImportList`].
pub fn import_list(data: &[u8]) {
    oracle::data_object(
        data,
        |data| ImportList::read(Reader::new(data)),
        |imports| imports.encode().unwrap_or_default(),
    );
}

/// [`AppletList`].
pub fn applet_list(data: &[u8]) {
    component(data, |reader, format| {
        let applets = AppletList::read(reader, format.extended)?;
        let encoded = applets.encode(format.extended).unwrap_or_default();
        assert_eq!(
            AppletList::read(Reader::new(&encoded), format.extended),
            Ok(applets)
        );
        Ok(())
    });
}

/// [`ClassTable`]: what is found lies where it says.
pub fn class_table(data: &[u8]) {
    component(data, |reader, format| {
        let table = ClassTable::read(reader, format.version, format.extended)?;
        assert!(table.types.len() <= data.len());
        for info in &table.types {
            let at = u16::try_from(info.offset)
                .ok()
                .and_then(|offset| table.at(offset));
            assert!(at.is_none_or(|at| at == info));
        }
        Ok(())
    });
}

/// [`ConstantPool`]: four bytes each.
pub fn constant_pool(data: &[u8]) {
    if let Ok(pool) = ConstantPool::read(Reader::new(data)) {
        assert_eq!(pool.constants.len() * 4 + 2, data.len());
    }
}

/// [`StaticFields`].
pub fn static_fields(data: &[u8]) {
    component(data, |reader, _| {
        let fields = StaticFields::read(reader)?;
        assert!(fields.array_bytes() <= data.len());
        let _ = fields.sizes();
        Ok(())
    });
}

/// [`StaticResources`].
pub fn static_resources(data: &[u8]) {
    if let Ok(resources) = StaticResources::read(Reader::new(data)) {
        let total: usize = resources
            .resources
            .iter()
            .map(|resource| resource.content.len())
            .sum();
        assert!(total + 2 <= data.len());
    }
}

/// [`Exports`].
pub fn exports(data: &[u8]) {
    component(data, |reader, format| {
        Exports::read(reader, format.extended)
    });
}

/// [`ReferenceLocations`]: in ascending order.
pub fn reference_locations(data: &[u8]) {
    component(data, |reader, format| {
        let locations = ReferenceLocations::read(reader, format.extended)?;
        for block in &locations.blocks {
            for list in [&block.short, &block.long] {
                assert!(list.is_sorted_by_key(|location| location.target));
            }
        }
        Ok(())
    });
}

/// [`MethodTable`], with the header of a method at every offset.
pub fn method_table(data: &[u8]) {
    component(data, |reader, format| {
        let table = MethodTable::read(reader, format.extended)?;
        for block in &table.blocks {
            for offset in 0..=block.info.len() {
                if let Err(error) = block.header(offset) {
                    oracle::points_inside(error, block.info.len().max(block.code_start()) + 2);
                }
            }
        }
        Ok(())
    });
}

/// [`Instruction`] after instruction.
pub fn instructions(data: &[u8]) {
    let mut reader = Reader::new(data);
    while !reader.is_empty() {
        let before = reader.offset();
        match Instruction::read(&mut reader) {
            Ok(instruction) => {
                assert_eq!(reader.offset(), before + instruction.length);
                assert!(instruction.jumps.len() <= instruction.length);
            }
            Err(error) => return oracle::points_inside(error, data.len()),
        }
    }
}

/// [`TypeDescriptor`] after type descriptor.
pub fn type_descriptors(data: &[u8]) {
    match TypeDescriptor::read_all(&mut Reader::new(data)) {
        Ok(descriptors) => {
            let first = TypeDescriptor::read(&mut Reader::new(data)).ok();
            assert_eq!(descriptors.first(), first.as_ref());
            assert!(descriptors.is_sorted_by_key(|descriptor| descriptor.offset));
        }
        Err(error) => oracle::points_inside(error, data.len()),
    }
}

/// [`Descriptor`].
pub fn descriptor(data: &[u8]) {
    component(data, |reader, format| {
        let descriptor = Descriptor::read(reader, format.extended)?;
        assert!(descriptor.classes().count() <= data.len());
        for offset in (0..=u16::MAX).step_by(251) {
            let _ = descriptor.type_at(offset);
        }
        Ok(())
    });
}

/// [`DebugInfo`].
pub fn debug_info(data: &[u8]) {
    component(data, |reader, _| DebugInfo::read(reader));
}

/// [`Component::read_all`]: what is read is what is written.
pub fn components(data: &[u8]) {
    match Component::read_all(Reader::new(data)) {
        Ok(components) => {
            let extended = components
                .first()
                .is_some_and(Component::announces_extended);
            let encoded = components
                .iter()
                .map(|component| component.encode(extended));
            let encoded: Vec<u8> = encoded.flat_map(Result::unwrap_or_default).collect();
            assert_eq!(encoded, data);
        }
        Err(error) => oracle::points_inside(error, data.len()),
    }
}

/// [`LoadFile`] from a data block, as a card reads it.
pub fn load_file(data: &[u8]) {
    match LoadFile::from_data_block(data) {
        Ok(file) => {
            assert_eq!(file.data_block, data);
            let structure = file.load_file_structure();
            let structure = LoadFileStructure::decode(&structure);
            assert_eq!(
                structure.map(|structure| structure.data_block).as_deref(),
                Ok(data)
            );
        }
        Err(error) => oracle::points_inside(error, data.len()),
    }
}

/// [`inspect_data_block`], with its report in words. A package that a card takes may have faults;
/// one that has none is taken.
pub fn inspection(data: &[u8]) {
    match inspect_data_block(data) {
        Ok(report) => {
            assert!(!report.to_string().is_empty());
            if !report.has_errors() {
                assert!(LoadFile::from_data_block(data).is_ok());
            }
        }
        Err(error) => oracle::points_inside(error, data.len()),
    }
}

/// A whole CAP file as bytes.
pub fn cap(data: &[u8]) {
    check_cap(data);
}

/// A CAP file made of the files that the input holds: a fuzzer finds no checksum of an archive.
pub fn cap_files(data: &[u8]) {
    let mut input = Input::new(data);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for _ in 0..20 {
        if input.is_empty() {
            break;
        }
        let folder = input.choice(&["a/b/javacard/", "", "a/b/javacard/", "other/"]);
        let kind = input.choice(&ComponentKind::ALL);
        let name = format!("{folder}{}.cap", kind.file_stem());
        let length = usize::from(input.u16() % 1024);
        let content: Vec<u8> = (0..length).map(|_| input.u8()).collect();
        if archive
            .start_file(name, SimpleFileOptions::default())
            .is_ok()
        {
            let _ = archive.write_all(&content);
        }
    }
    if let Ok(archive) = archive.finish() {
        check_cap(&archive.into_inner());
    }
}

fn check_cap(data: &[u8]) {
    let report = inspect_cap(data);
    if let Ok(file) = read_cap(data) {
        assert_eq!(LoadFile::from_data_block(&file.data_block), Ok(file));
    }
    if let Ok(report) = report {
        assert!(!report.to_string().is_empty());
    }
}
