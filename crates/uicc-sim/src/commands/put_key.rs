//! PUT KEY (G 11.8, Amendment D 7.2): a whole SCP03 key set, new or in place of another.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::put_key::PutKey;
use globalplatform::status_word::StatusWord;
use scp03::StaticKeys;
use scp03::put_key::PutKeyError;

use super::Domain;
use crate::operating_system::refusal;
use crate::security_domain::{KeySet, SecurityDomain};

/// Version of initial ISD keys, which the first PUT KEY replaces.
const INITIAL_VERSION: u8 = 0xFF;

impl Domain<'_> {
    /// Stores the key set in the domain itself, never in the one whose keys opened the session.
    pub(crate) fn put_key(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let put = PutKey::from_apdu(command).map_err(refusal)?;
        let dek = self.dek.ok_or(StatusWord::SECURITY_STATUS)?;
        let keys =
            StaticKeys::unwrap_put_key(&put, dek).map_err(|e: PutKeyError| e.status_word())?;
        let set = KeySet::new(put.new_version, keys);
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(&self.aid).ok_or(not_found)?;
        let place = place_for(domain, &put, &set)?;
        let freed = place
            .and_then(|place| domain.key_sets.get(place))
            .map_or(0, KeySet::footprint);
        self.demand_memory(&self.aid, set.footprint().saturating_sub(freed))?;
        let response = set.keys.put_key_response(set.version);
        self.secrets.show_key_set(&set.keys);
        if let Some(domain) = self.storage.write().domain_mut(&self.aid) {
            match place.and_then(|place| domain.key_sets.get_mut(place)) {
                Some(old) => *old = set,
                None => domain.key_sets.push(set),
            }
        }
        Ok(ResponseApdu::with_data(response.encode()))
    }
}

/// The index of the set that the new one replaces; none when it comes as an addition.
fn place_for(
    domain: &SecurityDomain,
    put: &PutKey,
    set: &KeySet,
) -> Result<Option<usize>, StatusWord> {
    if !matches!(set.version, 0x01..=0x7F) {
        return Err(StatusWord::WRONG_DATA);
    }
    let position = |version: u8| domain.key_sets.iter().position(|s| s.version == version);
    let replaced = match (put.replaces, position(INITIAL_VERSION)) {
        (0x00 | INITIAL_VERSION, Some(initial)) => Some(initial),
        (0x00, None) => None,
        (version, _) => Some(position(version).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?),
    };
    let taken = position(set.version).is_some_and(|place| Some(place) != replaced);
    let other_length = replaced
        .and_then(|place| domain.key_sets.get(place))
        .is_some_and(|old| old.version != INITIAL_VERSION && old.key_length() != set.key_length());
    if taken || other_length {
        return Err(StatusWord::WRONG_DATA);
    }
    Ok(replaced)
}
