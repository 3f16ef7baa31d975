//! What a new card is made of, and the file that describes it.

use core::fmt;

use globalplatform::aid::Aid;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use scp03::ScpParameters;
use scp03::StaticKeys;
use serde::Deserialize;

use crate::chip::{
    Application, Chip, Content, DOMAIN_MODULE, DOMAIN_PACKAGE, MemoryLimits, StoredLoadFile,
};
use crate::random::Generator;
use crate::security_domain::{KeySet, SecurityDomain};

/// AID of the issuer security domain unless a card says otherwise.
pub const DEFAULT_ISD: Aid =
    Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]);

/// The AID by which hosts of the time before GlobalPlatform 2.2 name the issuer security domain.
pub const DEFAULT_ALIAS: Aid =
    Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00]);

/// T=1, direct convention, historical bytes "TSMUICC", correct check byte.
pub const DEFAULT_ATR: [u8; 14] = [
    0x3B, 0x87, 0x81, 0x31, 0xFE, 0x45, 0x54, 0x53, 0x4D, 0x55, 0x49, 0x43, 0x43, 0xDA,
];

/// A card as it leaves the factory.
#[derive(Clone)]
pub struct CardConfig {
    /// 19 or 20 decimal digits.
    pub iccid: String,
    /// AID of the issuer security domain.
    pub isd_aid: Aid,
    /// Its first key set.
    pub isd_keys: StaticKeys,
    /// The version of that key set, 01 to 7F, or FF for initial keys that the first PUT KEY replaces.
    pub isd_key_version: u8,
    /// SCP03's parameter `i`, for example 70.
    pub scp_i: u8,
    /// Key diversification data.
    pub kdd: [u8; 10],
    /// Non-volatile memory for content, in bytes.
    pub memory_bytes: u32,
    /// Seed of the card's generator.
    pub seed: [u8; 32],
    /// Answer to reset.
    pub atr: Vec<u8>,
}

/// Why a description is no card.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A field has a value that cannot be.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The file is not TOML.
    #[error("card description is not valid TOML")]
    Toml(#[from] toml::de::Error),
    /// The file is not JSON.
    #[error("card description is not valid JSON")]
    Json(#[from] serde_json::Error),
}

impl fmt::Debug for CardConfig {
    /// Everything but the seed and the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardConfig")
            .field("iccid", &self.iccid)
            .field("isd_aid", &self.isd_aid)
            .field("isd_key_version", &self.isd_key_version)
            .field("scp_i", &self.scp_i)
            .field("memory_bytes", &self.memory_bytes)
            .finish_non_exhaustive()
    }
}

