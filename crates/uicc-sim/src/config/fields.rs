//! What the fields of a card's description may be.

use globalplatform::aid::Aid;

use super::{CardConfig, ConfigError, IsdKeySet};
use crate::chip::{DOMAIN_MODULE, DOMAIN_PACKAGE};

pub(super) fn field(field: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Field {
        field: field.into(),
        problem: problem.into(),
    }
}

/// 19 or 20 decimal digits (ITU-T E.118, ETSI TS 102 221 13.2).
pub(crate) fn iccid(iccid: &str) -> Result<(), ConfigError> {
    let digits = iccid.bytes().all(|b| b.is_ascii_digit());
    if digits && (19..=20).contains(&iccid.len()) {
        Ok(())
    } else {
        Err(field("iccid", "needs 19 or 20 decimal digits"))
    }
}

/// The initial character says which convention (ISO/IEC 7816-3 8.1); 33 bytes are the most.
pub(super) fn atr(atr: &[u8]) -> Result<(), ConfigError> {
    match atr {
        [0x3B | 0x3F, _, ..] if atr.len() <= 33 => Ok(()),
        _ => Err(field(
            "atr",
            "has 2 to 33 bytes, of which the first is 3B or 3F",
        )),
    }
}

/// Each version once, and at least one: a card without keys could never be reached.
pub(super) fn key_versions(sets: &[IsdKeySet]) -> Result<(), ConfigError> {
    if sets.is_empty() {
        return Err(field("isd.keyset", "a card needs one key set at least"));
    }
    for (index, set) in sets.iter().enumerate() {
        if !matches!(set.version, 0x01..=0x7F | 0xFF) {
            let problem = format!("version {:02X} is not in 01 to 7F, nor FF", set.version);
            return Err(field("isd.keyset", problem));
        }
        if sets
            .iter()
            .skip(index + 1)
            .any(|s| s.version == set.version)
        {
            let problem = format!("version {:02X} appears twice", set.version);
            return Err(field("isd.keyset", problem));
        }
    }
    Ok(())
}

/// No two things on the card have one AID; instances of one package share it.
pub(super) fn aids(card: &CardConfig) -> Result<(), ConfigError> {
    let mut seen: Vec<Aid> = vec![DOMAIN_PACKAGE, DOMAIN_MODULE];
    let mut take = |name: &str, aid: Aid| {
        if seen.contains(&aid) {
            return Err(field(name, format!("{aid} appears twice")));
        }
        seen.push(aid);
        Ok(())
    };
    take("isd.aid", card.isd_aid)?;
    for alias in &card.isd_aliases {
        take("isd.aliases", *alias)?;
    }
    for applet in &card.preinstalled {
        take("preinstalled", applet.instance)?;
    }
    let mut packages: Vec<Aid> = card.preinstalled.iter().map(|p| p.package).collect();
    packages.sort();
    packages.dedup();
    for package in packages {
        take("preinstalled", package)?;
    }
    Ok(())
}
