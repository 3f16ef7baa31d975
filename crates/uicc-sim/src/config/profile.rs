//! The file that describes a card: TOML, every key optional, unknown keys refused.
//!
//! ```toml
//! iccid = "8981100000000000010"
//! atr = "3B878131FE4554534D55494343DA"
//! memory_bytes = 262144
//! life_cycle = "SECURED"
//! kdd = "8981100000000000010F"               # else made of the ICCID
//! cplc = "5453…"                             # 42 bytes; "" for a card without, else made of the ICCID
//! seed = "00…"                               # 32 bytes, else made of the ICCID
//! preinstalled = ["jpki"]                    # a name, a module's AID, or a table
//!
//! [isd]
//! aid = "A000000151000000"
//! aliases = ["A000000003000000"]
//!
//! [[isd.keyset]]                             # the first is what version 0 means
//! version = "30"
//! enc = "404142434445464748494A4B4C4D4E4F"
//! mac = "404142434445464748494A4B4C4D4E4F"
//! dek = "404142434445464748494A4B4C4D4E4F"
//!
//! [scp03]
//! i = "70"
//!
//! [behaviour]                                # quirks of one product, see [`Behaviour`]
//! security_levels = ["01"]
//!
//! [[preinstalled]]                           # instead of the list above
//! package = "F00102030400"
//! module = "F00102030401"
//! instance = "F00102030401"                  # else the module's AID
//! privileges = "000000"
//!
//! [usim]                                     # what a phone reads; see [`Usim`] for what is left out
//! imsi = "440101234567890"
//! mnc_digits = 2
//! name = "Carrier A"
//! msisdn = "+818012345678"
//! service_centre = "+819012345678"
//! selected_at_reset = false                  # true: the master file is selected after a reset, not the ISD
//! ```
//!
//! A string is hexadecimal. A version and `i` may also be integers: the number that they are (0x30 is 48), or their digits
//! in hexadecimal where only that makes sense for SCP03 (version 30 to 39; `i` 70).
//! What goes wrong is said without the text of the file: it may hold keys.

mod isd;
mod preinstalled;
mod values;

use globalplatform::life_cycle::CardLifeCycle;
use serde::Deserialize;

use self::isd::{IsdTable, aliases, key_sets};
pub(crate) use self::values::array;
use self::values::{Byte, Secret, aid, bytes, exactly, without_secrets};
use super::fields::field;
use super::{
    CardConfig, ConfigError, DEFAULT_ATR, DEFAULT_ICCID, DEFAULT_ISD, DEFAULT_MEMORY,
    DEFAULT_SCP_I, cplc_of, kdd_of, seed_of,
};
use crate::behaviour::Behaviour;
use crate::file_system::Usim;

impl CardConfig {
    /// Reads a profile.
    ///
    /// ```
    /// let card = uicc_sim::CardConfig::parse(r#"
    ///     iccid = "8981100000000000028"
    ///     memory_bytes = 65536
    ///     preinstalled = ["jpki"]
    /// "#)?;
    /// assert_eq!(card.isd_key_sets[0].version, 0x30);
    ///
    /// let error = uicc_sim::CardConfig::parse("colour = 'red'").unwrap_err();
    /// assert!(error.to_string().contains("unknown field `colour`"));
    /// # Ok::<(), uicc_sim::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] for anything that is unknown or out of range.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Toml {
            line: error.span().map(|span| {
                1 + text
                    .bytes()
                    .take(span.start)
                    .filter(|b| *b == b'\n')
                    .count()
            }),
            message: without_secrets(error.message()),
        })?;
        let card = Self::try_from(file)?;
        card.check()?;
        if !super::fields::has_right_check_byte(&card.atr) {
            tracing::warn!("the check byte of atr is wrong: some programs will not take the card");
        }
        Ok(card)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    iccid: Option<String>,
    atr: Option<String>,
    kdd: Option<String>,
    cplc: Option<String>,
    memory_bytes: Option<u32>,
    seed: Option<Secret>,
    life_cycle: Option<String>,
    /// May also stand in `[isd]`.
    aliases: Option<Vec<String>>,
    #[serde(default)]
    isd: IsdTable,
    #[serde(default)]
    scp03: Scp03Table,
    #[serde(default)]
    preinstalled: Vec<preinstalled::Entry>,
    #[serde(default)]
    usim: Usim,
    #[serde(default)]
    behaviour: Behaviour,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Scp03Table {
    i: Option<Byte>,
}

