//! PUT KEY (G 11.8, Amendment D 7.2): one key or several, new or in place of others.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::put_key::{PutKey, PutKeyResponse};
use globalplatform::status_word::StatusWord;

use super::{Domain, key_material};
use crate::memory::sum;
use crate::operating_system::refusal;
use crate::security_domain::{KeySet, SecurityDomain, StoredKey};

/// Version of initial ISD keys, which the first PUT KEY replaces.
const INITIAL_VERSION: u8 = 0xFF;

impl Domain<'_> {
    /// Stores the keys in the domain itself, never in the one whose keys opened the session.
    pub(crate) fn put_key(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let put = PutKey::from_apdu(command).map_err(refusal)?;
        let dek = self.dek.ok_or(StatusWord::SECURITY_STATUS)?;
        if !matches!(put.new_version, 0x01..=0x7F) || put.first_id == 0x00 {
            return Err(StatusWord::WRONG_DATA);
        }
        let keys = key_material::of_put_key(&put, dek)?;
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(&self.aid).ok_or(not_found)?;
        let replaced = replaced_by(domain, put.replaces, &keys)?;
        let check_values = keys.iter().filter_map(StoredKey::as_aes);
        let response = PutKeyResponse {
            version: put.new_version,
            check_values: check_values.map(|key| key.check_value()).collect(),
        };
        self.store_keys(&self.aid.clone(), &replaced, keys)?;
        Ok(ResponseApdu::with_data(response.encode()))
    }

    /// Puts keys into a domain in place of others, all or none, as far as memory allows.
    ///
    /// # Errors
    /// 6A80 when two keys have one place, 6985 when the issuer security domain would be left without a whole set, 6A84 when
    /// quota or card are full, 6A88 when there is no such domain.
    pub(super) fn store_keys(
        &mut self,
        aid: &globalplatform::aid::Aid,
        replaced: &[(u8, u8)],
        keys: Vec<StoredKey>,
    ) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(aid).ok_or(not_found)?;
        let mut places: Vec<(u8, u8)> = keys.iter().map(StoredKey::place).collect();
        places.sort_unstable();
        places.dedup();
        if places.len() != keys.len() {
            return Err(StatusWord::WRONG_DATA);
        }
        if self.storage.is_isd(aid) {
            let mut after = domain.clone();
            after.put_keys(replaced, keys.clone());
            if after.key_sets.is_empty() {
                return Err(StatusWord::CONDITIONS);
            }
        }
        let footprint = |keys: &[StoredKey], goes: &dyn Fn(&StoredKey) -> bool| {
            let keys = keys.iter().filter(|key| goes(key));
            sum(keys.map(StoredKey::footprint))
        };
        let freed = footprint(&domain.keys(), &|key| {
            replaced.contains(&key.place()) || keys.iter().any(|new| new.place() == key.place())
        });
        let needed = footprint(&keys, &|_| true);
        self.demand_memory(aid, needed.saturating_sub(freed))?;
        if let Some(domain) = self.storage.write().domain_mut(aid) {
            domain.put_keys(replaced, keys);
            self.secrets.show_domain(domain);
        }
        Ok(())
    }
}

/// The places of the keys that the new ones replace; none when they come as an addition.
///
/// # Errors
/// 6A88 when a key that shall be replaced is not there, 6A80 when the new one has another type or length, or when the
/// place of a new key is taken.
fn replaced_by(
    domain: &SecurityDomain,
    replaces: u8,
    keys: &[StoredKey],
) -> Result<Vec<(u8, u8)>, StatusWord> {
    let present = domain.keys();
    let at = |place: (u8, u8)| present.iter().find(|key| key.place() == place);
    let has_initial = present.iter().any(|key| key.version == INITIAL_VERSION);
    let replaced: Vec<(u8, u8)> = match replaces {
        0x00 | INITIAL_VERSION if has_initial && KeySet::is_whole(keys) => {
            let initial = present.iter().filter(|key| key.version == INITIAL_VERSION);
            initial.map(StoredKey::place).collect()
        }
        0x00 => Vec::new(),
        version => {
            for key in keys {
                let old = at((version, key.id)).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
                if !key.has_shape_of(old) {
                    return Err(StatusWord::WRONG_DATA);
                }
            }
            keys.iter().map(|key| (version, key.id)).collect()
        }
    };
    let is_free = |key: &StoredKey| at(key.place()).is_none() || replaced.contains(&key.place());
    if keys.iter().all(is_free) {
        Ok(replaced)
    } else {
        Err(StatusWord::WRONG_DATA)
    }
}
