//! Load files that are signed or ciphered: DAP verification (G 9.2.1, C.3) and the ciphered load file data block (C.6).

use globalplatform::aid::Aid;
use globalplatform::commands::install::InstallForLoad;
use globalplatform::delegated_management::{HashAlgorithm, Verifier};
use globalplatform::load_file::{DapBlock, LoadFileStructure};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;
use scp03::DekKey;

use super::Domain;
use crate::security_domain::StoredKey;
use crate::signature_key::VerifyingKey;

/// Where a DAP key is: GlobalPlatform's version, and that of ETSI TS 102 226.
const DAP_KEYS: [(u8, u8); 2] = [(0x73, 0x01), (0x11, 0x01)];
/// Where the key of ciphered load files is.
const CIPHER_KEY: (u8, u8) = (0x75, 0x01);
const BLOCK: usize = 16;

impl Domain<'_> {
    /// Checks that everybody who must sign has signed, and every signature there is. Gives the weakest hash that goes with
    /// all keys.
    ///
    /// # Errors
    /// 6982 for a signature that is missing or not genuine, or whose domain verifies none; 6A80 without a hash; 6A88 for
    /// one of a domain that is not there.
    pub(super) fn verify_signatures(
        &self,
        structure: &LoadFileStructure,
        announced: &InstallForLoad,
        domain: &Aid,
    ) -> Result<HashAlgorithm, StatusWord> {
        let signed = |aid: &Aid| {
            let mut blocks = structure.dap_blocks.iter();
            blocks.any(|block| self.storage.resolve(block.security_domain) == *aid)
        };
        let mut demanding = self.storage.applications.iter().filter(|application| {
            let privileges = application.privileges;
            let mandated = privileges.contains(Privileges::MANDATED_DAP)
                && self.storage.serves(&application.aid);
            let own =
                privileges.contains(Privileges::DAP_VERIFICATION) && application.aid == *domain;
            mandated || own
        });
        if demanding.any(|application| !signed(&application.aid)) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let mut weakest = HashAlgorithm::Sha1;
        for block in &structure.dap_blocks {
            let hash = announced.hash.as_ref().ok_or(StatusWord::WRONG_DATA)?;
            weakest = weakest.max(self.verify_signature(block, hash)?);
        }
        Ok(weakest)
    }

    fn verify_signature(&self, block: &DapBlock, hash: &[u8]) -> Result<HashAlgorithm, StatusWord> {
        let refused = StatusWord::SECURITY_STATUS;
        let verifier = self.storage.resolve(block.security_domain);
        let verifier = self.storage.application(&verifier);
        let verifier = verifier.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let verifies = verifier.privileges.contains(Privileges::DAP_VERIFICATION);
        if !verifies || !self.storage.serves(&verifier.aid) {
            return Err(refused);
        }
        let keys = verifier.domain().ok_or(refused)?.keys();
        let is_dap = |place: (u8, u8)| keys.iter().find(|key| key.place() == place);
        let key = DAP_KEYS.into_iter().find_map(is_dap).ok_or(refused)?;
        let verifying = VerifyingKey::of(key).ok_or(refused)?;
        if !verifying.verify(hash, &block.signature) {
            return Err(refused);
        }
        VerifyingKey::weakest_hash(key).ok_or(refused)
    }

    /// The data block in clear.
    ///
    /// # Errors
    /// 6985 when the domain wants ciphered load files and this one is not, or the other way round; 6982 when the key is not
    /// there or the padding is wrong; 6A80 for something that is no cipher text.
    pub(super) fn deciphered(
        &self,
        structure: &LoadFileStructure,
        domain: &Aid,
    ) -> Result<Vec<u8>, StatusWord> {
        let owner = self.storage.application(domain);
        let owner = owner.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let wants = owner.privileges.contains(Privileges::CIPHERED_LOAD_FILE);
        if wants != structure.ciphered {
            return Err(StatusWord::CONDITIONS);
        }
        if !structure.ciphered {
            return Ok(structure.data_block.clone());
        }
        let keys = owner.domain().map(|domain| domain.keys());
        let keys = keys.unwrap_or_default();
        let key = keys.iter().find(|key| key.place() == CIPHER_KEY);
        let key = key.and_then(StoredKey::as_aes);
        let key = key.ok_or(StatusWord::SECURITY_STATUS)?;
        decipher(structure, key.danger_bytes())
    }
}

/// AES-CBC with the initial vector of the structure or zeros; padding 80 00 to 80 and fifteen zeros.
fn decipher(structure: &LoadFileStructure, key: &[u8]) -> Result<Vec<u8>, StatusWord> {
    let wrong = StatusWord::WRONG_DATA;
    let key = DekKey::from_bytes(key).map_err(|_| StatusWord::SECURITY_STATUS)?;
    let mut clear = structure.data_block.clone();
    key.decrypt(&mut clear).map_err(|_| wrong)?;
    if let Some(vector) = &structure.initial_vector {
        if vector.len() != BLOCK {
            return Err(wrong);
        }
        for (byte, vector) in clear.iter_mut().zip(vector) {
            *byte ^= vector;
        }
    }
    let end = clear.iter().rposition(|byte| *byte != 0x00);
    let end = end.filter(|end| clear.get(*end) == Some(&0x80) && clear.len() - end <= BLOCK);
    clear.truncate(end.ok_or(StatusWord::SECURITY_STATUS)?);
    Ok(clear)
}
