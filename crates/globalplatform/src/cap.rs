//! Reading CAP files: a ZIP archive that holds each component of a package as one file in a folder
//! `…/javacard/` (JCVM 3.1, 4.1 and chapter 6).
//!
//! Format 2.1 to 2.3 (Java Card 2.1 to 3.x), compact and extended, whatever the package's folder.
//! Everything else in the archive (manifest, applet descriptions, custom components, Debug) is
//! skipped. An archive is untrusted: what is unpacked is bounded by [`MAX_UNPACKED`].

mod archive;

use alloc::{string::String, vec::Vec};

use crate::{
    error::DecodeError,
    load_file::{Component, ComponentKind, Fault, LoadFile, assemble},
    tlv::Reader,
};
use archive::Files;

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
    let files = Files::unpack(cap)?;
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

fn read_component(
    kind: ComponentKind,
    file: &[u8],
    extended: bool,
) -> Result<Component<'_>, CapError> {
    let mut reader = Reader::new(file);
    // The tag decides how wide the size is: it must be right before the size can be read.
    Component::expect_tag(&reader, kind)
        .and_then(|()| Component::read(&mut reader, extended))
        .and_then(|component| reader.finish().map(|()| component))
        .map_err(|error| {
            Fault {
                component: kind,
                error,
            }
            .into()
        })
}

#[cfg(test)]
mod tests;
