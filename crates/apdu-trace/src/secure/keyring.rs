//! The keys that a session may have been opened with.

use scp03::cryptogram::card_cryptogram;
use scp03::keys::SessionKeys;
use scp03::{Challenge, MasterKey, StaticKeys};
use thiserror::Error;
use zeroize::Zeroizing;

/// Most key sets that are learned from PUT KEY commands of the trace.
const MOST_LEARNED: usize = 64;

/// Keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Hex that cannot be read.
    #[error("{name} is not hex")]
    NotHex {
        /// Which key.
        name: String,
    },
    /// A key that is not 16, 24 or 32 bytes long, or three of different lengths.
    #[error("{name} cannot be used")]
    Key {
        /// Which key.
        name: String,
        /// What is wrong.
        source: scp03::KeyError,
    },
    /// ENC, MAC and DEK belong together.
    #[error("{missing} is missing: ENC, MAC and DEK belong together")]
    Incomplete {
        /// Which key is missing.
        missing: &'static str,
    },
    /// A file of keys without one.
    #[error("the file of keys holds no AES key")]
    NoKeys,
    /// A line of a file of keys that says something else.
    #[error("line {line} of the file of keys is neither NAME=HEX nor hex")]
    UnknownLine {
        /// Which line, from 1.
        line: usize,
    },
}

enum Candidate {
    Set(StaticKeys),
    Master(MasterKey),
}

/// What INITIALIZE UPDATE and its answer say.
pub(crate) struct Opening<'a> {
    pub kdd: &'a [u8; 10],
    pub host_challenge: &'a [u8],
    pub card_challenge: &'a [u8],
    pub cryptogram: &'a [u8],
}

/// The keys of a session, and where they come from.
pub(crate) struct Found {
    pub keys: StaticKeys,
    pub origin: String,
}

/// Static keys and master keys to try; the card cryptogram tells which of them a session uses.
#[derive(Default)]
pub struct Keyring {
    candidates: Vec<(String, Candidate)>,
    /// Keys whose role is not known; tried last.
    loose: Vec<(String, Candidate)>,
    learned: Vec<(String, StaticKeys)>,
}

impl Keyring {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys there are to try.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candidates.len() + self.loose.len() + self.learned.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a set of three keys in hex.
    ///
    /// # Errors
    /// A key is not hex, or has no length of AES, or the lengths differ.
    pub fn add_set(
        &mut self,
        origin: &str,
        enc: &str,
        mac: &str,
        dek: &str,
    ) -> Result<(), KeyringError> {
        let (enc, mac, dek) = (read(origin, enc)?, read(origin, mac)?, read(origin, dek)?);
        let keys = StaticKeys::from_bytes(&enc, &mac, &dek).map_err(|source| {
            let name = origin.to_owned();
            KeyringError::Key { name, source }
        })?;
        self.candidates
            .push((origin.to_owned(), Candidate::Set(keys)));
        Ok(())
    }

    /// Adds one key in hex that is ENC, MAC and DEK at once, as in test cards.
    ///
    /// # Errors
    /// As [`Keyring::add_set`].
    pub fn add_key(&mut self, origin: &str, key: &str) -> Result<(), KeyringError> {
        self.add_set(origin, key, key, key)
    }

    /// Adds a master key in hex, from which the keys of each card are derived with its
    /// diversification data (KDF3).
    ///
    /// # Errors
    /// The key is not hex, or has no length of AES.
    pub fn add_master(&mut self, origin: &str, key: &str) -> Result<(), KeyringError> {
        let key = MasterKey::from_bytes(&read(origin, key)?).map_err(|source| {
            let name = origin.to_owned();
            KeyringError::Key { name, source }
        })?;
        self.candidates
            .push((origin.to_owned(), Candidate::Master(key)));
        Ok(())
    }

