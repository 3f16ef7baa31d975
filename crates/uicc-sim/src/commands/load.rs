//! LOAD (G 11.6): the blocks of a load file, and what the card checks when the last one has come.

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::load::Load;
use globalplatform::load_file::{ImportedPackage, LoadFile, LoadFileStructure};
use globalplatform::status_word::StatusWord;
use sha2::Digest;

use super::Domain;
use crate::chip::StoredLoadFile;
use crate::memory::load_file_footprint;
use crate::operating_system::refusal;
use crate::platform_packages;

/// A package that the load file imports is missing (Java Card).
const IMPORT_MISSING: StatusWord = StatusWord(0x6438);

/// A load under way: it lives in volatile memory until its last block.
#[derive(Debug)]
pub(crate) struct Loading {
    pub(crate) aid: Aid,
    /// The security domain that the load file will belong to.
    pub(crate) domain: Aid,
    /// Hash of the data block that INSTALL [for load] announced.
    pub(crate) hash: Option<Vec<u8>>,
    received: Vec<u8>,
    next_block: u16,
}

impl Loading {
    /// A load of which nothing has come yet.
    pub(crate) const fn new(aid: Aid, domain: Aid, hash: Option<Vec<u8>>) -> Self {
        Self {
            aid,
            domain,
            hash,
            received: Vec::new(),
            next_block: 0,
        }
    }

    /// The load file in what was received, after all checks that need nothing else. DAP blocks are skipped: no domain
    /// on this card has the privilege to verify them.
    fn load_file(&self) -> Result<LoadFile, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        let structure = LoadFileStructure::decode(&self.received).map_err(|_| wrong)?;
        let block = &structure.data_block;
        if structure.ciphered
            || self
                .hash
                .as_ref()
                .is_some_and(|hash| !is_hash_of(hash, block))
        {
            return Err(wrong);
        }
        let file = LoadFile::from_data_block(block).map_err(|_| wrong)?;
        if file.package_aid == self.aid {
            Ok(file)
        } else {
            Err(wrong)
        }
    }
}

/// Whether this is a hash of the bytes; its length tells the algorithm.
fn is_hash_of(hash: &[u8], bytes: &[u8]) -> bool {
    match hash.len() {
        32 => hash == sha2::Sha256::digest(bytes).as_slice(),
        48 => hash == sha2::Sha384::digest(bytes).as_slice(),
        64 => hash == sha2::Sha512::digest(bytes).as_slice(),
        _ => false,
    }
}

impl Domain<'_> {
    /// Takes one block. Any error ends the load and frees what it took.
    pub(crate) fn load(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let loading = self.work.loading.take();
        let mut loading = loading.ok_or(StatusWord::CONDITIONS)?;
        let block = Load::from_apdu(command).map_err(refusal)?;
        if u16::from(block.block_number) != loading.next_block {
            return Err(StatusWord::CONDITIONS);
        }
        loading.next_block += 1;
        loading.received.extend_from_slice(&block.block);
        self.demand_memory(&loading.domain, load_file_footprint(loading.received.len()))?;
        if block.last {
            self.finish_load(&loading)?;
        } else {
            self.work.loading = Some(loading);
        }
        Ok(ResponseApdu::with_data([0x00]))
    }

    fn finish_load(&mut self, loading: &Loading) -> Result<(), StatusWord> {
        let file = loading.load_file()?;
        if !file.imports.iter().all(|import| self.is_present(import)) {
            return Err(IMPORT_MISSING);
        }
        // Another channel may have been quicker, or have deleted the domain.
        if self.storage.is_taken(&loading.aid) {
            return Err(StatusWord::CONDITIONS);
        }
        self.demand_personalized(&loading.domain)?;
        let file = StoredLoadFile {
            aid: loading.aid,
            version: file.version,
            modules: file.applets.clone(),
            imports: file.imports.iter().map(|import| import.aid).collect(),
            security_domain: loading.domain,
            data_block: file.data_block,
            in_rom: false,
        };
        self.storage.write().load_files.push(file);
        Ok(())
    }

    /// Whether an imported package is part of the card or loaded, in the same major and no older minor version.
    fn is_present(&self, import: &ImportedPackage) -> bool {
        let fits = |(major, minor): (u8, u8)| {
            let (wanted_major, wanted_minor) = import.version;
            major == wanted_major && minor >= wanted_minor
        };
        let loaded = self.storage.load_file(&import.aid);
        loaded.is_some_and(|file| fits(file.version))
            || platform_packages::version(&import.aid).is_some_and(fits)
    }
}
