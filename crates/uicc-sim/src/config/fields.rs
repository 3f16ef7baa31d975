//! What the fields of a card's description may be.

use globalplatform::aid::Aid;

use scp03::ScpParameters;

use super::{CardConfig, ConfigError, IsdKeySet};
use crate::behaviour::Behaviour;
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

/// `i` is one of SCP03's, and offers every level that the profile names.
pub(super) fn security_levels(i: u8, behaviour: &Behaviour) -> Result<(), ConfigError> {
    let Ok(parameters) = ScpParameters::new(i) else {
        return Err(field(
            "scp03.i",
            format!("{i:02X} is no parameter of SCP03"),
        ));
    };
    let mut levels = behaviour.security_levels.iter();
    match levels.find(|level| !level.is_offered_by(parameters)) {
        None => Ok(()),
        Some(level) => Err(field(
            "behaviour.security_levels",
            format!("{:02X} is not offered by i = {i:02X}", level.byte()),
        )),
    }
}

/// Whether the check byte is right, where there is one: behind a protocol other than T=0 (ISO/IEC 7816-3 8.2.5).
pub(super) fn has_right_check_byte(atr: &[u8]) -> bool {
    let mut at = 1;
    let mut is_checked = false;
    // The high digit of T0 and of every TD says which bytes follow; the last of them is the next TD.
    while let Some(td) = atr.get(at).copied() {
        is_checked |= at > 1 && td & 0x0F != 0;
        at += (td >> 4).count_ones() as usize;
        if td & 0x80 == 0 {
            break;
        }
    }
    !is_checked || atr.iter().skip(1).fold(0, |sum, byte| sum ^ byte) == 0
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::builtin::PROFILES;

    #[test]
    fn the_check_byte_is_there_unless_the_card_speaks_t_0_only() {
        for profile in PROFILES {
            let card = profile.card().unwrap();
            assert!(has_right_check_byte(&card.atr), "{}", profile.name);
        }
        for (atr, is_right) in [
            (&[0x3B, 0x00][..], true),
            // T=0 alone has none, whatever the last byte is.
            (&[0x3B, 0x11, 0x05, 0x41], true),
            (&[0x3B, 0x80, 0x00], true),
            (&[0x3B, 0x80, 0x01, 0x81], true),
            (&[0x3B, 0x80, 0x01, 0x80], false),
            (&[0x3B, 0x80, 0x80, 0x01, 0x01], true),
            (&[0x3B, 0x80, 0x80, 0x01, 0x00], false),
            (
                &[0x3B, 0xE0, 0x00, 0xFF, 0x81, 0x31, 0xFE, 0x45, 0x14],
                true,
            ),
            (
                &[0x3B, 0xE0, 0x00, 0xFF, 0x81, 0x31, 0xFE, 0x45, 0x15],
                false,
            ),
        ] {
            assert_eq!(has_right_check_byte(atr), is_right, "{atr:02X?}");
        }
    }
}
