//! Tests of the CAP reader on archives made here.

use alloc::{format, string::ToString, vec};
use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::load_file::{Sample, inspect_data_block, tests::sample};

/// An archive of these files.
fn archive<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (i, (path, content)) in files.into_iter().enumerate() {
        let method = [CompressionMethod::Deflated, CompressionMethod::Stored][i % 2];
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(path, options).unwrap();
        zip.write_all(&content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The files of the sample package in a folder, in another order than that of loading.
fn files(folder: &str, extended: bool) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = sample(extended)
        .iter()
        .map(|component| {
            let kind = component.kind().unwrap();
            let long = kind.has_long_size(extended);
            let extension = if long { "capx" } else { "cap" };
            let path = format!("{folder}{}.{extension}", kind.file_stem());
            (path, component.encode(extended).unwrap())
        })
        .collect();
    files.reverse();
    files
}

fn cap(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    archive(
        files
            .iter()
            .map(|(path, content)| (path.as_str(), content.clone())),
    )
}

#[test]
fn reads_both_formats_from_any_folder() {
    for extended in [false, true] {
        for folder in [
            "jp/example/jpki/javacard/",
            "javacard/",
            "x\\javacard\\",
            "",
        ] {
            let file = read_cap(&cap(&files(folder, extended))).unwrap();
            let expected: Vec<u8> = sample(extended)
                .iter()
                .flat_map(|c| c.encode(extended).unwrap())
                .collect();
            assert_eq!(file.data_block, expected, "{folder}");
            assert_eq!(file.extended, extended);
            assert_eq!(LoadFile::from_data_block(&expected).unwrap(), file);
        }
    }
}

#[test]
fn skips_what_is_not_loaded() {
    let mut with_more = files("a/javacard/", false);
    let plain = read_cap(&cap(&with_more)).unwrap();
    let mut descriptor = vec![11, 0, 77];
    descriptor.extend([0; 77]);
    for (path, content) in [
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0".to_vec()),
        ("APPLET-INF/applet.xml", b"<applet-app/>".to_vec()),
        ("a/javacard/Descriptor.cap", descriptor),
        ("a/javacard/Debug.cap", b"not a component".to_vec()),
        ("a/javacard/Vendor.cap", vec![0x80, 0, 1, 7]),
        ("a/javacard/a.exp", vec![0, 0xFA]),
        ("b/Header.cap", vec![]),
    ] {
        with_more.push((path.into(), content));
    }
    assert_eq!(read_cap(&cap(&with_more)).unwrap(), plain);
}

#[test]
fn refuses_archives_without_exactly_one_package() {
    assert!(matches!(read_cap(b"PK"), Err(CapError::Archive(_))));
    assert!(matches!(read_cap(&archive([])), Err(CapError::NoPackage)));
    let mut two = files("a/javacard/", false);
    two.extend(files("b/javacard/", false));
    let error = read_cap(&cap(&two)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "archive has several packages: a/javacard and b/javacard"
    );
    let mut twice = files("javacard/", false);
    twice.push(("javacard/METHOD.CAP".into(), vec![7, 0, 0]));
    assert!(matches!(
        read_cap(&cap(&twice)),
        Err(CapError::Repeated {
            component: "Method"
        })
    ));
}

#[test]
fn names_the_component_and_the_offset_of_a_fault() {
    let fault = |stem: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = files("javacard/", false);
        for (path, content) in &mut files {
            if path.contains(stem) {
                change(content);
            }
        }
        match read_cap(&cap(&files)) {
            Err(CapError::Malformed { component, source }) => (component, source),
            other => panic!("{other:?}"),
        }
    };
    let trailing = |offset| DecodeError::TrailingBytes { offset };
    assert_eq!(fault("Class", &|c| c.push(0)), ("Class", trailing(15)));
    let truncated = DecodeError::Truncated {
        offset: 14,
        needed: 1,
    };
    assert_eq!(fault("Class", &|c| _ = c.pop()), ("Class", truncated));
    let tag = DecodeError::UnexpectedTag {
        offset: 0,
        expected: 5,
        found: 6,
    };
    assert_eq!(fault("ConstantPool", &|c| c[0] = 6), ("ConstantPool", tag));
    let empty = DecodeError::Truncated {
        offset: 0,
        needed: 1,
    };
    assert_eq!(fault("Import", &Vec::clear), ("Import", empty));
    let magic = DecodeError::InvalidValue {
        offset: 3,
        field: "magic number",
    };
    assert_eq!(fault("Header", &|c| c[3] = 0), ("Header", magic));
    let size = DecodeError::InvalidValue {
        offset: 13,
        field: "component size",
    };
    let longer = |c: &mut Vec<u8>| {
        c[2] += 1;
        c.push(0);
    };
    assert_eq!(fault("Class", &longer), ("Directory", size));
    let count = |offset, field| DecodeError::InvalidValue { offset, field };
    let at = 3 + 24 + 6;
    assert_eq!(
        fault("Directory", &|c| c[at] = 2),
        ("Directory", count(at, "import count"))
    );
    assert_eq!(
        fault("Directory", &|c| c[at + 1] = 2),
        ("Directory", count(at + 1, "applet count"))
    );
}