/// One of the parameters `i` of SCP03.
fn is_scp03_i(i: u8) -> bool {
    scp03::ScpParameters::new(i).is_ok()
}

impl TryFrom<File> for CardConfig {
    type Error = ConfigError;

    fn try_from(file: File) -> Result<Self, ConfigError> {
        let iccid = file.iccid.unwrap_or_else(|| DEFAULT_ICCID.into());
        let isd_aid = match &file.isd.aid {
            Some(text) => aid("isd.aid", text)?,
            None => DEFAULT_ISD,
        };
        let isd_aliases = aliases(file.aliases, file.isd.aliases, isd_aid)?;
        Ok(Self {
            atr: match &file.atr {
                Some(text) => bytes("atr", text)?,
                None => DEFAULT_ATR.to_vec(),
            },
            kdd: match &file.kdd {
                Some(text) => array("kdd", text)?,
                None => kdd_of(&iccid),
            },
            cplc: match file.cplc.as_deref() {
                Some("") => None,
                Some(text) => Some(array("cplc", text)?),
                None => Some(cplc_of(&iccid)),
            },
            seed: match &file.seed {
                Some(secret) => exactly("seed", &secret.bytes("seed")?)?,
                None => seed_of(&iccid),
            },
            life_cycle: match &file.life_cycle {
                Some(word) => life_cycle(word)?,
                None => CardLifeCycle::Secured,
            },
            memory_bytes: file.memory_bytes.unwrap_or(DEFAULT_MEMORY),
            isd_key_sets: key_sets(file.isd.keyset)?,
            scp_i: match &file.scp03.i {
                Some(byte) => byte.value("scp03.i", is_scp03_i)?,
                None => DEFAULT_SCP_I,
            },
            preinstalled: file
                .preinstalled
                .into_iter()
                .map(preinstalled::Entry::instance)
                .collect::<Result<_, _>>()?,
            usim: file.usim,
            behaviour: file.behaviour,
            iccid,
            isd_aid,
            isd_aliases,
        })
    }
}

