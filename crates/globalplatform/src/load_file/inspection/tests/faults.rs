//! One thing changed, and what is found.

use alloc::{string::String, vec::Vec};

use super::{super::super::ComponentKind as Kind, Sample, found};
use crate::commands::testing::bytes;

/// Replaces bytes of a component at an offset of its information.
fn changed(mut sample: Sample, kind: Kind, at: usize, hex: &str) -> Vec<String> {
    let new = bytes(hex);
    sample.info(kind)[at..at + new.len()].copy_from_slice(&new);
    found(&sample.inspect())
}

/// Holds the samples against a table of changes and what is found then.
fn assert_all(sample: fn() -> Sample, table: &str) {
    let mut count = 0;
    let mut lines = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .peekable();
    while let Some(case) = lines.next() {
        let words: Vec<&str> = case.split(' ').collect();
        let [stem, at, hex] = words[..] else {
            panic!("{case}");
        };
        let mut expected = Vec::new();
        while let Some(finding) = lines.next_if(|line| line.starts_with("  ")) {
            expected.push(finding.trim_start());
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.file_stem() == stem);
        let found = changed(sample(), kind.unwrap(), at.parse().unwrap(), hex);
        assert_eq!(found, expected, "{case}");
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn tells_what_is_wrong_in_the_compact_format() {
    assert_all(Sample::compact, include_str!("compact.txt"));
}

#[test]
fn tells_what_is_wrong_in_the_extended_format() {
    assert_all(Sample::extended, include_str!("extended.txt"));
}

/// What a sample with these components says.
fn with(kind: Kind, hex: &str) -> Vec<String> {
    let mut sample = Sample::compact();
    sample.set(kind, bytes(hex));
    found(&sample.inspect())
}

#[test]
fn tells_which_components_are_missing() {
    for kind in [Kind::Import, Kind::ConstantPool, Kind::Class, Kind::Method] {
        let mut sample = Sample::compact();
        sample.remove(kind);
        let missing = alloc::format!("error: {}: component is missing", kind.file_stem());
        assert!(found(&sample.inspect()).contains(&missing), "{kind:?}");
    }
    for (kind, expected) in [
        (
            Kind::StaticField,
            &["error: StaticField: component is missing"][..],
        ),
        (
            Kind::ReferenceLocation,
            &["error: RefLocation: component is missing"],
        ),
        (Kind::Directory, &["error: Directory: component is missing"]),
        (
            Kind::Applet,
            &[
                "error: Header, byte 9: component Applet is announced, but missing",
                "error: Directory, byte 34: says 1 applets, there are 0",
            ],
        ),
        (
            Kind::Export,
            &["error: Header, byte 9: component Export is announced, but missing"],
        ),
        (Kind::Descriptor, &[]),
        (Kind::Debug, &[]),
    ] {
        let mut sample = Sample::compact();
        sample.remove(kind);
        assert_eq!(found(&sample.inspect()), expected, "{kind:?}");
    }
    // Without imports nothing external exists.
    let mut sample = Sample::compact();
    sample.remove(Kind::Import);
    let first =
        "error: Class, byte 5: superinterface: imported package 0 does not exist, there are 0";
    assert!(
        found(&sample.inspect())
            .iter()
            .any(|finding| finding == first)
    );
    // One that cannot be read says nothing about the others.
    assert_eq!(
        with(Kind::Import, "02 0201"),
        ["error: Import, byte 6: ends too early: at least 1 more byte(s) needed"]
    );
}

#[test]
fn refuses_components_that_are_there_twice() {
    let mut sample = Sample::compact();
    let again = sample.infos[9].clone();
    sample.infos.push(again);
    assert_eq!(
        found(&sample.inspect()),
        ["error: Export, byte 0: component is there 2 times"]
    );
}

#[test]
fn compares_applets_and_imports_with_each_other() {
    assert_eq!(
        with(Kind::Applet, "02 06 A000000151AA 0010 06 A000000151AA 0010"),
        [
            "warning: Applet, byte 4: applet A000000151AA has the AID of its package",
            "error: Applet, byte 13: applet A000000151AA is there twice",
            "warning: Applet, byte 13: applet A000000151AA has the AID of its package",
            "error: Directory, byte 34: says 1 applets, there are 2",
        ]
    );
    assert_eq!(
        with(Kind::Applet, "00"),
        [
            "warning: Applet, byte 3: there is no applet",
            "error: Directory, byte 34: says 1 applets, there are 0",
        ]
    );
    assert_eq!(
        with(
            Kind::Import,
            "02 0201 07 A0000000620101 0001 07 A0000000620101"
        ),
        ["warning: Import, byte 14: package A0000000620101 is imported twice"]
    );
    for (count, expected) in [
        (
            128,
            &["error: Directory, byte 33: says 2 imports, there are 128"][..],
        ),
        (
            129,
            &[
                "error: Directory, byte 33: says 2 imports, there are 129",
                "error: Import, byte 3: byte code cannot tell more than 128 imports apart",
            ],
        ),
    ] {
        let mut info = alloc::vec![count];
        for index in 0..count {
            info.extend([0, 1, 6, 0xA0, 0, 0, 0, 0x62, index]);
        }
        let mut sample = Sample::compact();
        sample.set(Kind::Import, info);
        assert_eq!(found(&sample.inspect()), expected);
    }
}

#[test]
fn checks_what_is_exported() {
    let library = |hex: &str| {
        let mut sample = Sample::compact();
        sample.remove(Kind::Applet);
        sample.info(Kind::Header)[6] = 2;
        sample.with_directory(|directory| directory.applet_count = 0);
        sample.set(Kind::Export, bytes(hex));
        found(&sample.inspect())
    };
    assert_eq!(library("01 0005 01 02 0003 0010 0031"), [""; 0]);
    assert_eq!(
        library("01 0005 02 02 0000 0004 0011 0010"),
        [
            "error: Export, byte 12: exported method: no method begins at 0x0011 of Method",
            "error: Export, byte 10: exported field: static field at 4, but static fields have 4 bytes",
        ]
    );
    assert_eq!(
        library("01 0005 03 00 0000 0002 0004"),
        [
            "error: Export, byte 12: exported field: static field at 4, but static fields have 4 bytes"
        ]
    );
    let members = "error: Export, byte 4: exported interface has static members";
    assert_eq!(library("01 0002 01 00 0000"), [members]);
    assert_eq!(library("01 0002 00 01 0010"), [members]);
    assert_eq!(
        library("00"),
        ["warning: Export, byte 3: nothing is exported"]
    );
    assert_eq!(
        library("02 0002 00 00 0004 00 00"),
        ["error: Export, byte 8: exported class: no class begins at 0x0004 of Class"]
    );
    let mut extended = Sample::extended();
    extended.info(Kind::Header)[6] |= 2;
    extended.set(Kind::Export, bytes("01 01 0002 00 02 010004 010000"));
    assert_eq!(
        found(&extended.inspect()),
        [
            "error: Export, byte 12: exported method: no method begins at 0x0000 of Method",
            "warning: Export, byte 5: package with applets exports more than shareable interfaces",
        ]
    );
}

#[test]
fn checks_types_of_the_class_component() {
    let with_pool = |pool: &str| {
        let hex = alloc::format!("{pool} 00 8003 00 FF 00 07 00 00 00");
        let mut sample = Sample::compact();
        sample.remove(Kind::Descriptor);
        sample.set(Kind::Class, bytes(&hex));
        let found = found(&sample.inspect());
        found
            .into_iter()
            .find(|finding| finding.contains("type"))
            .unwrap_or_default()
    };
    assert_eq!(with_pool("0002 0110"), "");
    assert_eq!(
        with_pool("0004 0110 0170"),
        "error: Class, byte 7: invalid type descriptor"
    );
    assert_eq!(
        with_pool("0006 0110 05 682000"),
        "error: Class, byte 7: type: imported package 2 does not exist, there are 2"
    );
    let remote = |interfaces: &str| {
        let hex = alloc::format!("0000 A0 00 20 8003 00 FF 00 07 00 00 00 00 00 00 {interfaces}");
        let mut sample = Sample::compact();
        sample.remove(Kind::Descriptor);
        sample.set(Kind::Class, bytes(&hex));
        let found = found(&sample.inspect());
        found.into_iter().any(|finding| {
            finding == "error: Class, byte 7: remote interface: 0x0004 of Class is a class, no interface"
        })
    };
    assert!(remote("01 0004") && !remote("01 0002"));
}

#[test]
fn checks_references_and_handlers_without_a_descriptor() {
    // What nobody reaches may be anything, as long as listed indices have constants.
    let unreached = |listed: &str| {
        let mut sample = Sample::compact();
        sample.remove(Kind::Descriptor);
        sample.remove(Kind::Debug);
        sample.set(
            Kind::Method,
            bytes(
                "02 0009 8001 000A 0000 0009 8001 0009 0000 \
                 02 30 8F0004 7A 01 10 0009 000A 0A 09",
            ),
        );
        sample.set(
            Kind::ConstantPool,
            bytes(&alloc::format!("000A 01800300 {}", "01800300".repeat(9))),
        );
        sample.set(Kind::Class, bytes("0000 00 8003 00 FF 00 07 00 00 00"));
        sample.set(Kind::ReferenceLocation, bytes(listed));
        sample.set(Kind::Applet, bytes("01 07 A000000151AA01 0011"));
        sample.info(Kind::Header)[6] = 4;
        sample.remove(Kind::Export);
        found(&sample.inspect())
    };
    let handlers = [
        "error: Method, byte 4: exception handler 0: its range begins in no method",
        "error: Method, byte 12: exception handler 1: its range begins in no method",
        "error: Method, byte 12: exception handlers are not in order",
    ];
    let expect = |listed: &str, more: &[&str]| {
        let all: Vec<_> = handlers.iter().chain(more).copied().collect();
        assert_eq!(unreached(listed), all, "{listed}");
    };
    let no_constant = |offset, place| {
        alloc::format!("error: RefLocation, byte {offset}: 0x{place} of Method has no constant")
    };
    expect("0001 1E 0002 14 05", &[]);
    expect("0001 1E 0002 14 07", &[&no_constant(9, "001B")]);
    expect("0001 1D 0001 14", &[&no_constant(5, "001D")]);
    expect("0001 1E 0001 14", &[]);
    // The header of a method, which is not known to be one.
    expect("0001 1E 0002 11 03", &[&no_constant(8, "0011")]);
}

#[test]
fn checks_every_exception_handler() {
    let handlers = |second: &str, listed: &str| {
        let mut sample = Sample::compact();
        sample.remove(Kind::Descriptor);
        sample.remove(Kind::Export);
        sample.info(Kind::Header)[6] = 4;
        sample.set(Kind::Class, bytes("0000 00 8003 00 FF 00 07 00 00 00"));
        sample.remove(Kind::Debug);
        sample.set(Kind::ConstantPool, bytes("0002 01800300 01800300"));
        sample.set(
            Kind::Method,
            bytes(&alloc::format!(
                "02 0013 8001 0014 0001 {second} 02 30 00 7A"
            )),
        );
        sample.set(Kind::Applet, bytes("01 07 A000000151AA01 0011"));
        sample.set(Kind::ReferenceLocation, bytes(listed));
        found(&sample.inspect())
    };
    assert_eq!(handlers("0013 8001 0014 0001", "0000 0002 07 08"), [""; 0]);
    assert_eq!(
        handlers("0013 8001 0013 0002", "0000 0002 07 08"),
        [
            "error: Method, byte 12: exception handlers are not in order",
            "error: Method, byte 18: exception handler 1: constant 2 is no class",
        ]
    );
    assert_eq!(
        handlers("0013 8001 0014 0001", "0000 0001 07"),
        ["error: Method, byte 18: index is not listed in RefLocation: a card does not link it"]
    );
}
