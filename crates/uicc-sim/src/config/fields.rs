//! What the fields of a card's description may be.

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use scp03::ScpParameters;

use super::{CardConfig, ConfigError};
use crate::behaviour::Behaviour;
use crate::chip::{Chip, DOMAIN_MODULE, DOMAIN_PACKAGE};
use crate::commands::install::{SUPPORTED_PRIVILEGES, UNIQUE};
use crate::file_system::{USIM_AID, Usim};
use crate::platform_packages;

pub(crate) fn field(field: impl Into<String>, problem: impl Into<String>) -> ConfigError {
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
fn atr(atr: &[u8]) -> Result<(), ConfigError> {
    match atr {
        [0x3B | 0x3F, _, ..] if atr.len() <= 33 => Ok(()),
        _ => Err(field(
            "atr",
            "has 2 to 33 bytes, of which the first is 3B or 3F",
        )),
    }
}

/// What a profile describes and a state file keeps.
pub(crate) struct Description<'a> {
    pub(crate) iccid: &'a str,
    pub(crate) atr: &'a [u8],
    pub(crate) scp_i: u8,
    pub(crate) usim: &'a Usim,
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) isd_key_versions: Vec<u8>,
}

impl Description<'_> {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`ConfigError::Field`] with the first field that is out of range.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        iccid(self.iccid)?;
        atr(self.atr)?;
        security_levels(self.scp_i, self.behaviour)?;
        let usim = self.usim.check();
        usim.map_err(|error| field("usim", error.to_string()))?;
        if let Some((name, problem)) = self.behaviour.fault() {
            return Err(field(name, problem));
        }
        key_versions(&self.isd_key_versions)
    }
}

/// An entry's privileges make sense together, this card offers them, and security domains alone have those of domains.
pub(crate) fn privileges(privileges: Privileges, is_domain: bool) -> Result<(), String> {
    if privileges.check().is_err() || !SUPPORTED_PRIVILEGES.contains(privileges) {
        return Err(format!("privileges {privileges} cannot be held"));
    }
    match (privileges.contains(Privileges::SECURITY_DOMAIN), is_domain) {
        (true, false) => Err("has privileges of a security domain and is none".into()),
        (false, true) => Err("is a security domain without the privilege".into()),
        _ => Ok(()),
    }
}

/// Everything on the card fits into its memory.
pub(crate) fn memory(chip: &Chip) -> Result<(), ConfigError> {
    let used = chip.memory_used_on_card();
    if used > chip.memory_bytes {
        let problem = format!("{used} are in use on a card like this");
        return Err(field("memory_bytes", problem));
    }
    Ok(())
}

/// `i` is one of SCP03's.
pub(crate) fn scp_i(i: u8) -> Result<ScpParameters, ConfigError> {
    ScpParameters::new(i).map_err(|_| field("scp03.i", format!("{i:02X} is no parameter of SCP03")))
}

/// `i` offers every level that the profile names.
fn security_levels(i: u8, behaviour: &Behaviour) -> Result<(), ConfigError> {
    let parameters = scp_i(i)?;
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
fn key_versions(versions: &[u8]) -> Result<(), ConfigError> {
    if versions.is_empty() {
        return Err(field("isd.keyset", "a card needs one key set at least"));
    }
    for (index, version) in versions.iter().enumerate() {
        if !matches!(version, 0x01..=0x7F | 0xFF) {
            let problem = format!("version {version:02X} is not in 01 to 7F, nor FF");
            return Err(field("isd.keyset", problem));
        }
        if versions.iter().skip(index + 1).any(|v| v == version) {
            let problem = format!("version {version:02X} appears twice");
            return Err(field("isd.keyset", problem));
        }
    }
    Ok(())
}

/// What is preinstalled could have been installed: applets, with what applets may have, in packages that are not the
/// platform's.
pub(super) fn preinstalled(card: &CardConfig) -> Result<(), ConfigError> {
    const NAME: &str = "preinstalled";
    for (index, applet) in card.preinstalled.iter().enumerate() {
        privileges(applet.privileges, false)
            .map_err(|problem| field(NAME, format!("{} {problem}", applet.instance)))?;
        for aid in [applet.instance, applet.package] {
            if platform_packages::is_listed(&aid) || aid == USIM_AID {
                return Err(field(NAME, format!("{aid} is on every card")));
            }
        }
        let others = || card.preinstalled.iter().skip(index + 1);
        for unique in UNIQUE {
            if applet.privileges.contains(unique) && others().any(|o| o.privileges.contains(unique))
            {
                return Err(field(NAME, format!("{unique} is held twice")));
            }
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
