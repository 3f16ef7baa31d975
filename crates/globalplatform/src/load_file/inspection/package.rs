//! All components of a package, each read once.

use alloc::{format, string::String, vec::Vec};

use super::{
    super::{
        AppletList, ClassRef, ClassTable, Component, ComponentKind, ConstantPool, DebugInfo,
        Descriptor, Directory, Exports, Header, ImportList, MethodTable, ReferenceLocations,
        StaticFields, StaticResources,
    },
    CapReport, ComponentSummary, Findings, MemoryForecast,
};
use crate::{error::DecodeError, tlv::Reader};

/// What could be read of a package.
pub(super) struct Package<'a> {
    components: &'a [Component<'a>],
    pub format: (u8, u8),
    pub extended: bool,
    pub header: Option<Header>,
    pub directory: Option<Directory>,
    pub applets: Option<AppletList>,
    pub imports: Option<ImportList>,
    pub pool: Option<ConstantPool>,
    pub classes: Option<ClassTable>,
    pub methods: Option<MethodTable<'a>>,
    pub statics: Option<StaticFields>,
    pub references: Option<ReferenceLocations>,
    pub exports: Option<Exports>,
    pub descriptor: Option<Descriptor>,
    pub debug: Option<DebugInfo>,
}

/// What a reference to a class must lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Any,
    Class,
    Interface,
}

/// Reads components of which none may be there twice.
struct Components<'a, 'f> {
    components: &'a [Component<'a>],
    findings: &'f mut Findings,
}

impl<'a> Components<'a, '_> {
    /// Reads a component if it is there; if it is malformed, that is a finding.
    fn read<T>(
        &mut self,
        kind: ComponentKind,
        read: impl FnOnce(Reader<'a>) -> Result<T, DecodeError>,
    ) -> Option<T> {
        let component = find(self.components, kind)?;
        match read(Reader::with_base(component.info(), base(component))) {
            Ok(value) => Some(value),
            Err(error) => {
                self.findings.malformed(kind, error);
                None
            }
        }
    }

    fn refuse_repetition(&mut self) {
        for kind in ComponentKind::ALL {
            let count = of_kind(self.components, kind).count();
            if count > 1 {
                let message = format!("component is there {count} times");
                self.findings.error(kind, 0, message);
            }
        }
    }
}

fn of_kind<'a>(
    components: &'a [Component<'a>],
    kind: ComponentKind,
) -> impl Iterator<Item = &'a Component<'a>> {
    components
        .iter()
        .filter(move |component| component.kind() == Some(kind))
}

fn find<'a>(components: &'a [Component<'a>], kind: ComponentKind) -> Option<&'a Component<'a>> {
    of_kind(components, kind).next()
}

/// Bytes of tag and size.
fn base(component: &Component<'_>) -> usize {
    component.reader().offset() - component.offset()
}

impl<'a> Package<'a> {
    pub fn read(components: &'a [Component<'a>], findings: &mut Findings) -> Self {
        use ComponentKind as Kind;
        let mut parts = Components {
            components,
            findings,
        };
        parts.refuse_repetition();
        let header = parts.read(Kind::Header, Header::read);
        let format = header.as_ref().map_or((2, 1), |header| header.format);
        let extended = header.as_ref().is_some_and(Header::is_extended);
        // Without a header nothing can be said about the form of the other components.
        let mut parts = Components {
            components: if header.is_some() { components } else { &[] },
            findings: parts.findings,
        };
        let directory = parts.read(Kind::Directory, |r| Directory::read(r, format, extended));
        // The content of static resources concerns nobody else.
        parts.read(Kind::StaticResources, StaticResources::read);
        Self {
            components,
            format,
            extended,
            header,
            directory,
            applets: parts.read(Kind::Applet, |r| AppletList::read(r, extended)),
            imports: parts.read(Kind::Import, ImportList::read),
            pool: parts.read(Kind::ConstantPool, ConstantPool::read),
            classes: parts.read(Kind::Class, |r| ClassTable::read(r, format, extended)),
            methods: parts.read(Kind::Method, |r| MethodTable::read(r, extended)),
            statics: parts.read(Kind::StaticField, StaticFields::read),
            references: parts.read(Kind::ReferenceLocation, |r| {
                ReferenceLocations::read(r, extended)
            }),
            exports: parts.read(Kind::Export, |r| Exports::read(r, extended)),
            descriptor: parts.read(Kind::Descriptor, |r| Descriptor::read(r, extended)),
            debug: if extended {
                None // Its form is not known to us.
            } else {
                parts.read(Kind::Debug, DebugInfo::read)
            },
        }
    }

    pub fn components(&self) -> &'a [Component<'a>] {
        self.components
    }

    pub fn find(&self, kind: ComponentKind) -> Option<&'a Component<'a>> {
        find(self.components, kind)
    }

    /// Where the information of a component begins in the component.
    pub fn base(&self, kind: ComponentKind) -> usize {
        self.find(kind).map_or(0, base)
    }

    /// Bytes of a component, tag and size included; 0 when it is absent.
    pub fn size(&self, kind: ComponentKind) -> usize {
        self.find(kind)
            .map_or(0, |component| base(component) + component.info().len())
    }

    /// Bytes of a method's position in tables.
    pub const fn position_size(&self) -> usize {
        if self.extended { 3 } else { 2 }
    }

    /// What is wrong with a reference to a class, if anything.
    pub fn class_fault(&self, class: ClassRef, wanted: Wanted) -> Option<String> {
        match class {
            ClassRef::External { package, .. } => self.package_fault(package),
            ClassRef::Internal(offset) => {
                let Some(found) = self.classes.as_ref()?.at(offset) else {
                    return Some(format!("no class begins at 0x{offset:04X} of Class"));
                };
                let fits = match wanted {
                    Wanted::Any => true,
                    Wanted::Class => !found.is_interface(),
                    Wanted::Interface => found.is_interface(),
                };
                let what = if found.is_interface() {
                    "an interface, no class"
                } else {
                    "a class, no interface"
                };
                (!fits).then(|| format!("0x{offset:04X} of Class is {what}"))
            }
        }
    }

    /// What is wrong with a reference to an imported package, if anything.
    fn package_fault(&self, package: u8) -> Option<String> {
        let count = match &self.imports {
            Some(imports) => imports.packages.len(),
            None if self.find(ComponentKind::Import).is_some() => return None,
            None => 0,
        };
        (usize::from(package) >= count)
            .then(|| format!("imported package {package} does not exist, there are {count}"))
    }

    pub fn into_report(
        self,
        components: &[Component<'_>],
        data_block: Vec<u8>,
        memory: MemoryForecast,
        findings: Findings,
    ) -> CapReport {
        let (findings, suppressed) = findings.into_parts();
        CapReport {
            header: self.header,
            applets: self.applets.unwrap_or_default().applets,
            imports: self.imports.unwrap_or_default().packages,
            components: components
                .iter()
                .map(|component| ComponentSummary {
                    tag: component.tag(),
                    kind: component.kind(),
                    size: base(component) + component.info().len(),
                })
                .collect(),
            data_block,
            memory,
            findings,
            suppressed,
        }
    }
}
