//! The profiles that come with the program: one TOML file each in `profiles/`. The first line of a file is its summary.

use std::path::Path;

use super::{CardConfig, ConfigError};

/// A profile that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// The profile as a TOML file.
    pub toml: &'static str,
}

/// Name of the profile that is taken when none is named.
pub const DEFAULT: &str = "default";

macro_rules! profiles {
    ($($name:literal),+ $(,)?) => {
        [$(Profile { name: $name, toml: include_str!(concat!("../../profiles/", $name, ".toml")) }),+]
    };
}

/// Every profile that comes with the program. To add one, put its file into `profiles/` and its name here.
pub const PROFILES: &[Profile] = &profiles![
    "default",
    "jpki",
    "s16-aes256",
    "aes192",
    "random-challenge",
    "extended-apdus",
    "contactless",
    "cmac-only",
    "old-get-status",
    "small",
    "slow",
];

impl Profile {
    /// The profile with this name.
    ///
    /// ```
    /// let profile = uicc_sim::config::builtin::Profile::named("default").unwrap();
    /// assert_eq!(profile.card()?.scp_i, 0x70);
    /// # Ok::<(), uicc_sim::ConfigError>(())
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PROFILES.iter().copied().find(|p| p.name == name)
    }

    /// What it is, in one line.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        let first = self.toml.lines().next().unwrap_or_default();
        first.trim_start_matches('#').trim()
    }

    /// The card that it describes.
    ///
    /// # Errors
    /// [`ConfigError`]; a test makes sure that there is none.
    pub fn card(&self) -> Result<CardConfig, ConfigError> {
        CardConfig::parse(self.toml)
    }
}

impl CardConfig {
    /// The card of a profile, named or in a TOML file. A name is taken for a file when it holds a `/` or ends in
    /// `.toml`, or when no profile that comes with the program has it.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no such profile, or it describes no card.
    pub fn from_profile(name: &str) -> Result<Self, ConfigError> {
        let is_path = name.contains('/') || name.ends_with(".toml");
        if let Some(profile) = Profile::named(name).filter(|_| !is_path) {
            return profile.card();
        }
        match std::fs::read_to_string(name) {
            Ok(text) => Self::parse(&text),
            Err(error) if !is_path && error.kind() == std::io::ErrorKind::NotFound => {
                Err(ConfigError::Unknown { name: name.into() })
            }
            Err(source) => Err(ConfigError::Io {
                path: Path::new(name).into(),
                source,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uicc;
    use crate::config::{DEFAULT_ALIAS, DEFAULT_ATR, DEFAULT_ISD, DEFAULT_MEMORY};

    #[test]
    fn every_profile_is_a_card_with_a_summary() {
        for profile in PROFILES {
            let card = profile.card().and_then(Uicc::new);
            assert!(card.is_ok(), "{}: {:?}", profile.name, card.err());
            assert!(profile.summary().len() > 20, "{}", profile.name);
        }
        assert_eq!(PROFILES[0].name, DEFAULT);
    }

    #[test]
    fn the_default_profile_is_what_the_field_expects() {
        let card = CardConfig::from_profile(DEFAULT).unwrap();
        assert_eq!((card.isd_aid, card.scp_i), (DEFAULT_ISD, 0x70));
        assert_eq!(card.isd_aliases, [DEFAULT_ALIAS]);
        assert_eq!(
            (card.atr, card.memory_bytes),
            (DEFAULT_ATR.to_vec(), DEFAULT_MEMORY)
        );
        let [set] = card.isd_key_sets.as_slice() else {
            panic!("one key set");
        };
        assert_eq!(set.version, 0x30);
        let check_value = [0x50, 0x4A, 0x77];
        assert_eq!(set.keys.check_values(), [check_value; 3]);
        // What the file spells out is what an empty one means.
        let empty = CardConfig::parse("").unwrap();
        assert_eq!(
            (empty.iccid, empty.kdd, empty.cplc, empty.seed),
            (card.iccid, card.kdd, card.cplc, card.seed)
        );
    }

    #[test]
    fn a_name_is_a_profile_or_a_file() {
        let unknown = CardConfig::from_profile("no-such-profile").unwrap_err();
        assert!(matches!(unknown, ConfigError::Unknown { name } if name == "no-such-profile"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.toml");
        let missing = CardConfig::from_profile(path.to_str().unwrap()).unwrap_err();
        assert!(matches!(missing, ConfigError::Io { path: p, .. } if p == path));
        std::fs::write(&path, "memory_bytes = 4096").unwrap();
        let card = CardConfig::from_profile(path.to_str().unwrap()).unwrap();
        assert_eq!(card.memory_bytes, 4096);
    }
}
