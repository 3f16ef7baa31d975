//! Writes the CAP file of the JPKI applet for development and tests.
//!
//! The file is structurally valid after the Java Card Virtual Machine
//! Specification 2.2.2, chapter 6 (format 2.1: no package name, eleven
//! component sizes): one applet class with `install`, its constructor and
//! `process`, four imported packages, every reference listed. The byte code
//! only registers the applet; on the simulated card a Rust implementation is
//! bound to the package and module AIDs. A static byte array takes the place
//! of the code of a real applet, so that memory and loading are realistic.

use std::io::{Cursor, Write};

use globalplatform::aid::Aid;
use zip::write::SimpleFileOptions;

/// What the CAP file shall contain.
#[derive(Clone, Debug)]
pub struct CapContents {
    /// Package AID.
    pub package: Aid,
    /// Package version: major, minor.
    pub version: (u8, u8),
    /// AID of the one applet class.
    pub applet: Aid,
    /// Bytes of the static array that stands for a real applet's code.
    pub static_bytes: u16,
}

/// Tags of the components (JCVM 2.2.2, table 6-1).
mod tag {
    pub const HEADER: u8 = 1;
    pub const DIRECTORY: u8 = 2;
    pub const APPLET: u8 = 3;
    pub const IMPORT: u8 = 4;
    pub const CONSTANT_POOL: u8 = 5;
    pub const CLASS: u8 = 6;
    pub const METHOD: u8 = 7;
    pub const STATIC_FIELD: u8 = 8;
    pub const REFERENCE_LOCATION: u8 = 9;
    pub const DESCRIPTOR: u8 = 11;
}

/// Imported packages: AID and version (major, minor).
const IMPORTS: [(&[u8], (u8, u8)); 4] = [
    (&[0xA0, 0x00, 0x00, 0x00, 0x62, 0x01, 0x01], (1, 2)), // javacard.framework
    (&[0xA0, 0x00, 0x00, 0x00, 0x62, 0x00, 0x01], (1, 0)), // java.lang
    (&[0xA0, 0x00, 0x00, 0x00, 0x62, 0x01, 0x02], (1, 2)), // javacard.security
    (&[0xA0, 0x00, 0x00, 0x00, 0x62, 0x02, 0x01], (1, 2)), // javacardx.crypto
];

/// `javacard.framework.Applet`: import 0, class token 3.
const APPLET_CLASS: [u8; 2] = [0x80, 0x03];

// Offsets in the info of the Method component: one byte of handler count, then
// the methods, each with a two-byte header.
const CONSTRUCTOR: u16 = 1;
const INSTALL: u16 = CONSTRUCTOR + 2 + 5;
const PROCESS: u16 = INSTALL + 2 + 11;