impl CardConfig {
    /// Reads a description in TOML, or in JSON when it begins with a brace:
    ///
    /// ```
    /// let card = uicc_sim::CardConfig::parse(r#"
    ///     iccid = "8981100000000000018"
    ///     memory_bytes = 65536
    ///     seed = "0000000000000000000000000000000000000000000000000000000000000001"
    ///     [keys]
    ///     enc = "404142434445464748494A4B4C4D4E4F"
    ///     mac = "404142434445464748494A4B4C4D4E4F"
    ///     dek = "404142434445464748494A4B4C4D4E4F"
    /// "#)?;
    /// assert_eq!(card.isd_key_version, 0x30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Optional: `isd_aid`, `scp_i` and `key_version` (hexadecimal strings, by default A000000151000000, 70 and 30),
    /// `kdd` (ten bytes, by default the last ten bytes of the ICCID's digits) and `atr`.
    ///
    /// # Errors
    /// [`ConfigError`] for anything that is missing, unknown or out of range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let description: Description = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)?
        } else {
            toml::from_str(text).map_err(|mut error| {
                // It would show the line, which may hold a key.
                error.set_input(None);
                error
            })?
        };
        description.try_into()
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`ConfigError::Field`] with the first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let digits = self.iccid.bytes().all(|b| b.is_ascii_digit());
        if !digits || !(19..=20).contains(&self.iccid.len()) {
            return Err(field("iccid", "needs 19 or 20 decimal digits"));
        }
        if !matches!(self.isd_key_version, 0x01..=0x7F | 0xFF) {
            return Err(field("key_version", "is 01 to 7F, or FF"));
        }
        if ScpParameters::new(self.scp_i).is_err() {
            return Err(field("scp_i", "is no parameter of SCP03"));
        }
        if self.atr.len() < 2 || self.atr.len() > 33 {
            return Err(field("atr", "has 2 to 33 bytes"));
        }
        Ok(())
    }

    /// The non-volatile contents of the new card: the ISD with its keys, the package of security domains, SECURED.
    pub(crate) fn chip(self) -> Chip {
        let mut domain = SecurityDomain::new(self.scp_i);
        domain
            .key_sets
            .push(KeySet::new(self.isd_key_version, self.isd_keys));
        let life_cycle = CardLifeCycle::Secured.byte();
        let isd = Application {
            aid: self.isd_aid,
            life_cycle,
            privileges: isd_privileges(),
            load_file: None,
            module: None,
            security_domain: self.isd_aid,
            implicit_selection: Vec::new(),
            limits: MemoryLimits::default(),
            content: Content::Domain(domain),
        };
        let package = StoredLoadFile {
            aid: DOMAIN_PACKAGE,
            version: (1, 0),
            modules: vec![DOMAIN_MODULE],
            imports: Vec::new(),
            security_domain: self.isd_aid,
            data_block: Vec::new(),
            in_rom: true,
        };
        Chip {
            iccid: self.iccid,
            atr: self.atr,
            kdd: self.kdd,
            memory_bytes: self.memory_bytes,
            life_cycle,
            random: Generator::new(self.seed),
            restrictions: 0,
            aliases: vec![DEFAULT_ALIAS],
            applications: vec![isd],
            load_files: vec![package],
        }
    }
}

/// What an issuer security domain may do on this card.
fn isd_privileges() -> Privileges {
    Privileges::SECURITY_DOMAIN
        | Privileges::CARD_LOCK
        | Privileges::CARD_TERMINATE
        | Privileges::CARD_RESET
        | Privileges::TRUSTED_PATH
        | Privileges::AUTHORIZED_MANAGEMENT
        | Privileges::TOKEN_VERIFICATION
        | Privileges::GLOBAL_DELETE
        | Privileges::GLOBAL_LOCK
        | Privileges::GLOBAL_REGISTRY
        | Privileges::FINAL_APPLICATION
        | Privileges::RECEIPT_GENERATION
}

fn field(field: &'static str, problem: impl Into<String>) -> ConfigError {
    let problem = problem.into();
    ConfigError::Field { field, problem }
}

/// The description as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    iccid: String,
    memory_bytes: u32,
    seed: String,
    keys: KeyDescription,
    isd_aid: Option<String>,
    key_version: Option<String>,
    scp_i: Option<String>,
    kdd: Option<String>,
    atr: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyDescription {
    enc: String,
    mac: String,
    dek: String,
}

impl TryFrom<Description> for CardConfig {
    type Error = ConfigError;

    fn try_from(described: Description) -> Result<Self, ConfigError> {
        let byte = |name, text: Option<String>, default| match text {
            Some(text) => array::<1>(name, &text).map(|[byte]| byte),
            None => Ok(default),
        };
        let keys = &described.keys;
        let isd_keys = StaticKeys::from_bytes(
            &bytes("keys.enc", &keys.enc)?,
            &bytes("keys.mac", &keys.mac)?,
            &bytes("keys.dek", &keys.dek)?,
        )
        .map_err(|error| field("keys", error.to_string()))?;
        let isd_aid = match &described.isd_aid {
            Some(text) => text
                .parse()
                .map_err(|_| field("isd_aid", "is no AID of 5 to 16 bytes"))?,
            None => DEFAULT_ISD,
        };
        let kdd = match &described.kdd {
            Some(text) => array("kdd", text)?,
            None => kdd_of(&described.iccid),
        };
        let atr = match &described.atr {
            Some(text) => bytes("atr", text)?,
            None => DEFAULT_ATR.to_vec(),
        };
        let config = Self {
            isd_aid,
            isd_keys,
            isd_key_version: byte("key_version", described.key_version, 0x30)?,
            scp_i: byte("scp_i", described.scp_i, 0x70)?,
            kdd,
            memory_bytes: described.memory_bytes,
            seed: array("seed", &described.seed)?,
            atr,
            iccid: described.iccid,
        };
        config.check()?;
        Ok(config)
    }
}