    /// Adds what a file of keys says, line by line: `key=HEX`, `master=HEX`, or `enc=HEX`,
    /// `mac=HEX`, `dek=HEX` one after the other (as often as there are sets). A line of hex alone
    /// is tried as `key` and as `master`, and three such lines in a row as ENC, MAC and DEK. `#`
    /// begins a remark; hex that is no AES key is left out.
    ///
    /// # Errors
    /// A line says something else, a named key is wrong, a set is not complete, or there is no key.
    pub fn add_file(&mut self, text: &str) -> Result<(), KeyringError> {
        let known = self.len();
        let mut set: [Option<&str>; 3] = [None; 3];
        let mut bare: [Option<&str>; 3] = [None; 3];
        let text = text.trim_start_matches('\u{FEFF}');
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.split('#').next().unwrap_or("").trim();
            if content.is_empty() {
                continue;
            }
            let origin = format!("file of keys, line {line}");
            let Some((name, value)) = content
                .split_once(['=', ':', ' '])
                .filter(|(name, _)| read("", name).is_err())
            else {
                bare = [bare[1], bare[2], Some(content)];
                self.add_bare(&origin, content)
                    .map_err(|_| KeyringError::UnknownLine { line })?;
                self.add_row(&origin, bare);
                continue;
            };
            bare = [None; 3];
            let value =
                value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '='));
            match name.trim().to_ascii_lowercase().as_str() {
                "key" => self.add_key(&origin, value)?,
                "master" => self.add_master(&origin, value)?,
                "enc" => set[0] = Some(value),
                "mac" => set[1] = Some(value),
                "dek" | "kek" => set[2] = Some(value),
                _ => return Err(KeyringError::UnknownLine { line }),
            }
            if let [Some(enc), Some(mac), Some(dek)] = set {
                self.add_set(&origin, enc, mac, dek)?;
                set = [None; 3];
            }
        }
        match set {
            [None, None, None] if self.len() == known => Err(KeyringError::NoKeys),
            [None, None, None] => Ok(()),
            set => {
                let missing = ["ENC", "MAC", "DEK"]
                    .into_iter()
                    .zip(set)
                    .find_map(|(name, key)| key.is_none().then_some(name));
                Err(KeyringError::Incomplete {
                    missing: missing.unwrap_or("DEK"),
                })
            }
        }
    }

    fn add_bare(&mut self, origin: &str, key: &str) -> Result<(), KeyringError> {
        let length = read(origin, key)?.len();
        if matches!(length, 16 | 24 | 32) {
            let mut alone = Self::new();
            alone.add_key(origin, key)?;
            alone.add_master(origin, key)?;
            self.loose.append(&mut alone.candidates);
        }
        Ok(())
    }

    /// Three keys in a row may be a set.
    fn add_row(&mut self, origin: &str, row: [Option<&str>; 3]) {
        let [Some(enc), Some(mac), Some(dek)] = row else {
            return;
        };
        let mut alone = Self::new();
        if alone.add_set(origin, enc, mac, dek).is_ok() {
            self.loose.append(&mut alone.candidates);
        }
    }

    /// Adds a key set that the trace itself puts on the card.
    pub(crate) fn learn(&mut self, origin: String, keys: StaticKeys) {
        if self.learned.iter().any(|(_, known)| *known == keys) {
            return;
        }
        if self.learned.len() >= MOST_LEARNED {
            self.learned.remove(0);
        }
        self.learned.push((origin, keys));
    }

    /// The keys under which the card cryptogram is right. It proves the MAC key alone: of several,
    /// those that `explain` the card challenge as well come first.
    pub(crate) fn find(
        &self,
        opening: &Opening<'_>,
        explain: impl Fn(&StaticKeys) -> bool,
    ) -> Option<Found> {
        let mode = Challenge::from_bytes(opening.host_challenge)?.mode();
        let fits = |keys: &StaticKeys| {
            let (host, card) = (opening.host_challenge, opening.card_challenge);
            let session = SessionKeys::derive(keys, host, card);
            let expected = card_cryptogram(&session.mac, mode, host, card);
            expected.as_bytes() == opening.cryptogram
        };
        let mut first = None;
        for (origin, keys) in self.all(opening.kdd).filter(|(_, keys)| fits(keys)) {
            let explains = explain(&keys);
            let origin = origin.to_owned();
            let found = Found { keys, origin };
            if explains {
                return Some(found);
            }
            first.get_or_insert(found);
        }
        first
    }

    /// Keys with a name, then the newest that were learned, then the loose ones.
    fn all(&self, kdd: &[u8; 10]) -> impl Iterator<Item = (&str, StaticKeys)> {
        let kdd = *kdd;
        let given = move |candidate: &Candidate| match candidate {
            Candidate::Set(keys) => keys.clone(),
            Candidate::Master(master) => StaticKeys::kdf3(master, &kdd),
        };
        let learned = self.learned.iter().rev();
        let learned = learned.map(|(origin, keys)| (origin.as_str(), keys.clone()));
        let named = self.candidates.iter();
        let named = named.map(move |entry| (entry.0.as_str(), given(&entry.1)));
        let loose = self.loose.iter();
        let loose = loose.map(move |entry| (entry.0.as_str(), given(&entry.1)));
        named.chain(learned).chain(loose)
    }
}

