//! The issuer security domain in a profile: its name, its other names, its key sets.

use globalplatform::aid::Aid;
use scp03::StaticKeys;
use serde::Deserialize;

use super::super::fields::field;
use super::super::{ConfigError, DEFAULT_ALIAS, DEFAULT_KEY_VERSION, IsdKeySet};
use super::values::{Byte, Secret, aid};

/// The key of test cards: 40 to 4F, for ENC, MAC and DEK alike.
const TEST_KEY: [u8; 16] = [
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct IsdTable {
    pub(super) aid: Option<String>,
    pub(super) aliases: Option<Vec<String>>,
    pub(super) keyset: Option<Vec<KeySetTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySetTable {
    version: Option<Byte>,
    enc: Secret,
    mac: Secret,
    dek: Secret,
}

/// The key versions that hosts expect of SCP03.
fn is_scp03_version(version: u8) -> bool {
    matches!(version, 0x30..=0x3F)
}

pub(super) fn aliases(
    on_top: Option<Vec<String>>,
    in_table: Option<Vec<String>>,
    isd: Aid,
) -> Result<Vec<Aid>, ConfigError> {
    let named = match (on_top, in_table) {
        (Some(_), Some(_)) => {
            return Err(field("aliases", "stands on its own and in [isd] as well"));
        }
        (Some(named), None) | (None, Some(named)) => named,
        (None, None) if isd == DEFAULT_ALIAS => return Ok(Vec::new()),
        (None, None) => return Ok(vec![DEFAULT_ALIAS]),
    };
    named.iter().map(|text| aid("isd.aliases", text)).collect()
}

pub(super) fn key_sets(tables: Option<Vec<KeySetTable>>) -> Result<Vec<IsdKeySet>, ConfigError> {
    let version = |byte: Option<Byte>| match byte {
        Some(byte) => byte.value("isd.keyset.version", is_scp03_version),
        None => Ok(DEFAULT_KEY_VERSION),
    };
    let keys = |enc: &[u8], mac: &[u8], dek: &[u8]| {
        StaticKeys::from_bytes(enc, mac, dek)
            .map_err(|error| field("isd.keyset", error.to_string()))
    };
    let Some(tables) = tables else {
        return Ok(vec![IsdKeySet {
            version: DEFAULT_KEY_VERSION,
            keys: keys(&TEST_KEY, &TEST_KEY, &TEST_KEY)?,
        }]);
    };
    tables
        .into_iter()
        .map(|table| {
            Ok(IsdKeySet {
                version: version(table.version)?,
                keys: keys(
                    &table.enc.bytes("isd.keyset.enc")?,
                    &table.mac.bytes("isd.keyset.mac")?,
                    &table.dek.bytes("isd.keyset.dek")?,
                )?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::CardConfig;

    #[test]
    fn aliases_stand_in_the_table_or_on_their_own() {
        for text in [
            "aliases = [\"F00102030405\"]",
            "[isd]\naliases = [\"F00102030405\"]",
        ] {
            let card = CardConfig::parse(text).unwrap();
            assert_eq!(card.isd_aliases[0].to_string(), "F00102030405");
        }
        assert!(
            CardConfig::parse("[isd]\naliases = []")
                .unwrap()
                .isd_aliases
                .is_empty()
        );
        let own = CardConfig::parse("[isd]\naid = \"A000000003000000\"").unwrap();
        assert!(own.isd_aliases.is_empty());
        assert_eq!(
            CardConfig::parse("aliases = []\n[isd]\naliases = []")
                .unwrap_err()
                .to_string(),
            "aliases: stands on its own and in [isd] as well"
        );
    }
}
