//! What a new card is made of. [`profile`] is the file that describes it, [`builtin`] the ones that come with the
//! program.

pub mod builtin;
pub mod profile;

mod chip;
pub(crate) mod fields;

use core::fmt;
use std::path::PathBuf;

use globalplatform::aid::Aid;
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::privileges::Privileges;
use scp03::StaticKeys;
use sha2::{Digest, Sha256};

use crate::behaviour::Behaviour;
use crate::file_system::Usim;
use crate::secrets::Shortened;

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

/// Number of the card that a profile without one describes.
pub const DEFAULT_ICCID: &str = "8981100000000000010";

/// Key version unless a key set says otherwise; hosts expect SCP03 in 30 to 3F.
pub const DEFAULT_KEY_VERSION: u8 = 0x30;

/// SCP03's parameter `i` unless a card says otherwise: pseudo-random challenges, R-MAC, R-ENCRYPTION, S8.
pub const DEFAULT_SCP_I: u8 = 0x70;

/// Non-volatile memory unless a card says otherwise, in bytes.
pub const DEFAULT_MEMORY: u32 = 262_144;

/// A card as it leaves the factory.
#[derive(Clone)]
pub struct CardConfig {
    /// 19 or 20 decimal digits.
    pub iccid: String,
    /// Answer to reset, 2 to 33 bytes.
    pub atr: Vec<u8>,
    /// Key diversification data, as INITIALIZE UPDATE returns them.
    pub kdd: [u8; 10],
    /// Card production life cycle data (GET DATA 9F7F), as [`Cplc`](globalplatform::card_data::Cplc) reads them; none for a
    /// card that does not tell.
    pub cplc: Option<[u8; 42]>,
    /// Non-volatile memory for content, in bytes.
    pub memory_bytes: u32,
    /// Seed of the card's generator.
    pub seed: [u8; 32],
    /// State of the card.
    pub life_cycle: CardLifeCycle,
    /// AID of the issuer security domain.
    pub isd_aid: Aid,
    /// Other AIDs that mean the issuer security domain.
    pub isd_aliases: Vec<Aid>,
    /// Its key sets; the first is the one that key version 0 means.
    pub isd_key_sets: Vec<IsdKeySet>,
    /// SCP03's parameter `i`, for example 70.
    pub scp_i: u8,
    /// Applets that are on the card from the beginning.
    pub preinstalled: Vec<Preinstalled>,
    /// The subscription, for the files that a phone reads.
    pub usim: Usim,
    /// What this product does otherwise than others.
    pub behaviour: Behaviour,
}

/// A key set of the issuer security domain.
#[derive(Debug, Clone)]
pub struct IsdKeySet {
    /// 01 to 7F, or FF for initial keys that the first PUT KEY replaces.
    pub version: u8,
    /// ENC, MAC and DEK.
    pub keys: StaticKeys,
}

/// An applet instance that is on the card from the beginning, its code in ROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preinstalled {
    /// The package.
    pub package: Aid,
    /// The module in it.
    pub module: Aid,
    /// The instance.
    pub instance: Aid,
    /// What the instance may do.
    pub privileges: Privileges,
}

/// Why a description is no card.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A field has a value that cannot be.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// The file is no TOML, or has keys that no profile has.
    #[error("profile: {message}{at}", at = At(*line))]
    Toml {
        /// Line, from 1.
        line: Option<usize>,
        /// What is wrong, without the text of the file: it may hold keys.
        message: String,
    },
    /// There is no profile of this name, and no such file.
    #[error(
        "no profile has the name {name}, and there is no such file; `uicc-sim profiles` lists them"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// The file cannot be read.
    #[error("can not read profile {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
}

/// Where in a file.
struct At(Option<usize>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for CardConfig {
    /// The number shortened, without seed and keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<u8> = self.isd_key_sets.iter().map(|set| set.version).collect();
        f.debug_struct("CardConfig")
            .field("iccid", &Shortened(&self.iccid))
            .field("isd_aid", &self.isd_aid)
            .field("isd_key_versions", &versions)
            .field("scp_i", &self.scp_i)
            .field("memory_bytes", &self.memory_bytes)
            .finish_non_exhaustive()
    }
}