impl core::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Keyring({} keys)", self.len())
    }
}

fn read(name: &str, key: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
    let key = key.trim();
    let key = key
        .strip_prefix("0x")
        .or_else(|| key.strip_prefix("0X"))
        .unwrap_or(key);
    let digits: Zeroizing<String> = Zeroizing::new(
        key.chars()
            .filter(|c| !c.is_whitespace() && *c != ':')
            .collect(),
    );
    match hex::decode(digits.as_bytes()) {
        Ok(key) => Ok(Zeroizing::new(key)),
        Err(_) => Err(KeyringError::NotHex {
            name: name.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "404142434445464748494A4B4C4D4E4F";

    #[test]
    fn a_file_names_keys_sets_and_masters() {
        let mut keys = Keyring::new();
        let file = format!(
            "# test\nkey = {KEY}\nmaster={KEY}  # both\n\nenc={KEY}\nmac={KEY}\ndek={KEY}\n{KEY}\n1122\n"
        );
        keys.add_file(&file).unwrap();
        assert_eq!(keys.len(), 5);
        assert_eq!(format!("{keys:?}"), "Keyring(5 keys)");
    }

    #[test]
    fn a_file_may_come_from_anywhere() {
        let count = |file: &str| {
            let mut keys = Keyring::new();
            keys.add_file(file).unwrap();
            keys.len()
        };
        let spaced = "40 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F";
        assert_eq!(count(&format!("\u{FEFF}key=0x{KEY}\r\n")), 1);
        assert_eq!(
            count(&format!("ENC: {spaced}\nMAC: {KEY}\nKEK: {KEY}\n")),
            1
        );
        assert_eq!(count(spaced), 2);
        assert_eq!(count(&spaced.replace(' ', ":")), 2);
    }

    #[test]
    fn three_keys_in_a_row_may_be_a_set() {
        let count = |file: &str| {
            let mut keys = Keyring::new();
            keys.add_file(file).unwrap();
            keys.len()
        };
        assert_eq!(count(&format!("{KEY}\n{KEY}\n{KEY}\n")), 7);
        assert_eq!(count(&format!("{KEY}\n{KEY}\nkey={KEY}\n{KEY}\n")), 7);
        assert_eq!(count(&format!("{KEY}\n{KEY}\n1122\n{KEY}\n")), 6);
    }

    #[test]
    fn wrong_files_are_refused_with_their_line() {
        let refused = |file: &str| Keyring::new().add_file(file).unwrap_err().to_string();
        assert_eq!(
            refused("\nhello"),
            "line 2 of the file of keys is neither NAME=HEX nor hex"
        );
        assert_eq!(
            refused(&format!("kex={KEY}")),
            "line 1 of the file of keys is neither NAME=HEX nor hex"
        );
        assert_eq!(refused("key=12X4"), "file of keys, line 1 is not hex");
        assert_eq!(refused("key=1234"), "file of keys, line 1 cannot be used");
        for nothing in ["", "# no key\n", "1122\n"] {
            assert_eq!(refused(nothing), "the file of keys holds no AES key");
        }
        assert_eq!(
            refused(&format!("enc={KEY}\ndek={KEY}")),
            "MAC is missing: ENC, MAC and DEK belong together"
        );
    }

    #[test]
    fn learned_keys_are_bounded() {
        let mut keys = Keyring::new();
        for number in 0..100u8 {
            let key = [number; 16];
            let set = StaticKeys::from_bytes(&key, &key, &key).unwrap();
            keys.learn("PUT KEY".to_owned(), set.clone());
            keys.learn("PUT KEY".to_owned(), set);
        }
        assert_eq!(keys.len(), MOST_LEARNED);
    }
}
