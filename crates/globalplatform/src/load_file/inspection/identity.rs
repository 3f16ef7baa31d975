//! Header, Directory, Applet and Import against each other and against what is there.

use alloc::{collections::BTreeSet, format};

use super::{
    super::{ComponentKind, Directory, Header, directory},
    Findings, Severity,
    package::Package,
};

/// Components without which there is no package (JCVM 3.1, 6.5: their size is never zero).
const REQUIRED: [ComponentKind; 8] = [
    ComponentKind::Header,
    ComponentKind::Directory,
    ComponentKind::Import,
    ComponentKind::ConstantPool,
    ComponentKind::Class,
    ComponentKind::Method,
    ComponentKind::StaticField,
    ComponentKind::ReferenceLocation,
];
/// The newest minor version of the format that we know.
const NEWEST_MINOR: u8 = 3;
/// Where minor version and flags lie in the information of the Header.
const MINOR: usize = 4;
const FLAGS: usize = 6;
/// Bits of the flags that mean nothing.
const RESERVED_FLAGS: u8 = 0xF0;
/// How many packages byte code can tell apart.
const MAX_IMPORTS: usize = 128;

pub(super) fn check(package: &Package<'_>, findings: &mut Findings) {
    for kind in REQUIRED {
        if package.find(kind).is_none() {
            let message = "component is missing".into();
            findings.add(Severity::Error, Some(kind), None, message);
        }
    }
    if let Some(header) = &package.header {
        check_header(package, header, findings);
        check_aids(package, header, findings);
    }
    if let Some(directory) = &package.directory {
        check_sizes(package, directory, findings);
        check_counts(package, directory, findings);
        check_custom(package, directory, findings);
    }
    check_imports(package, findings);
}

fn check_header(package: &Package<'_>, header: &Header, findings: &mut Findings) {
    let base = package.base(ComponentKind::Header);
    if header.format.1 > NEWEST_MINOR {
        let (major, minor) = header.format;
        let message = format!("format {major}.{minor} is newer than 2.3, read as such");
        findings.warning(ComponentKind::Header, base + MINOR, message);
    }
    let flags = package
        .find(ComponentKind::Header)
        .and_then(|component| component.info().get(FLAGS).copied());
    if flags.is_some_and(|flags| flags & RESERVED_FLAGS != 0) {
        let message = "reserved flags are set";
        findings.warning(ComponentKind::Header, base + FLAGS, message);
    }
    for (flag, kind) in [
        (header.has_applet, ComponentKind::Applet),
        (header.has_export, ComponentKind::Export),
    ] {
        let message = match (flag, package.find(kind).is_some()) {
            (true, false) => "announced, but missing",
            (false, true) => "there, but not announced",
            _ => continue,
        };
        let message = format!("component {} is {message}", kind.file_stem());
        findings.error(ComponentKind::Header, base + FLAGS, message);
    }
}

/// All AIDs begin with the same five bytes and differ (JCVM 3.1, 4.2.2 and 6.6).
fn check_aids(package: &Package<'_>, header: &Header, findings: &mut Findings) {
    let Some(applets) = &package.applets else {
        return;
    };
    let kind = ComponentKind::Applet;
    if applets.applets.is_empty() {
        findings.warning(kind, package.base(kind), "there is no applet");
    }
    let mut known = BTreeSet::new();
    for (offset, applet) in package.applet_offsets() {
        let aid = applet.aid;
        if !known.insert(aid) {
            findings.error(kind, offset, format!("applet {aid} is there twice"));
        }
        if header.packages.iter().all(|p| p.aid.rid() != aid.rid()) {
            let message = format!("applet {aid} and its package have different providers (RID)");
            findings.warning(kind, offset, message);
        }
        if header.identity().is_some_and(|package| package.aid == aid) {
            let message = format!("applet {aid} has the AID of its package");
            findings.warning(kind, offset, message);
        }
    }
}

