//! LOAD (G 11.6): the blocks of a load file, and what the card checks when the last one has come.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::confirmation::ManagementResponse;
use globalplatform::commands::install::{self, InstallForLoad};
use globalplatform::commands::load::{self, Load};
use globalplatform::delegated_management::{HashAlgorithm, ReceiptSubject};
use globalplatform::load_file::{ImportedPackage, LoadFile, LoadFileStructure};
use globalplatform::status_word::StatusWord;

use super::Domain;
use super::delegation::Authority;
use crate::chip::StoredLoadFile;
use crate::memory::load_file_footprint;
use crate::operating_system::refusal;
use crate::platform_packages;

/// A package that the load file imports is missing (Java Card).
const IMPORT_MISSING: StatusWord = StatusWord(0x6438);
/// P1 and P2 of the INSTALL that ends the combined process.
const COMBINED_END: (u8, u8) = (0x0E, 0x03);

/// A load under way: it lives in volatile memory until its last block.
pub(crate) struct Loading {
    announced: InstallForLoad,
    /// The security domain that the load file will belong to.
    domain: Aid,
    ending: Ending,
    received: Vec<u8>,
    next_block: u16,
    /// The load file, when its last block has come and an INSTALL must follow.
    whole: Option<StoredLoadFile>,
}

/// What puts the load file on the card.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The last LOAD.
    LastBlock(Authority),
    /// The last INSTALL of the combined process, which began with this one.
    Install(CommandApdu),
}

/// How a combined process began.
pub(super) struct CombinedBegin {
    /// Its first command.
    pub(super) command: CommandApdu,
    /// The hash in it.
    pub(super) hash: Option<HashAlgorithm>,
}

impl core::fmt::Debug for Loading {
    /// Without what was received.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Loading")
            .field("load_file", &self.announced.load_file)
            .field("next_block", &self.next_block)
            .field("received", &self.received.len())
            .finish_non_exhaustive()
    }
}

impl Loading {
    /// A load of which nothing has come yet.
    pub(super) const fn new(announced: InstallForLoad, domain: Aid, ending: Ending) -> Self {
        Self {
            announced,
            domain,
            ending,
            received: Vec::new(),
            next_block: 0,
            whole: None,
        }
    }

    /// The load file and the beginning of the combined process that it is part of.
    pub(super) fn into_whole(self) -> Option<(StoredLoadFile, CombinedBegin)> {
        let hash = self.announced.hash.as_ref();
        let hash = hash.and_then(|hash| HashAlgorithm::from_length(hash.len()));
        match (self.whole, self.ending) {
            (Some(file), Ending::Install(command)) => Some((file, CombinedBegin { command, hash })),
            _ => None,
        }
    }
}

/// Whether the command is one that a load under way waits for.
pub(super) const fn belongs_to_load(command: &CommandApdu) -> bool {
    let (p1, p2) = COMBINED_END;
    command.ins == load::INS
        || (command.ins == install::INS && command.p1 == p1 && command.p2 == p2)
}

impl Domain<'_> {
    /// Takes one block. Any error ends the load and frees what it took.
    pub(crate) fn load(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let loading = self.work.loading.take();
        let mut loading = loading.ok_or(StatusWord::CONDITIONS)?;
        let block = Load::from_apdu(command).map_err(refusal)?;
        if loading.whole.is_some() || u16::from(block.block_number) != loading.next_block {
            return Err(StatusWord::CONDITIONS);
        }
        loading.next_block += 1;
        loading.received.extend_from_slice(&block.block);
        self.demand_memory(&loading.domain, load_file_footprint(loading.received.len()))?;
        let response = if block.last {
            self.finish_load(loading)?
        } else {
            self.work.loading = Some(loading);
            ManagementResponse::NONE
        };
        Ok(ResponseApdu::with_data(response.encode()))
    }

    fn finish_load(&mut self, mut loading: Loading) -> Result<ManagementResponse, StatusWord> {
        let file = self.received_file(&loading)?;
        match &loading.ending {
            Ending::Install(_) => {
                loading.whole = Some(file);
                self.work.loading = Some(loading);
                Ok(ManagementResponse::NONE)
            }
            Ending::LastBlock(authority) => {
                let subject = ReceiptSubject::Load {
                    load_file: file.aid,
                    security_domain: file.security_domain,
                };
                self.demand_load_file(&file)?;
                // The load may have been announced long ago, and others may have been quicker.
                self.demand_unused(authority)?;
                self.all_or_nothing(|domain| {
                    domain.storage.write().load_files.push(file);
                    Ok(domain.confirm(authority, &subject))
                })
            }
        }
    }

    /// The load file in what was received, with its hash and signatures checked.
    fn received_file(&self, loading: &Loading) -> Result<StoredLoadFile, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        let structure = LoadFileStructure::decode(&loading.received).map_err(|_| wrong)?;
        let data_block = self.deciphered(&structure, &loading.domain)?;
        let announced = &loading.announced;
        let weakest = self.verify_signatures(&structure, announced, &loading.domain)?;
        announced
            .check_hash(&structure, &data_block, weakest)
            .map_err(|_| wrong)?;
        let file = LoadFile::from_data_block(&data_block).map_err(|_| wrong)?;
        if file.package_aid != announced.load_file {
            return Err(wrong);
        }
        if !file.imports.iter().all(|import| self.is_present(import)) {
            return Err(IMPORT_MISSING);
        }
        Ok(StoredLoadFile {
            aid: announced.load_file,
            version: file.version,
            modules: file.applets.clone(),
            imports: file.imports.iter().map(|import| import.aid).collect(),
            security_domain: loading.domain,
            data_block: file.data_block,
            in_rom: false,
        })
    }

    /// Another channel may have been quicker, or have deleted the domain.
    pub(super) fn demand_load_file(&self, file: &StoredLoadFile) -> Result<(), StatusWord> {
        if self.storage.is_taken(&file.aid) {
            return Err(StatusWord::CONDITIONS);
        }
        self.demand_personalized(&file.security_domain)?;
        self.demand_memory(&file.security_domain, file.footprint())
    }

    /// Whether an imported package is part of the card or loaded, in the same major and no older minor version.
    fn is_present(&self, import: &ImportedPackage) -> bool {
        let fits = |(major, minor): (u8, u8)| {
            let (wanted_major, wanted_minor) = import.version;
            major == wanted_major && minor >= wanted_minor
        };
        let loaded = self.storage.load_file(&import.aid);
        loaded.is_some_and(|file| fits(file.version))
            || platform_packages::has(&import.aid, import.version)
    }
}

#[cfg(test)]
mod tests {
    use globalplatform::commands::install::LoadParameters;

    use super::*;

    #[test]
    fn debug_of_a_load_shows_nothing_of_the_file() {
        let aid = Aid::from_slice_const(&[0xF0, 1, 2, 3, 4]);
        let announced = InstallForLoad {
            load_file: aid,
            security_domain: None,
            hash: None,
            parameters: LoadParameters::default(),
            token: None,
        };
        let mut loading = Loading::new(announced, aid, Ending::LastBlock(Authority::Owner));
        loading.received = vec![0xAB; 3];
        let text = format!("{loading:?}");
        assert_eq!(
            text,
            format!("Loading {{ load_file: {aid:?}, next_block: 0, received: 3, .. }}")
        );
    }
}