/// Makes the CAP file.
///
/// # Errors
/// When the ZIP writer fails or the array does not fit a component.
pub fn write_cap(contents: &CapContents) -> anyhow::Result<Vec<u8>> {
    let mut components = vec![
        ("Header", tag::HEADER, header(contents)),
        ("Applet", tag::APPLET, applet(contents)),
        ("Import", tag::IMPORT, imports()?),
        ("ConstantPool", tag::CONSTANT_POOL, constant_pool()),
        ("Class", tag::CLASS, class()),
        ("Method", tag::METHOD, methods()),
        (
            "StaticField",
            tag::STATIC_FIELD,
            static_fields(contents.static_bytes)?,
        ),
        (
            "RefLocation",
            tag::REFERENCE_LOCATION,
            reference_locations(),
        ),
        ("Descriptor", tag::DESCRIPTOR, descriptor()),
    ];
    let directory = directory(&components, contents.static_bytes)?;
    components.insert(1, ("Directory", tag::DIRECTORY, directory));

    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.start_file("META-INF/MANIFEST.MF", options)?;
    zip.write_all(b"Manifest-Version: 1.0\r\nJava-Card-CAP-File-Version: 2.1\r\n\r\n")?;
    for (name, tag, info) in components {
        zip.start_file(format!("jp/go/jpki/javacard/{name}.cap"), options)?;
        zip.write_all(&[tag])?;
        zip.write_all(&u16::try_from(info.len())?.to_be_bytes())?;
        zip.write_all(&info)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn length_value(out: &mut Vec<u8>, aid: &[u8]) {
    out.push(aid.len() as u8);
    out.extend_from_slice(aid);
}

/// JCVM 6.3: magic, format version 2.1, flags (applet), package.
fn header(contents: &CapContents) -> Vec<u8> {
    let mut out = vec![0xDE, 0xCA, 0xFF, 0xED, 1, 2, 0x04];
    out.extend([contents.version.1, contents.version.0]);
    length_value(&mut out, contents.package.as_bytes());
    out
}

/// JCVM 6.4: sizes of the eleven components, static field sizes, counts.
fn directory(components: &[(&str, u8, Vec<u8>)], static_bytes: u16) -> anyhow::Result<Vec<u8>> {
    const SIZE: u16 = 11 * 2 + 6 + 3;
    let mut out = Vec::with_capacity(usize::from(SIZE));
    for tag in 1..=11u8 {
        let size = match components.iter().find(|component| component.1 == tag) {
            Some(component) => u16::try_from(component.2.len())?,
            None if tag == tag::DIRECTORY => SIZE,
            None => 0,
        };
        out.extend(size.to_be_bytes());
    }
    out.extend(2u16.to_be_bytes()); // image: one reference
    out.extend(1u16.to_be_bytes()); // one array is initialised
    out.extend(static_bytes.to_be_bytes());
    out.extend([IMPORTS.len() as u8, 1, 0]); // imports, applets, custom components
    Ok(out)
}

/// JCVM 6.5: the applet and where its `install` method is.
fn applet(contents: &CapContents) -> Vec<u8> {
    let mut out = vec![1];
    length_value(&mut out, contents.applet.as_bytes());
    out.extend(INSTALL.to_be_bytes());
    out
}

/// JCVM 6.6.
fn imports() -> anyhow::Result<Vec<u8>> {
    let mut out = vec![u8::try_from(IMPORTS.len())?];
    for (aid, (major, minor)) in IMPORTS {
        out.extend([minor, major]);
        length_value(&mut out, aid);
    }
    Ok(out)
}

/// JCVM 6.7: five entries of four bytes.
fn constant_pool() -> Vec<u8> {
    let [package, class] = APPLET_CLASS;
    let [constructor_high, constructor_low] = CONSTRUCTOR.to_be_bytes();
    let entries: [[u8; 4]; 5] = [
        [1, package, class, 0],                    // 0: class Applet
        [6, package, class, 0],                    // 1: Applet()
        [3, package, class, 1],                    // 2: Applet.register()
        [6, 0, constructor_high, constructor_low], // 3: our constructor
        [1, 0, 0, 0],                              // 4: our class, at offset 0
    ];
    let mut out = (entries.len() as u16).to_be_bytes().to_vec();
    out.extend(entries.concat());
    out
}

/// JCVM 6.8: one class below `Applet` that overrides `process` (token 7).
fn class() -> Vec<u8> {
    let mut out = vec![0x00]; // no flags, no interfaces
    out.extend(APPLET_CLASS);
    out.extend([0, 0xFF, 0]); // instance size, first reference token, reference count
    out.extend([7, 1, 0, 0]); // public table: base, count; package table: base, count
    out.extend(PROCESS.to_be_bytes());
    out
}

/// JCVM 6.9: no handlers, then constructor, `install`, `process`.
fn methods() -> Vec<u8> {
    let mut out = vec![0];
    out.extend([0x01, 0x10]); // stack 1; one argument
    out.extend([0x18, 0x8C, 0x00, 0x01, 0x7A]); // aload_0, invokespecial 1, return
    out.extend([0x02, 0x30]); // stack 2; three arguments
    out.extend([0x8F, 0x00, 0x04, 0x3D]); // new 4, dup
    out.extend([0x8C, 0x00, 0x03, 0x8B, 0x00, 0x02, 0x7A]); // invokespecial 3, invokevirtual 2, return
    out.extend([0x00, 0x20, 0x7A]); // process: two arguments, return
    out
}

/// JCVM 6.10: one byte array. Its bytes follow a fixed pattern.
fn static_fields(static_bytes: u16) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    out.extend(2u16.to_be_bytes()); // image size
    out.extend(1u16.to_be_bytes()); // references
    out.extend(1u16.to_be_bytes()); // arrays
    out.push(3); // of bytes
    out.extend(static_bytes.to_be_bytes());
    out.extend((0..static_bytes).map(|i| (i.wrapping_mul(31) >> 3) as u8));
    out.extend(0u16.to_be_bytes()); // default values
    out.extend(0u16.to_be_bytes()); // other values
    u16::try_from(out.len())?;
    Ok(out)
}

/// JCVM 6.11: where two-byte constant pool indices stand in the methods, each
/// as the distance to the one before.
fn reference_locations() -> Vec<u8> {
    let constructor = CONSTRUCTOR + 2 + 2;
    let new = INSTALL + 2 + 1;
    let invoke = new + 4;
    let register = invoke + 3;
    let mut out = 0u16.to_be_bytes().to_vec(); // one-byte indices
    out.extend(4u16.to_be_bytes());
    for distance in [
        constructor,
        new - constructor,
        invoke - new,
        register - invoke,
    ] {
        out.push(distance as u8);
    }
    out
}

/// JCVM 6.14: one class with three methods, no fields; the types of the methods.
fn descriptor() -> Vec<u8> {
    // Behind the count and the types of the five constant pool entries.
    const NOTHING: u16 = 2 + 5 * 2; // ()V
    const BYTES_SHORT_BYTE: u16 = NOTHING + 2; // ([BSB)V
    const APDU: u16 = BYTES_SHORT_BYTE + 3; // (Ljavacard/framework/APDU;)V
    const CLASS: u16 = 0xFFFF;
    let mut out = vec![1]; // classes
    out.extend([0x00, 0x01]); // token 0, public
    out.extend([0x00, 0x00]); // this class, at offset 0
    out.extend([0x00]); // interfaces
    out.extend(0u16.to_be_bytes()); // fields
    out.extend(3u16.to_be_bytes()); // methods
    for (token, flags, offset, kind, length) in [
        (0x00u8, 0x81u8, CONSTRUCTOR, NOTHING, 5u16), // public constructor
        (0x01, 0x09, INSTALL, BYTES_SHORT_BYTE, 11),  // public static
        (0x07, 0x01, PROCESS, APDU, 1),               // public
    ] {
        out.extend([token, flags]);
        for number in [offset, kind, length] {
            out.extend(number.to_be_bytes());
        }
        out.extend([0; 4]); // handlers: count, first index
    }
    out.extend(5u16.to_be_bytes()); // types of the constant pool
    for kind in [CLASS, NOTHING, NOTHING, NOTHING, CLASS] {
        out.extend(kind.to_be_bytes());
    }
    out.extend([1, 0x10]); // one digit: void
    out.extend([4, 0xB4, 0x31]); // byte array, short, byte, void
    out.extend([6, 0x68, 0x00, 0xA1]); // class 10 of import 0, void
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> CapContents {
        CapContents {
            package: "D392F0002601000000".parse().unwrap(),
            version: (1, 0),
            applet: "D392F000260100000001".parse().unwrap(),
            static_bytes: 6_144,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = write_cap(&contents()).unwrap();
        let read = globalplatform::cap::read_cap(&file).unwrap();
        assert_eq!(read.package_aid, contents().package);
        assert_eq!(read.version, (1, 0));
        assert_eq!(read.applets, [contents().applet]);
        assert_eq!(read.imports.len(), 4);
        assert!(read.data_block.len() > 6_144);
    }

    #[test]
    fn an_inspection_finds_nothing() {
        for static_bytes in [0, 6_144] {
            let file = write_cap(&CapContents {
                static_bytes,
                ..contents()
            });
            let report = globalplatform::cap::inspect_cap(&file.unwrap()).unwrap();
            assert_eq!(report.findings, []);
            assert_eq!(report.components.len(), 10);
        }
    }

    #[test]
    fn method_offsets_point_at_method_headers() {
        let methods = methods();
        assert_eq!(methods[usize::from(CONSTRUCTOR)], 0x01);
        assert_eq!(methods[usize::from(INSTALL)], 0x02);
        assert_eq!(methods[usize::from(PROCESS)..], [0x00, 0x20, 0x7A]);
    }
}