impl CardConfig {
    /// A card with this number and these keys of the issuer security domain as version 30; everything else as in the
    /// default profile, seed and key diversification data made of the number.
    ///
    /// ```
    /// use scp03::StaticKeys;
    /// use uicc_sim::{CardConfig, Uicc};
    ///
    /// let keys = StaticKeys::from_bytes(&[0x40; 16], &[0x41; 16], &[0x42; 16])?;
    /// let card = Uicc::new(CardConfig {
    ///     memory_bytes: 32_768,
    ///     ..CardConfig::new("8981100000000000026", keys)
    /// })?;
    /// assert_eq!(card.iccid(), "8981100000000000026");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(iccid: impl Into<String>, isd_keys: StaticKeys) -> Self {
        let iccid = iccid.into();
        Self {
            kdd: kdd_of(&iccid),
            cplc: Some(cplc_of(&iccid)),
            seed: seed_of(&iccid),
            iccid,
            atr: DEFAULT_ATR.to_vec(),
            memory_bytes: DEFAULT_MEMORY,
            life_cycle: CardLifeCycle::Secured,
            isd_aid: DEFAULT_ISD,
            isd_aliases: vec![DEFAULT_ALIAS],
            isd_key_sets: vec![IsdKeySet {
                version: DEFAULT_KEY_VERSION,
                keys: isd_keys,
            }],
            scp_i: DEFAULT_SCP_I,
            preinstalled: Vec::new(),
            usim: Usim::default(),
            behaviour: Behaviour::default(),
        }
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`ConfigError::Field`] with the first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sets = self.isd_key_sets.iter();
        let description = fields::Description {
            iccid: &self.iccid,
            atr: &self.atr,
            scp_i: self.scp_i,
            usim: &self.usim,
            behaviour: &self.behaviour,
            isd_key_versions: sets.map(|set| set.version).collect(),
        };
        description.check()?;
        fields::preinstalled(self)?;
        fields::aids(self)
    }
}

