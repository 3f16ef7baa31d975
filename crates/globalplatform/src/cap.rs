//! Reading CAP files: a ZIP archive that holds each component of a package as one file in a folder
//! `…/javacard/` (JCVM 3.1, 4.1 and chapter 6).
//!
//! Format 2.1 to 2.3 (Java Card 2.1 to 3.x), compact and extended, whatever the package's folder.
//! Everything else in the archive (manifest, applet descriptions) is skipped. [`read_cap`] makes a
//! load file of it and skips Debug and custom components too; [`inspect_cap`] reads every component
//! and tells in words what is in the file and what is wrong with it. An archive is untrusted: what is unpacked is bounded by [`MAX_UNPACKED`].

mod archive;

use alloc::{format, string::String, vec::Vec};

use crate::{
    error::DecodeError,
    load_file::{
        CapReport, Component, ComponentKind, Fault, Findings, LoadFile, Severity, assemble, inspect,
    },
    tlv::Reader,
};
use archive::{Files, Wanted};

/// How many bytes all components of a package may have together: 4 MiB.
pub const MAX_UNPACKED: usize = 4 << 20;
/// How many entries an archive may have.
pub const MAX_ENTRIES: usize = 4096;

/// Why a CAP file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CapError {
    /// The file is no ZIP archive, or a broken one.
    #[error("no readable ZIP archive")]
    Archive(#[source] zip::result::ZipError),
    /// The archive has too many entries.
    #[error("archive has {entries} entries, at most {MAX_ENTRIES} allowed")]
    TooManyEntries {
        /// How many it has.
        entries: usize,
    },
    /// The archive holds no package: there is no `Header.cap`.
    #[error("archive has no Header.cap")]
    NoPackage,
    /// The archive holds several packages.
    #[error("archive has several packages: {first} and {second}")]
    SeveralPackages {
        /// Folder of one.
        first: String,
        /// Folder of another.
        second: String,
    },
    /// The archive holds a component twice.
    #[error("archive has {component} twice")]
    Repeated {
        /// Name of the component.
        component: &'static str,
    },
    /// A component cannot be unpacked.
    #[error("{component} cannot be unpacked")]
    Unpack {
        /// Name of the component.
        component: &'static str,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The components unpack to more than [`MAX_UNPACKED`] bytes.
    #[error("{component} unpacks to too much, all components may have {MAX_UNPACKED} bytes")]
    TooLarge {
        /// Name of the component that was too much.
        component: &'static str,
    },
    /// A component is malformed or contradicts another.
    #[error("{component} is malformed")]
    Malformed {
        /// Name of the component.
        component: &'static str,
        /// What is wrong, with the offset in the component.
        source: DecodeError,
    },
}

impl From<Fault> for CapError {
    fn from(fault: Fault) -> Self {
        Self::Malformed {
            component: fault.component.file_stem(),
            source: fault.error,
        }
    }
}

/// Reads a CAP file into a load file, whose data block has the components in load order without
/// Descriptor, Debug and custom components.
///
/// # Errors
/// [`CapError`] when the archive or a component is malformed, or too large.
pub fn read_cap(cap: &[u8]) -> Result<LoadFile, CapError> {
    let files = Files::unpack(cap, Wanted::Loaded)?;
    let header = files
        .get(ComponentKind::Header)
        .ok_or(CapError::NoPackage)?;
    let extended = read_component(ComponentKind::Header, header, false)?.announces_extended();

    let mut components = Vec::new();
    let mut data_block = Vec::new();
    for kind in ComponentKind::LOAD_ORDER {
        if let Some(file) = files.get(kind) {
            components.push(read_component(kind, file, extended)?);
            data_block.extend_from_slice(file);
        }
    }
    if let Some(file) = files.get(ComponentKind::Descriptor) {
        components.push(read_component(ComponentKind::Descriptor, file, extended)?);
    }
    Ok(assemble(&components)?.into_load_file(data_block))
}

/// Reads every component of a CAP file and compares what they say about each other.
///
/// # Errors
/// [`CapError`] when the archive itself cannot be read or holds no package. Everything else that is
/// wrong is a [`Finding`](crate::load_file::Finding) of the report.
pub fn inspect_cap(cap: &[u8]) -> Result<CapReport, CapError> {
    let files = Files::unpack(cap, Wanted::All)?;
    let extended = files
        .get(ComponentKind::Header)
        .and_then(|header| read_framed(ComponentKind::Header, header, false).ok())
        .is_some_and(|header| header.announces_extended());
    let mut findings = Findings::default();
    let mut components = Vec::new();
    let mut data_block = Vec::new();
    let loaded = ComponentKind::LOAD_ORDER;
    for kind in loaded
        .into_iter()
        .chain([ComponentKind::Descriptor, ComponentKind::Debug])
    {
        let Some(file) = files.get(kind) else {
            continue;
        };
        if loaded.contains(&kind) {
            data_block.extend_from_slice(file);
        }
        match read_framed(kind, file, extended) {
            Ok(component) => components.push(component),
            Err(error) => findings.malformed(kind, error),
        }
    }
    for (name, file) in files.others() {
        match Component::read(&mut Reader::new(file), extended) {
            Ok(custom) if custom.kind().is_none() => components.push(custom),
            _ => {
                let message = format!("{name} is no component, it is ignored");
                findings.add(Severity::Note, None, None, message);
            }
        }
    }
    if files.get(ComponentKind::Descriptor).is_none() {
        let message = "component is missing: the file cannot be verified".into();
        let kind = Some(ComponentKind::Descriptor);
        findings.add(Severity::Warning, kind, None, message);
    }
    Ok(inspect(&components, data_block, findings))
}

fn read_component(
    kind: ComponentKind,
    file: &[u8],
    extended: bool,
) -> Result<Component<'_>, CapError> {
    read_framed(kind, file, extended).map_err(|error| {
        Fault {
            component: kind,
            error,
        }
        .into()
    })
}

/// Reads tag and size of a component that fills its file.
fn read_framed(
    kind: ComponentKind,
    file: &[u8],
    extended: bool,
) -> Result<Component<'_>, DecodeError> {
    let mut reader = Reader::new(file);
    // The tag decides how wide the size is: it must be right before the size can be read.
    Component::expect_tag(&reader, kind)?;
    let component = Component::read(&mut reader, extended)?;
    reader.finish()?;
    Ok(component)
}

#[cfg(test)]
mod tests;
