//! Tests of inspections: two packages without fault, and what is found when one thing is changed.

mod faults;
pub(crate) mod sample;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use proptest::prelude::*;

use super::*;
use sample::Sample;

fn found(report: &CapReport) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn finds_nothing_wrong_with_sound_packages() {
    for sample in [Sample::compact(), Sample::extended()] {
        assert_eq!(found(&sample.inspect()), [""; 0]);
        assert!(!sample.inspect().has_errors());
        let block = sample.data_block();
        let report = inspect_data_block(&block).unwrap();
        assert_eq!(found(&report), [""; 0]);
        assert_eq!(report.data_block, block);
    }
}

#[test]
fn tells_what_is_in_a_package() {
    let report = Sample::compact().inspect();
    assert_eq!(report.applets.len(), 1);
    assert_eq!(report.imports.len(), 2);
    assert_eq!(
        report.memory,
        MemoryForecast {
            load_file_data_block: 0,
            linked_code: (3 + 11) + (3 + 35) + (3 + 62) + (3 + 5),
            static_image: 4,
            static_arrays: 2,
            largest_frame: 2 * (2 + 2 + 1),
        }
    );
    assert_eq!(
        report.to_string(),
        "format: CAP 2.2, compact\n\
         package: A000000151AA version 1.0, named a.b\n\
         applets: 1\n  A000000151AA01\n\
         imports: 2\n  A0000000620101 version 1.2 (javacard.framework)\n  \
         A0000000620001 version 1.0 (java.lang)\n\
         components: 12\n  Header: 23 bytes\n  Directory: 36 bytes\n  Applet: 14 bytes\n  \
         Import: 24 bytes\n  ConstantPool: 45 bytes\n  Class: 38 bytes\n  Method: 65 bytes\n  \
         StaticField: 19 bytes\n  RefLocation: 17 bytes\n  Export: 8 bytes\n  \
         Descriptor: 152 bytes, not loaded\n  Debug: 27 bytes, not loaded\n\
         memory:\n  load file data block: 0 bytes\n  code after linking: 125 bytes at least\n  \
         static fields: 4 bytes, and 2 bytes in arrays\n  largest stack frame: 10 bytes\n\
         findings: 0 error(s), 0 warning(s), 0 note(s)\n"
    );
    let text = Sample::extended().inspect().to_string();
    for line in [
        "format: CAP 2.3, extended\n",
        "file: A000000151AA version 2.1\n",
        "package: A000000151AB version 1.0\n",
        "needs: 32-bit integers\n",
        "  StaticResources: 14 bytes\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn lists_and_checks_custom_components() {
    let report = |size: &str, change: &dyn Fn(&mut Directory)| {
        let mut sample = Sample::compact();
        sample.with_directory(change);
        let custom = crate::commands::testing::bytes(size);
        sample.extra.push(custom);
        found(&sample.inspect())
    };
    use super::super::{CustomComponent, Directory};
    let announce = |directory: &mut Directory| {
        directory.custom.push(CustomComponent {
            tag: 0x80,
            size: 2,
            aid: "A000000151".parse().unwrap(),
        });
    };
    assert_eq!(
        report("80 0002 AABB", &announce),
        ["note: custom component 80 is named A000000151"]
    );
    assert_eq!(
        report("80 0001 AA", &announce),
        ["warning: custom component 80 has 1 bytes, the Directory says 2"]
    );
    assert_eq!(
        report("81 0001 AA", &|_| {}),
        ["warning: custom component 81 is not in the Directory"]
    );
    let mut sample = Sample::compact();
    sample.extra.push(alloc::vec![0x81, 0, 1, 7]);
    let text = sample.inspect().to_string();
    assert!(text.contains("  custom component 81: 4 bytes, not loaded\n"));
}

#[test]
fn findings_are_counted_beyond_a_hundred() {
    // A hundred and ten times the same class that does not exist.
    let mut sample = Sample::compact();
    let mut pool = alloc::vec![0, 110];
    for _ in 0..110 {
        pool.extend([1, 0, 9, 0]);
    }
    sample.set(ComponentKind::ConstantPool, pool);
    sample.remove(ComponentKind::Descriptor);
    let report = sample.inspect();
    assert_eq!(report.findings.len(), 100);
    assert!(report.suppressed >= 10, "{}", report.suppressed);
    assert!(report.has_errors());
    let more = alloc::format!("  and {} more\n", report.suppressed);
    assert!(report.to_string().ends_with(&more));
}

#[test]
fn refuses_more_components_than_there_are_tags() {
    let mut block = Sample::compact().data_block();
    let rest = 256 - 10;
    for _ in 0..rest {
        block.extend([0x80, 0, 0]);
    }
    assert!(inspect_data_block(&block).is_ok());
    let offset = block.len();
    block.extend([0x80, 0, 0]);
    assert_eq!(
        inspect_data_block(&block),
        Err(DecodeError::InvalidValue {
            offset,
            field: "repeated component"
        })
    );
}

#[test]
fn names_do_not_control_the_terminal() {
    let mut sample = Sample::compact();
    sample.info(ComponentKind::Header)[18] = 0x1B;
    let text = sample.inspect().to_string();
    assert!(text.contains("named a\u{FFFD}b\n"), "{text}");
    let mut findings = Findings::default();
    findings.add(Severity::Note, None, None, "a\u{9B}b".into());
    let text = findings.into_parts().0[0].to_string();
    assert_eq!(text, "note: a\u{FFFD}b");
}

#[test]
fn severities_have_an_order_and_names() {
    assert!(Severity::Note < Severity::Warning && Severity::Warning < Severity::Error);
    let mut findings = Findings::default();
    findings.add(Severity::Note, Some(ComponentKind::Class), None, "a".into());
    findings.add(Severity::Warning, None, Some(1), "b".into());
    findings.malformed(ComponentKind::Debug, DecodeError::InvalidTag { offset: 4 });
    findings.malformed(
        ComponentKind::Class,
        DecodeError::InvalidLength { offset: 4 },
    );
    let tag = DecodeError::UnexpectedTag {
        offset: 0,
        expected: 6,
        found: 7,
    };
    findings.malformed(ComponentKind::Class, tag);
    let text: Vec<_> = findings
        .into_parts()
        .0
        .iter()
        .map(|f| f.to_string())
        .collect();
    assert_eq!(
        text,
        [
            "note: Class: a",
            "warning: b",
            "warning: Debug, byte 4: malformed tag at offset 4",
            "error: Class, byte 4: invalid length",
            "error: Class, byte 0: tag 07 where 06 must be",
        ]
    );
}

proptest! {
    #[test]
    fn changed_packages_never_panic(extended: bool, changes in proptest::collection::vec(
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut sample = if extended { Sample::extended() } else { Sample::compact() };
        for (which, at, value) in changes {
            let which = which.index(sample.infos.len());
            let info = &mut sample.infos[which].1;
            let at = at.index(info.len());
            info[at] = value;
        }
        let report = sample.inspect();
        for finding in &report.findings {
            if let (Some(kind), Some(offset)) = (finding.component, finding.offset) {
                let size = report.components.iter().find(|c| c.kind == Some(kind)).unwrap().size;
                prop_assert!(offset <= size, "{finding}");
            }
        }
    }

    #[test]
    fn any_bytes_are_inspected_or_refused(
        data in proptest::collection::vec(any::<u8>(), 0..60), kind in 1u8..14) {
        let _ = inspect_data_block(&data);
        let mut sample = Sample::compact();
        sample.set(ComponentKind::from_tag(kind).unwrap(), data);
        let _ = sample.inspect().to_string();
    }
}