/// Key diversification data made of the ICCID: its digits, two to a byte, filled up with F.
#[must_use]
pub fn kdd_of(iccid: &str) -> [u8; 10] {
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

/// Card production life cycle data of a simulated chip with this number: fabricator, packager and personaliser "TS", chip
/// type "M1", operating system "UC" in release 0100, made in the first weeks of 2025; the serial number is made of the last
/// eight digits of the ICCID.
///
/// ```
/// let value = uicc_sim::config::cplc_of("8981100000000000010");
/// let object = [&[0x9F, 0x7F, 42][..], &value].concat();
/// let cplc = globalplatform::card_data::Cplc::decode(&object)?;
/// assert_eq!((cplc.ic_serial_number, cplc.ic_batch), (0x0000_0010, 1));
/// assert_eq!(cplc.personalization_date.before_end_of(2026), Some((2025, 2, 28)));
/// # Ok::<(), globalplatform::error::DecodeError>(())
/// ```
#[must_use]
pub fn cplc_of(iccid: &str) -> [u8; 42] {
    let digits = iccid.bytes().rev().take(8).collect::<Vec<u8>>();
    let digits = digits.iter().rev().map(|digit| u32::from(digit & 0x0F));
    let [s1, s2, s3, s4] = digits.fold(0, |sum, digit| sum << 4 | digit).to_be_bytes();
    [
        b'T', b'S', b'M', b'1', b'U', b'C', 0x50, 0x01, 0x01,
        0x00, // fabricator to release level
        0x50, 0x10, s1, s2, s3, s4, 0x00, 0x01, // fabrication date, serial number, batch
        b'T', b'S', 0x50, 0x20, b'T', b'S', 0x50, 0x30, // module and card
        b'T', b'S', 0x50, 0x40, 0x00, 0x00, 0x00, 0x01, // pre-personalisation
        b'T', b'S', 0x50, 0x59, 0x00, 0x00, 0x00, 0x01, // personalisation
    ]
}

/// The seed of a card whose profile names none: the same number, the same card.
#[must_use]
pub fn seed_of(iccid: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"uicc-sim seed of ")
        .chain_update(iccid)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use scp03::SecurityLevel;

    fn card() -> CardConfig {
        let keys = StaticKeys::from_bytes(&[0x40; 16], &[0x41; 16], &[0x42; 16]).unwrap();
        CardConfig::new(DEFAULT_ICCID, keys)
    }

    #[test]
    fn debug_shows_neither_seed_nor_keys() {
        assert_eq!(
            format!("{:?}", card()),
            "CardConfig { iccid: …0010, isd_aid: A000000151000000, \
             isd_key_versions: [48], scp_i: 112, memory_bytes: 262144, .. }"
        );
    }

    #[test]
    fn a_memory_holds_at_least_what_is_on_the_card_from_the_beginning() {
        for profile in ["", "preinstalled = [\"jpki\"]"] {
            let mut card = CardConfig::parse(profile).unwrap();
            let new = crate::Uicc::new(card.clone()).unwrap();
            let least = new.inventory().memory.used;
            card.memory_bytes = least;
            let full = crate::Uicc::new(card.clone()).unwrap();
            assert_eq!(full.inventory().memory.free, 0, "{profile}");
            card.memory_bytes = least - 1;
            let error = crate::Uicc::new(card).unwrap_err().to_string();
            let expected = format!("memory_bytes: {least} are in use on a card like this");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn debug_shows_numbers_of_cards_and_subscribers_shortened() {
        let usim = Usim {
            imsi: Some("440101234567890".into()),
            msisdn: Some("+818012345678".into()),
            ..Usim::default()
        };
        assert_eq!(
            format!("{usim:?}"),
            "Usim { imsi: Some(…7890), mnc_digits: None, name: None, msisdn: Some(…5678), \
             service_centre: None, selected_at_reset: false }"
        );
        let card = crate::Uicc::new(card()).unwrap();
        assert_eq!(format!("{card:?}"), "Uicc { iccid: …0010, writes: 0, .. }");
    }

    #[test]
    fn the_default_answer_to_reset_has_a_correct_check_byte() {
        let sum = DEFAULT_ATR[1..].iter().fold(0, |sum, byte| sum ^ byte);
        assert_eq!(sum, 0);
    }

    #[test]
    fn number_gives_diversification_data_and_seed() {
        assert_eq!(hex::encode_upper(card().kdd), "8981100000000000010F");
        assert_eq!(kdd_of("89811000000000000182")[9], 0x82);
        assert_eq!(card().seed, seed_of(DEFAULT_ICCID));
        assert_ne!(card().seed, seed_of("8981100000000000026"));
    }

    #[test]
    fn names_the_field_that_is_out_of_range() {
        type Change = fn(&mut CardConfig);
        let changes: [(Change, &str); 12] = [
            (|c| c.iccid = "898110000000000001X".into(), "iccid: "),
            (|c| c.iccid = "898110000000000001".into(), "iccid: "),
            (|c| c.iccid = "898110000000000001888".into(), "iccid: "),
            (|c| c.atr = vec![0x3B], "atr: "),
            (|c| c.atr = vec![0x3B; 34], "atr: "),
            (|c| c.scp_i = 0x46, "scp03.i: 46 is no parameter"),
            (|c| c.isd_key_sets.clear(), "isd.keyset: "),
            (|c| c.isd_key_sets[0].version = 0x80, "isd.keyset: "),
            (|c| c.isd_aliases.push(DEFAULT_ISD), "isd.aliases: "),
            (
                |c| c.usim.name = Some("日本日本日本日本".into()),
                "usim: name needs 1 to 16 characters, or 1 to 7",
            ),
            (
                |c| {
                    c.scp_i = 0x30;
                    c.behaviour.security_levels = vec![SecurityLevel::CMac, SecurityLevel::Full];
                },
                "behaviour.security_levels: 33 is not offered by i = 30",
            ),
            (
                |c| c.behaviour.logical_channels = 0,
                "behaviour.logical_channels: is 1 to 20",
            ),
        ];
        for (change, complaint) in changes {
            let mut card = card();
            change(&mut card);
            let error = card.check().unwrap_err().to_string();
            assert!(error.starts_with(complaint), "{error}");
        }
        assert!(card().check().is_ok());
    }
}
