//! Finding and unpacking the components inside the ZIP archive.

use alloc::{string::String, vec::Vec};
use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use zip::ZipArchive;

use super::{CapError, MAX_ENTRIES, MAX_UNPACKED};
use crate::load_file::ComponentKind;

/// The unpacked components of one package.
pub(super) struct Files {
    unpacked: BTreeMap<ComponentKind, Vec<u8>>,
    others: Vec<(String, Vec<u8>)>,
}

/// Which components are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What a loader needs: neither Debug, which may be large, nor custom components.
    Loaded,
    /// All of them.
    All,
}

/// A component inside the archive.
struct Entry {
    index: usize,
    folder: String,
    name: String,
    /// Custom components have none.
    kind: Option<ComponentKind>,
}

impl Files {
    /// Unpacks the components of the only package in the archive.
    pub fn unpack(cap: &[u8], wanted: Wanted) -> Result<Self, CapError> {
        let mut archive = ZipArchive::new(Cursor::new(cap)).map_err(CapError::Archive)?;
        if archive.len() > MAX_ENTRIES {
            return Err(CapError::TooManyEntries {
                entries: archive.len(),
            });
        }
        let entries: Vec<Entry> = (0..archive.len())
            .filter_map(|index| Entry::parse(index, &archive.name_for_index(index)?.ok()?))
            .collect();
        let folder = package_folder(&entries)?;
        let mut files = Self {
            unpacked: BTreeMap::new(),
            others: Vec::new(),
        };
        let mut room = MAX_UNPACKED;
        let is_wanted = |entry: &&Entry| entry.folder == folder && entry.is_wanted(wanted);
        for entry in entries.iter().filter(is_wanted) {
            let file = entry.read(&mut archive, room)?;
            room -= file.len();
            let Some(kind) = entry.kind else {
                files.others.push((entry.name.clone(), file));
                continue;
            };
            if files.unpacked.insert(kind, file).is_some() {
                return Err(CapError::Repeated {
                    component: kind.file_stem(),
                });
            }
        }
        Ok(files)
    }

    /// The file of a component, if the package has it.
    pub fn get(&self, kind: ComponentKind) -> Option<&[u8]> {
        self.unpacked.get(&kind).map(Vec::as_slice)
    }

    /// Custom components, with the names of their files.
    pub fn others(&self) -> &[(String, Vec<u8>)] {
        &self.others
    }
}

/// The folder with `Header.cap`. Two of them are told apart by their name: components lie in a
/// folder `javacard`.
fn package_folder(entries: &[Entry]) -> Result<String, CapError> {
    let mut folders: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.kind == Some(ComponentKind::Header))
        .map(|entry| entry.folder.as_str())
        .collect();
    if folders.iter().any(|folder| is_javacard(folder)) {
        folders.retain(|folder| is_javacard(folder));
    }
    folders.dedup();
    match *folders {
        [] => Err(CapError::NoPackage),
        [folder] => Ok(folder.into()),
        [first, second, ..] => Err(CapError::SeveralPackages {
            first: first.escape_debug().collect(),
            second: second.escape_debug().collect(),
        }),
    }
}

fn is_javacard(folder: &str) -> bool {
    folder.rsplit(['/', '\\']).next() == Some("javacard")
}

impl Entry {
    fn parse(index: usize, path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once(['/', '\\']).unwrap_or(("", path));
        let (stem, extension) = name.rsplit_once('.')?;
        if !["cap", "capx"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
        {
            return None;
        }
        let kind = ComponentKind::ALL
            .into_iter()
            .find(|kind| kind.file_stem().eq_ignore_ascii_case(stem));
        Some(Self {
            index,
            folder: folder.into(),
            name: name.into(),
            kind,
        })
    }

    fn is_wanted(&self, wanted: Wanted) -> bool {
        match self.kind {
            None | Some(ComponentKind::Debug) => wanted == Wanted::All,
            Some(_) => true,
        }
    }

    /// Unpacks the file, which may have at most `room` bytes whatever the archive announces.
    fn read(
        &self,
        archive: &mut ZipArchive<Cursor<&[u8]>>,
        room: usize,
    ) -> Result<Vec<u8>, CapError> {
        let component = self
            .kind
            .map_or("custom component", ComponentKind::file_stem);
        let file = archive.by_index(self.index).map_err(CapError::Archive)?;
        let mut unpacked = Vec::new();
        file.take(room as u64 + 1)
            .read_to_end(&mut unpacked)
            .map_err(|source| CapError::Unpack { component, source })?;
        if unpacked.len() > room {
            return Err(CapError::TooLarge { component });
        }
        Ok(unpacked)
    }
}
