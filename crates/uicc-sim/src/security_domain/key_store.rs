//! The keys of a security domain: whole SCP03 sets with their counters, and all others.
//!
//! Three AES keys 01, 02 and 03 of one version and one length are a set; sessions open with whole sets only (Amendment D
//! 7.1.1). Whatever adds or takes away single keys goes through here, so that a set comes into being with its last key
//! and falls apart when one goes.

use scp03::{AesKey, DekKey, EncKey, MacKey, StaticKeys};

use super::{Attributes, KeySet, SecurityDomain, StoredKey};

/// Identifiers of ENC, MAC and DEK.
const SET: [u8; 3] = KeySet::IDS;

impl KeySet {
    /// Identifiers of ENC, MAC and DEK.
    pub(crate) const IDS: [u8; 3] = [0x01, 0x02, 0x03];

    /// The three keys, each for itself.
    fn keys(&self) -> Vec<StoredKey> {
        let keys = &self.keys;
        let bytes = [
            keys.enc.danger_bytes(),
            keys.mac.danger_bytes(),
            keys.dek.danger_bytes(),
        ];
        let mut attributes = self.attributes.iter().cloned();
        let ids = SET.into_iter().zip(bytes);
        ids.map(|(id, key)| StoredKey::aes(self.version, id, key, attributes.next()))
            .collect()
    }

    /// Whether these keys are a whole set, and nothing else.
    pub(crate) fn is_whole(keys: &[StoredKey]) -> bool {
        keys.len() == SET.len() && Self::of(&keys.iter().collect::<Vec<_>>()).is_some()
    }

    /// The set that these keys of one version are, if they are one.
    fn of(keys: &[&StoredKey]) -> Option<Self> {
        let [enc, mac, dek] = SET.map(|id| keys.iter().find(|key| key.id == id));
        let (enc, mac, dek) = (enc?, mac?, dek?);
        let plain = |key: &StoredKey| key.as_aes().filter(|_| key.cmac_length.is_none());
        let keys = static_keys([plain(enc)?, plain(mac)?, plain(dek)?])?;
        let attributes: Option<Vec<Attributes>> = [enc, mac, dek]
            .into_iter()
            .map(|key| key.attributes.clone())
            .collect();
        Some(Self {
            attributes: attributes.unwrap_or_default(),
            ..Self::new(enc.version, keys)
        })
    }
}

fn static_keys(keys: [AesKey; 3]) -> Option<StaticKeys> {
    let [enc, mac, dek] = keys;
    StaticKeys::new(
        EncKey::from_bytes(enc.danger_bytes()).ok()?,
        MacKey::from_bytes(mac.danger_bytes()).ok()?,
        DekKey::from_bytes(dek.danger_bytes()).ok()?,
    )
    .ok()
}

impl SecurityDomain {
    /// Every key, those of sets first.
    pub(crate) fn keys(&self) -> Vec<StoredKey> {
        let sets = self.key_sets.iter().flat_map(KeySet::keys);
        sets.chain(self.other_keys.iter().cloned()).collect()
    }

    /// Puts keys in: a key in the place of `replaced` takes its place in the order too. The counter of a set stays as
    /// long as one of its keys does; a set that is new or wholly replaced begins at zero (Amendment D 6.2.2.1).
    pub(crate) fn put_keys(&mut self, replaced: &[(u8, u8)], keys: Vec<StoredKey>) {
        let place = self
            .key_sets
            .iter()
            .position(|set| replaced.iter().any(|(version, _)| *version == set.version));
        let new: Vec<(u8, u8)> = keys.iter().map(StoredKey::place).collect();
        let leave = |place: (u8, u8)| replaced.contains(&place) || new.contains(&place);
        self.take_apart(|set| SET.iter().any(|id| leave((set.version, *id))));
        self.other_keys.retain(|key| !leave(key.place()));
        self.other_keys.extend(keys);
        self.assemble(place);
    }

    /// Takes out the keys that `goes` names; how many there were.
    pub(crate) fn remove_keys(&mut self, goes: impl Fn((u8, u8)) -> bool) -> usize {
        let before = self.keys().len();
        self.key_sets
            .retain(|set| !SET.iter().all(|id| goes((set.version, *id))));
        self.take_apart(|set| SET.iter().any(|id| goes((set.version, *id))));
        self.other_keys.retain(|key| !goes(key.place()));
        before - self.keys().len()
    }

    /// Turns sets into single keys that remember the counter of their set.
    fn take_apart(&mut self, which: impl Fn(&KeySet) -> bool) {
        let (apart, whole): (Vec<KeySet>, Vec<KeySet>) = std::mem::take(&mut self.key_sets)
            .into_iter()
            .partition(which);
        self.key_sets = whole;
        for set in apart {
            for mut key in set.keys() {
                key.counter = Some(set.counter);
                self.other_keys.push(key);
            }
        }
    }