fn check_sizes(package: &Package<'_>, directory: &Directory, findings: &mut Findings) {
    let base = package.base(ComponentKind::Directory);
    for kind in ComponentKind::ALL {
        let announced = directory.size(kind);
        let actual = package.find(kind).map(|component| component.info().len());
        let fits = match actual {
            // The Directory of format 2.1 does not know Debug; loaders leave both out.
            Some(_) if kind == ComponentKind::Debug && announced == 0 => true,
            None if matches!(kind, ComponentKind::Descriptor | ComponentKind::Debug) => true,
            actual => u32::try_from(actual.unwrap_or(0)) == Ok(announced),
        };
        if !fits {
            let at = base + directory::size_position(kind, package.format, package.extended);
            let actual = actual.unwrap_or(0);
            let message = format!(
                "says that {} has {announced} bytes, it has {actual}",
                kind.file_stem()
            );
            findings.error(ComponentKind::Directory, at, message);
        }
    }
}

fn check_counts(package: &Package<'_>, directory: &Directory, findings: &mut Findings) {
    let at = package.base(ComponentKind::Directory)
        + directory::sizes_length(package.format, package.extended);
    let mut compare = |offset: usize, what: &str, announced: usize, actual: Option<usize>| {
        if actual.is_some_and(|actual| actual != announced) {
            let actual = actual.unwrap_or_default();
            let message = format!("says {announced} {what}, there are {actual}");
            findings.error(ComponentKind::Directory, at + offset, message);
        }
    };
    let announced = &directory.static_field;
    let statics = package.statics.as_ref();
    let arrays = statics.map(|fields| fields.arrays.len());
    compare(
        0,
        "bytes of static fields",
        announced.image_size.into(),
        statics.map(|fields| fields.image_size.into()),
    );
    compare(
        2,
        "static arrays",
        announced.array_init_count.into(),
        arrays,
    );
    compare(
        4,
        "bytes in static arrays",
        announced.array_init_size.into(),
        statics.map(|fields| fields.array_bytes()),
    );
    let imports = package.imports.as_ref().map(|list| list.packages.len());
    compare(6, "imports", directory.import_count.into(), imports);
    let applets = package.applets.as_ref().map(|list| list.applets.len());
    let applets = match package.find(ComponentKind::Applet) {
        Some(_) => applets,
        None => Some(0),
    };
    compare(7, "applets", directory.applet_count.into(), applets);
    if package.extended {
        let blocks = package.methods.as_ref().map(|table| table.blocks.len());
        compare(
            8,
            "method blocks",
            directory.method_block_count.into(),
            blocks,
        );
    }
}

/// Custom components are optional; those that are there must be announced.
fn check_custom(package: &Package<'_>, directory: &Directory, findings: &mut Findings) {
    let custom = package
        .components()
        .iter()
        .filter(|component| component.kind().is_none());
    for component in custom {
        let tag = component.tag();
        let size = u32::try_from(component.info().len());
        let announced = directory.custom.iter().find(|entry| entry.tag == tag);
        let message = match announced {
            None => format!("custom component {tag:02X} is not in the Directory"),
            Some(entry) if size != Ok(entry.size) => format!(
                "custom component {tag:02X} has {} bytes, the Directory says {}",
                component.info().len(),
                entry.size
            ),
            Some(entry) => format!("custom component {tag:02X} is named {}", entry.aid),
        };
        let severity = match announced {
            Some(entry) if size == Ok(entry.size) => Severity::Note,
            _ => Severity::Warning,
        };
        findings.add(severity, None, None, message);
    }
}

fn check_imports(package: &Package<'_>, findings: &mut Findings) {
    let Some(imports) = &package.imports else {
        return;
    };
    let kind = ComponentKind::Import;
    if imports.packages.len() > MAX_IMPORTS {
        let message = format!("byte code cannot tell more than {MAX_IMPORTS} imports apart");
        findings.error(kind, package.base(kind), message);
    }
    let mut known = BTreeSet::new();
    let mut offset = package.base(kind) + 1;
    for import in &imports.packages {
        if !known.insert(import.aid) {
            let message = format!("package {} is imported twice", import.aid);
            findings.warning(kind, offset, message);
        }
        offset += 3 + import.aid.as_bytes().len();
    }
}

impl Package<'_> {
    /// The applets, each with where it begins in the component.
    pub fn applet_offsets(&self) -> impl Iterator<Item = (usize, &super::super::Applet)> {
        let mut next = self.base(ComponentKind::Applet) + 1;
        let fixed = 1 + self.position_size();
        self.applets
            .iter()
            .flat_map(|list| &list.applets)
            .map(move |applet| {
                let offset = next;
                next += fixed + applet.aid.as_bytes().len();
                (offset, applet)
            })
    }
}