#[test]
fn refuses_to_unpack_a_bomb() {
    let mut bomb = files("javacard/", false);
    // First, since every second file is only stored.
    bomb.insert(
        0,
        ("javacard/StaticResources.capx".into(), vec![0; 64 << 20]),
    );
    let bomb = cap(&bomb);
    assert!(bomb.len() < 1 << 20, "it does not compress");
    assert!(matches!(
        read_cap(&bomb),
        Err(CapError::TooLarge {
            component: "StaticResources"
        })
    ));
    let mut names: Vec<_> = (0..=MAX_ENTRIES)
        .map(|i| (format!("{i}"), vec![]))
        .collect();
    assert!(matches!(
        read_cap(&cap(&names)),
        Err(CapError::TooManyEntries { entries }) if entries == MAX_ENTRIES + 1
    ));
    names.pop();
    assert!(matches!(
        read_cap(&cap(&names)),
        Err(error) if !matches!(error, CapError::TooManyEntries { .. })
    ));
}

/// The files of a package without fault.
fn sound(extended: bool) -> Vec<(String, Vec<u8>)> {
    let sample = if extended {
        Sample::extended()
    } else {
        Sample::compact()
    };
    let encode = |kind: ComponentKind, info: &[u8]| {
        let path = format!("javacard/{}.cap", kind.file_stem());
        (path, Component::new(kind, info).encode(extended).unwrap())
    };
    sample
        .infos
        .iter()
        .map(|(kind, info)| encode(*kind, info))
        .collect()
}

fn findings(files: &[(String, Vec<u8>)]) -> Vec<String> {
    let report = inspect_cap(&cap(files)).unwrap();
    report.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn inspects_every_component_of_both_formats() {
    for extended in [false, true] {
        let files = sound(extended);
        let report = inspect_cap(&cap(&files)).unwrap();
        assert_eq!(report.findings, []);
        assert_eq!(report.components.len(), files.len());
        let loaded = read_cap(&cap(&files)).unwrap();
        assert_eq!(report.data_block, loaded.data_block);
        let again = inspect_data_block(&report.data_block).unwrap();
        assert_eq!((again.findings, again.applets), (vec![], report.applets));
    }
}

#[test]
fn inspections_go_on_after_a_component_that_cannot_be_read() {
    let mut files = sound(false);
    files.retain(|(path, _)| !path.contains("Descriptor"));
    for (path, content) in &mut files {
        if path.contains("Class") || path.contains("Debug") {
            content.pop();
        }
    }
    files.push(("javacard/Vendor.cap".into(), vec![0x80, 0, 1, 7]));
    files.push(("javacard/Copy.cap".into(), vec![0x06, 0, 0]));
    files.push(("javacard/Other.cap".into(), vec![0x07]));
    files.push(("elsewhere/Other.cap".into(), vec![0x07]));
    assert_eq!(
        findings(&files),
        [
            "error: Class, byte 37: ends too early: at least 1 more byte(s) needed",
            "warning: Debug, byte 26: ends too early: at least 1 more byte(s) needed",
            "note: Copy.cap is no component, it is ignored",
            "note: Other.cap is no component, it is ignored",
            "warning: Descriptor: component is missing: the file cannot be verified",
            "error: Class: component is missing",
            "error: Directory, byte 13: says that Class has 35 bytes, it has 0",
            "warning: custom component 80 is not in the Directory",
        ]
    );
    assert!(matches!(inspect_cap(b"PK"), Err(CapError::Archive(_))));
    assert!(matches!(
        inspect_cap(&archive([])),
        Err(CapError::NoPackage)
    ));
}

#[test]
fn refuses_to_unpack_a_bomb_among_what_only_an_inspection_reads() {
    for name in ["javacard/Debug.cap", "javacard/Vendor.cap"] {
        let mut files = sound(false);
        files.retain(|(path, _)| !path.contains("Debug"));
        files.insert(0, (name.into(), vec![0; MAX_UNPACKED + 1]));
        let bomb = cap(&files);
        assert!(read_cap(&bomb).is_ok());
        assert!(matches!(inspect_cap(&bomb), Err(CapError::TooLarge { .. })));
    }
}

#[test]
fn all_components_together_have_a_limit() {
    let with = |sizes: &[usize]| {
        let mut files = sound(false);
        for (index, size) in sizes.iter().enumerate() {
            files.push((format!("javacard/{index}.cap"), vec![0; *size]));
        }
        inspect_cap(&cap(&files))
    };
    let used: usize = sound(false).iter().map(|(_, file)| file.len()).sum();
    let half = MAX_UNPACKED / 2;
    assert!(with(&[half, half - used]).is_ok());
    let error = with(&[half, half - used + 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "custom component unpacks to too much, all components may have 4194304 bytes"
    );
}

proptest! {
    #[test]
    fn a_changed_archive_is_inspected_or_refused(
        extended: bool, at in any::<prop::sample::Index>(), value: u8) {
        let mut bytes = cap(&sound(extended));
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = inspect_cap(&bytes);
    }

    #[test]
    fn a_changed_archive_never_panics(
        extended: bool, at in any::<prop::sample::Index>(), value: u8, cut: bool) {
        let mut bytes = cap(&files("a/javacard/", extended));
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = value }
        let _ = read_cap(&bytes);
    }

    #[test]
    fn changed_components_never_panic(
        extended: bool, which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        value: u8) {
        let mut files = files("javacard/", extended);
        let which = which.index(files.len());
        let content = &mut files[which].1;
        let at = at.index(content.len());
        content[at] = value;
        if let Err(CapError::Malformed { source, .. }) = read_cap(&cap(&files)) {
            prop_assert!(source.offset() <= files.iter().map(|(_, c)| c.len()).max().unwrap());
        }
    }
}