    /// Makes a set of every version that is complete, at `place` in the order of sets or at its end.
    fn assemble(&mut self, place: Option<usize>) {
        let mut versions: Vec<u8> = self.other_keys.iter().map(|key| key.version).collect();
        versions.sort_unstable();
        versions.dedup();
        for version in versions {
            let keys: Vec<&StoredKey> = self
                .other_keys
                .iter()
                .filter(|key| key.version == version && SET.contains(&key.id))
                .collect();
            let Some(mut set) = KeySet::of(&keys) else {
                continue;
            };
            // All keys that were part of a set remember the same counter.
            set.counter = keys.iter().find_map(|key| key.counter).unwrap_or(0);
            self.other_keys
                .retain(|key| key.version != version || !SET.contains(&key.id));
            let place = place.unwrap_or(usize::MAX).min(self.key_sets.len());
            self.key_sets.insert(place, set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aes(version: u8, id: u8, length: usize) -> StoredKey {
        StoredKey::aes(version, id, &vec![id; length], None)
    }

    fn set(version: u8) -> Vec<StoredKey> {
        SET.map(|id| aes(version, id, 16)).into()
    }

    fn versions(domain: &SecurityDomain) -> Vec<(u8, u32)> {
        let sets = domain.key_sets.iter();
        sets.map(|set| (set.version, set.counter)).collect()
    }

    #[test]
    fn a_set_comes_into_being_with_its_last_key_and_falls_apart_with_the_first_that_goes() {
        let mut domain = SecurityDomain::new(0x70);
        domain.put_keys(&[], vec![aes(0x30, 1, 16), aes(0x30, 3, 16)]);
        assert!(domain.key_sets.is_empty());
        domain.put_keys(&[], vec![aes(0x30, 2, 16)]);
        assert_eq!(versions(&domain), [(0x30, 0)]);
        assert!(domain.other_keys.is_empty());
        assert_eq!(domain.remove_keys(|place| place == (0x30, 2)), 1);
        assert!(domain.key_sets.is_empty());
        assert_eq!(domain.keys().len(), 2);
        assert_eq!(domain.remove_keys(|(version, _)| version == 0x30), 2);
        assert!(domain.keys().is_empty());
    }

    #[test]
    fn keys_of_different_lengths_or_with_a_mac_length_are_no_set() {
        let mut domain = SecurityDomain::new(0x70);
        domain.put_keys(&[], vec![aes(1, 1, 16), aes(1, 2, 32), aes(1, 3, 16)]);
        let mut kid = aes(2, 2, 16);
        kid.cmac_length = Some(8);
        domain.put_keys(&[], vec![aes(2, 1, 16), kid, aes(2, 3, 16)]);
        assert!(domain.key_sets.is_empty());
        assert_eq!(domain.keys().len(), 6);
    }

    #[test]
    fn the_counter_stays_until_the_whole_set_is_replaced() {
        let mut domain = SecurityDomain::new(0x70);
        domain.put_keys(&[], set(0x30));
        domain.put_keys(&[], set(0x31));
        domain.key_sets[0].counter = 7;
        domain.put_keys(&[(0x30, 2)], vec![aes(0x30, 2, 16)]);
        assert_eq!(versions(&domain), [(0x30, 7), (0x31, 0)], "one key");
        let all = SET.map(|id| (0x30, id));
        domain.put_keys(&all, set(0x32));
        assert_eq!(versions(&domain), [(0x32, 0), (0x31, 0)], "in its place");
    }

    #[test]
    fn a_fourth_key_leaves_the_set_alone() {
        let mut domain = SecurityDomain::new(0x70);
        domain.put_keys(&[], set(0x30));
        domain.put_keys(&[], set(0x31));
        domain.key_sets[0].counter = 7;
        domain.put_keys(&[], vec![aes(0x30, 4, 16)]);
        assert_eq!(versions(&domain), [(0x30, 7), (0x31, 0)]);
        assert_eq!(domain.keys().len(), 7);
        assert_eq!(domain.remove_keys(|(_, id)| id == 4), 1);
        assert_eq!(domain.remove_keys(|(_, id)| id == 1), 2);
        assert!(domain.key_sets.is_empty());
    }

    #[test]
    fn usage_and_access_survive_in_a_set() {
        let mut domain = SecurityDomain::new(0x70);
        let usage = |byte| {
            Some(Attributes {
                usage: vec![byte],
                access: vec![],
            })
        };
        let keys = [(1, 0x38), (2, 0x34), (3, 0xC8)];
        let keys = keys.map(|(id, byte)| StoredKey::aes(0x30, id, &[id; 16], usage(byte)));
        domain.put_keys(&[], keys.to_vec());
        assert_eq!(domain.key_sets.len(), 1);
        assert_eq!(domain.keys(), keys);
    }
}