fn life_cycle(word: &str) -> Result<CardLifeCycle, ConfigError> {
    [0x01, 0x07, 0x0F, 0x7F, 0xFF]
        .into_iter()
        .filter_map(|byte| CardLifeCycle::try_from(byte).ok())
        .find(|state| state.to_string() == word)
        .ok_or_else(|| {
            field(
                "life_cycle",
                "is none of OP_READY, INITIALIZED, SECURED, CARD_LOCKED, TERMINATED",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULT_ALIAS;
    use globalplatform::privileges::Privileges;

    fn complaint(text: &str) -> String {
        CardConfig::parse(text).unwrap_err().to_string()
    }

    const KEY: &str = "000102030405060708090A0B0C0D0E0F";

    fn key_set(version: &str) -> String {
        format!("[[isd.keyset]]\n{version}\nenc = \"{KEY}\"\nmac = \"{KEY}\"\ndek = \"{KEY}\"\n")
    }

    #[test]
    fn every_key_is_optional() {
        let card = CardConfig::parse("").unwrap();
        assert_eq!(card.iccid, DEFAULT_ICCID);
        assert_eq!(
            (card.isd_aid, card.isd_aliases),
            (DEFAULT_ISD, vec![DEFAULT_ALIAS])
        );
        assert_eq!(card.isd_key_sets[0].version, 0x30);
        assert_eq!(
            card.isd_key_sets[0].keys.check_values()[0],
            [0x50, 0x4A, 0x77]
        );
        assert_eq!(card.memory_bytes, 262_144);
        assert_eq!(card.life_cycle, CardLifeCycle::Secured);
    }

    #[test]
    fn reads_every_key() {
        let text = format!(
            "iccid = \"89811000000000000281\"\natr = \"3B 00\"\nkdd = \"00:01:02:03:04:05:06:07:08:09\"\n\
             cplc = \"{cplc}\"\nmemory_bytes = 4096\nseed = \"{seed}\"\nlife_cycle = \"OP_READY\"\n\
             [isd]\naid = \"A0000000180000\"\naliases = [\"A000000003000000\", \"F00102030405\"]\n{one}{two}\
             [scp03]\ni = \"61\"\n\
             [[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030401\"\n\
             instance = \"F00102030402\"\nprivileges = \"040000\"\n\
             [usim]\nimsi = \"440101234567890\"\nselected_at_reset = true\n",
            cplc = "CD".repeat(42),
            seed = "AB".repeat(32),
            one = key_set("version = 0x31"),
            two = key_set("version = \"FF\""),
        );
        let card = CardConfig::parse(&text).unwrap();
        assert_eq!(card.iccid, "89811000000000000281");
        assert_eq!(card.atr, [0x3B, 0x00]);
        assert_eq!(card.kdd, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((card.memory_bytes, card.seed), (4096, [0xAB; 32]));
        assert_eq!(card.cplc, Some([0xCD; 42]));
        assert_eq!(CardConfig::parse("cplc = ''").unwrap().cplc, None);
        assert_eq!(card.life_cycle, CardLifeCycle::OpReady);
        assert_eq!(card.isd_aid.to_string(), "A0000000180000");
        assert_eq!(card.isd_aliases.len(), 2);
        let versions: Vec<u8> = card.isd_key_sets.iter().map(|set| set.version).collect();
        assert_eq!(versions, [0x31, 0xFF]);
        assert_eq!(card.scp_i, 0x61);
        let [applet] = card.preinstalled.as_slice() else {
            panic!("one applet");
        };
        assert_eq!(applet.package.to_string(), "F00102030400");
        assert_eq!(applet.module.to_string(), "F00102030401");
        assert_eq!(applet.instance.to_string(), "F00102030402");
        assert!(applet.privileges.contains(Privileges::CARD_RESET));
        let usim = Usim {
            imsi: Some("440101234567890".into()),
            selected_at_reset: true,
            ..Usim::default()
        };
        assert_eq!(card.usim, usim);
    }

    #[test]
    fn an_applet_is_named_by_word_by_module_or_by_table() {
        for entry in ["\"jpki\"", "\"D392F000260100000001\""] {
            let card = CardConfig::parse(&format!("preinstalled = [{entry}]")).unwrap();
            assert_eq!(card.preinstalled[0].package, crate::applet::jpki::PACKAGE);
            assert_eq!(card.preinstalled[0].instance, crate::applet::jpki::MODULE);
        }
        let table = "[[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030401\"";
        let card = CardConfig::parse(table).unwrap();
        assert_eq!(card.preinstalled[0].instance, card.preinstalled[0].module);
        assert_eq!(card.preinstalled[0].privileges, Privileges::NONE);
    }

    #[test]
    fn a_version_is_hexadecimal_as_a_string_and_itself_or_its_digits_as_an_integer() {
        for (written, version) in [
            ("\"30\"", 0x30),
            ("\"1e\"", 0x1E),
            ("0x30", 0x30),
            ("48", 0x30),
            ("63", 0x3F),
            ("30", 0x30),
            ("39", 0x39),
            ("29", 29),
            ("40", 40),
            ("64", 0x40),
            ("0x01", 0x01),
        ] {
            let card = CardConfig::parse(&key_set(&format!("version = {written}"))).unwrap();
            assert_eq!(card.isd_key_sets[0].version, version, "{written}");
        }
        let plain = CardConfig::parse(&key_set("")).unwrap();
        assert_eq!(plain.isd_key_sets[0].version, 0x30);
        for (written, i) in [
            ("0x60", 0x60),
            ("112", 0x70),
            ("70", 0x70),
            ("11", 0x11),
            ("0", 0x00),
            ("\"71\"", 0x71),
        ] {
            let card = CardConfig::parse(&format!("[scp03]\ni = {written}")).unwrap();
            assert_eq!(card.scp_i, i, "{written}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let two = key_set("version = \"30\"") + &key_set("");
        for (text, expected) in [
            (
                "colour = 1",
                "profile: unknown field `colour`, expected one of",
            ),
            ("[isd]\ncolour = 1", "profile: unknown field `colour`"),
            ("[scp03]\nlevel = 1", "profile: unknown field `level`"),
            ("[usim]\nki = \"00\"", "profile: unknown field `ki`"),
            ("[usim]\nimsi = \"44\"", "usim: imsi needs 6 to 15"),
            ("iccid = \"8981\"", "iccid: needs 19 or 20 decimal digits"),
            ("iccid = 89", "profile: invalid type"),
            ("atr = \"3C00\"", "atr: has 2 to 33 bytes"),
            ("kdd = \"00\"", "kdd: has 1 bytes, expected 10"),
            ("cplc = \"00\"", "cplc: has 1 bytes, expected 42"),
            ("seed = \"00\"", "seed: has 1 bytes, expected 32"),
            ("seed = 5", "seed: is no string"),
            ("life_cycle = \"NEW\"", "life_cycle: is none of"),
            ("memory_bytes = -1", "profile: "),
            ("[isd]\naid = \"A000\"", "isd.aid: is no AID"),
            (
                "[isd]\naliases = [\"A000000151000000\"]",
                "isd.aliases: A000000151000000 appears twice",
            ),
            ("[isd]\nkeyset = []", "isd.keyset: a card needs one key set"),
            (&two, "isd.keyset: version 30 appears twice"),
            (
                &key_set("version = \"80\""),
                "isd.keyset: version 80 is not",
            ),
            (
                &key_set("version = 300"),
                "isd.keyset.version: 300 is no byte",
            ),
            (&key_set("version = true"), "isd.keyset.version: is neither"),
            (&key_set("colour = 1"), "profile: unknown field `colour`"),
            ("[scp03]\ni = 71.0", "scp03.i: is neither"),
            ("[scp03]\ni = 46", "scp03.i: 2E is no parameter"),
            ("[scp03]\ni = -1", "scp03.i: -1 is no byte"),
            ("[scp03]\ni = \"40\"", "scp03.i: 40 is no parameter"),
            (
                "preinstalled = [\"tetris\"]",
                "preinstalled: no applet has this name or module AID; known: jpki",
            ),
            ("preinstalled = [5]", "preinstalled: invalid type"),
            (
                "preinstalled = [\"jpki\", \"jpki\"]",
                "preinstalled: D392F000260100000001 appears twice",
            ),
            (
                "[[preinstalled]]\npackage = \"F00102030400\"",
                "preinstalled: missing field `module`",
            ),
            (
                "[[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030401\"\nprivileges = \"80\"",
                "preinstalled: F00102030401 has privileges of a security domain and is none",
            ),
            (
                "[[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030401\"\nprivileges = \"40\"",
                "preinstalled: F00102030401 privileges ",
            ),
            (
                "[[preinstalled]]\npackage = \"A0000000620101\"\nmodule = \"F00102030401\"",
                "preinstalled: A0000000620101 is on every card",
            ),
            (
                "[[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030401\"\nprivileges = \"04\"\n\
                 [[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030402\"\nprivileges = \"04\"",
                "preinstalled: Card Reset",
            ),
            (
                "[[preinstalled]]\npackage = \"F00102030400\"\nmodule = \"F00102030401\"\nx = 1",
                "preinstalled: unknown field `x`",
            ),
        ] {
            let error = complaint(text);
            assert!(error.starts_with(expected), "{expected}: {error}");
        }
        assert!(complaint("iccid = \"8981100000000000010\"\n\ncolour = 1").ends_with("(line 3)"));
    }

    #[test]
    fn no_complaint_shows_a_key() {
        let key = "C0FFEEC0FFEEC0FFEEC0FFEEC0FFEEC0";
        for text in [
            format!("[[isd.keyset]]\nenc = \"{key}\""),
            format!("[[isd.keyset]]\nenc = \"{key}\"\nmac = \"{key}\"\ndek = \"{key}00\""),
            format!("[[isd.keyset]]\nenc = \"{key}\"\nmac = \"{key}\"\ndek = \"{key}XY\""),
            format!("[[isd.keyset]]\nenc = [\"{key}\"]\nmac = \"{key}\"\ndek = \"{key}\""),
            format!("[[isd.keyset]]\nenc = \"{key}\nmac = 1"),
            format!("[[isd.keyset]]\nenc = 0x{key}"),
            format!("[[isd.keyset]]\n\"{key}\" = 1 1"),
            format!("seed = \"{key}\""),
            format!("[isd]\nkeyset = \"{key}\""),
            format!("[isd]\nkeyset = [\"{key}\"]"),
            format!("{key} = 1"),
            format!("isd = \"{key}\""),
            format!("preinstalled = [\"{key}\"]"),
            format!("keys = \"{key}"),
        ] {
            let error = CardConfig::parse(&text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("C0FFEE"), "{error}");
        }
    }
}