/// Key diversification data made of the ICCID: its digits, two to a byte, filled up with F.
fn kdd_of(iccid: &str) -> [u8; 10] {
    let digits: Vec<u8> = iccid
        .chars()
        .map(|c| c.to_digit(10).map_or(0x0F, |d| d as u8))
        .collect();
    let mut kdd = [0xFF; 10];
    for (byte, pair) in kdd.iter_mut().zip(digits.chunks(2)) {
        *byte = match *pair {
            [high, low] => high << 4 | low,
            [high] => high << 4 | 0x0F,
            _ => 0xFF,
        };
    }
    kdd
}

fn bytes(name: &'static str, text: &str) -> Result<Vec<u8>, ConfigError> {
    hex::decode(text).map_err(|_| field(name, "is not hexadecimal"))
}

fn array<const N: usize>(name: &'static str, text: &str) -> Result<[u8; N], ConfigError> {
    let given = bytes(name, text)?;
    let length = given.len();
    given
        .try_into()
        .map_err(|_| field(name, format!("has {length} bytes, expected {N}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"{
        "iccid": "8981100000000000018",
        "memory_bytes": 65536,
        "seed": "0101010101010101010101010101010101010101010101010101010101010101",
        "keys": {
            "enc": "404142434445464748494A4B4C4D4E4F",
            "mac": "404142434445464748494A4B4C4D4E4F",
            "dek": "404142434445464748494A4B4C4D4E4F"
        }
    }"#;

    #[test]
    fn fills_in_what_a_description_leaves_out() {
        let card = CardConfig::parse(MINIMAL).unwrap();
        assert_eq!(card.isd_aid, DEFAULT_ISD);
        assert_eq!((card.isd_key_version, card.scp_i), (0x30, 0x70));
        assert_eq!(hex::encode_upper(card.kdd), "8981100000000000018F");
        assert_eq!(card.atr, DEFAULT_ATR);
    }

    #[test]
    fn names_the_field_that_is_out_of_range() {
        for (change, field) in [
            (
                ("\"8981100000000000018\"", "\"898110000000000001X\""),
                "iccid",
            ),
            (("\"memory", "\"scp_i\": \"40\", \"memory"), "scp_i"),
            (("\"memory", "\"scp_i\": \"7070\", \"memory"), "scp_i"),
            (
                ("\"memory", "\"key_version\": \"80\", \"memory"),
                "key_version",
            ),
            (("\"memory", "\"isd_aid\": \"A000\", \"memory"), "isd_aid"),
            (("\"memory", "\"kdd\": \"00\", \"memory"), "kdd"),
            (("\"memory", "\"atr\": \"3B\", \"memory"), "atr"),
            (("\"0101", "\"01"), "seed"),
        ] {
            let text = MINIMAL.replacen(change.0, change.1, 1);
            let error = CardConfig::parse(&text).unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
        }
    }

    #[test]
    fn debug_shows_neither_seed_nor_keys() {
        let text = format!("{:?}", CardConfig::parse(MINIMAL).unwrap());
        assert_eq!(
            text,
            "CardConfig { iccid: \"8981100000000000018\", isd_aid: A000000151000000, \
             isd_key_version: 48, scp_i: 112, memory_bytes: 65536, .. }"
        );
    }

    #[test]
    fn the_default_answer_to_reset_has_a_correct_check_byte() {
        let sum = DEFAULT_ATR[1..].iter().fold(0, |sum, byte| sum ^ byte);
        assert_eq!(sum, 0);
    }
}
