//! Puts components together: reads those that say what the package is, and holds all of them
//! against the Directory.

use alloc::{string::String, vec::Vec};

use super::{
    AppletList, Component, ComponentKind, Directory, Header, ImportList, ImportedPackage, LoadFile,
    PackageInfo, directory,
};
use crate::{aid::Aid, error::DecodeError};

/// A malformed component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which one.
    pub component: ComponentKind,
    /// What is wrong with it, with the offset in what it was read from.
    pub error: DecodeError,
}

/// What the components say.
#[derive(Debug)]
pub(crate) struct Parts {
    identity: PackageInfo,
    name: Option<String>,
    format: (u8, u8),
    extended: bool,
    applets: Vec<Aid>,
    imports: Vec<ImportedPackage>,
}

impl Parts {
    pub fn into_load_file(self, data_block: Vec<u8>) -> LoadFile {
        LoadFile {
            package_aid: self.identity.aid,
            version: self.identity.version,
            package_name: self.name,
            format: self.format,
            extended: self.extended,
            applets: self.applets,
            imports: self.imports,
            data_block,
        }
    }
}

/// Reads components, of which Header must be the first and Directory the second.
pub(crate) fn assemble(components: &[Component<'_>]) -> Result<Parts, Fault> {
    let end = components
        .last()
        .map_or(0, |last| last.reader().offset() + last.info().len());
    let nth = |index: usize, kind: ComponentKind| {
        let component = components.get(index).ok_or(Fault {
            component: kind,
            error: DecodeError::Truncated {
                offset: end,
                needed: 1,
            },
        })?;
        component.expect(kind).map_err(in_component(kind))?;
        Ok(component)
    };
    let header = nth(0, ComponentKind::Header)?;
    let header = Header::read(header.reader()).map_err(in_component(ComponentKind::Header))?;
    let identity = header.identity().ok_or(Fault {
        component: ComponentKind::Header,
        error: DecodeError::MissingField {
            offset: end,
            field: "package",
        },
    })?;
    let file = Contents {
        directory_component: nth(1, ComponentKind::Directory)?,
        components,
        format: header.format,
        extended: header.is_extended(),
    };
    let (applets, imports) = file.check()?;
    Ok(Parts {
        identity,
        name: header.names.into_iter().find(|name| !name.is_empty()),
        format: file.format,
        extended: file.extended,
        applets: applets
            .applets
            .into_iter()
            .map(|applet| applet.aid)
            .collect(),
        imports: imports.packages,
    })
}

fn in_component(component: ComponentKind) -> impl Fn(DecodeError) -> Fault {
    move |error| Fault { component, error }
}

struct Contents<'a, 'b> {
    components: &'a [Component<'b>],
    directory_component: &'a Component<'b>,
    format: (u8, u8),
    extended: bool,
}

impl Contents<'_, '_> {
    fn check(&self) -> Result<(AppletList, ImportList), Fault> {
        self.refuse_repetition()?;
        let in_directory = in_component(ComponentKind::Directory);
        let reader = self.directory_component.reader();
        let directory =
            Directory::read(reader, self.format, self.extended).map_err(&in_directory)?;
        for kind in ComponentKind::ALL {
            self.check_size(&directory, kind).map_err(&in_directory)?;
        }
        let applets = self.applets()?;
        let imports = self.imports()?;
        self.check_counts(&directory, &applets, &imports)
            .map_err(&in_directory)?;
        Ok((applets, imports))
    }

    fn find(&self, kind: ComponentKind) -> Option<&Component<'_>> {
        self.components
            .iter()
            .find(|component| component.kind() == Some(kind))
    }

    fn refuse_repetition(&self) -> Result<(), Fault> {
        let mut before = [false; 14];
        for component in self.components {
            let Some(kind) = component.kind() else {
                continue;
            };
            let Some(seen) = before.get_mut(usize::from(kind.tag())) else {
                continue;
            };
            if core::mem::replace(seen, true) {
                return Err(Fault {
                    component: kind,
                    error: DecodeError::InvalidValue {
                        offset: component.offset(),
                        field: "repeated component",
                    },
                });
            }
        }
        Ok(())
    }

    /// The component must have the size that the Directory says, or be absent if that is zero.
    /// Descriptor and Debug may be absent all the same, for loaders leave them out; and Debug may be
    /// there unannounced, for the Directory of format 2.1 does not know it.
    fn check_size(&self, directory: &Directory, kind: ComponentKind) -> Result<(), DecodeError> {
        let announced = directory.size(kind);
        let fits = match self.find(kind) {
            Some(_) if kind == ComponentKind::Debug && announced == 0 => true,
            Some(component) => u32::try_from(component.info().len()) == Ok(announced),
            None => {
                announced == 0 || matches!(kind, ComponentKind::Descriptor | ComponentKind::Debug)
            }
        };
        if fits {
            return Ok(());
        }
        let position = directory::size_position(kind, self.format, self.extended);
        Err(DecodeError::InvalidValue {
            offset: self.directory_component.reader().offset() + position,
            field: "component size",
        })
    }

    fn applets(&self) -> Result<AppletList, Fault> {
        match self.find(ComponentKind::Applet) {
            Some(component) => AppletList::read(component.reader(), self.extended)
                .map_err(in_component(ComponentKind::Applet)),
            None => Ok(AppletList::default()),
        }
    }

    fn imports(&self) -> Result<ImportList, Fault> {
        match self.find(ComponentKind::Import) {
            Some(component) => {
                ImportList::read(component.reader()).map_err(in_component(ComponentKind::Import))
            }
            None => Ok(ImportList::default()),
        }
    }

    fn check_counts(
        &self,
        directory: &Directory,
        applets: &AppletList,
        imports: &ImportList,
    ) -> Result<(), DecodeError> {
        // The counts follow the sizes of all components and of the static fields.
        let sizes = directory::sizes_length(self.format, self.extended);
        let offset = self.directory_component.reader().offset() + sizes + 6;
        if usize::from(directory.import_count) != imports.packages.len() {
            return Err(DecodeError::InvalidValue {
                offset,
                field: "import count",
            });
        }
        if usize::from(directory.applet_count) != applets.applets.len() {
            return Err(DecodeError::InvalidValue {
                offset: offset + 1,
                field: "applet count",
            });
        }
        Ok(())
    }
}
