//! Everything the card keeps without power: registry, keys, counters, applet data and the generator's position.
//!
//! This is plain data and what can be asked of it; commands change it through [`crate::storage::Storage`], which knows
//! that a change has to reach the state file before the answer goes out.

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::contactless::{Contactless, ContactlessRegistry};
use crate::file_system::{USIM_AID, Usim};
use crate::platform_packages;
use crate::random::Generator;
use crate::security_domain::{KeySet, SecurityDomain};
use crate::state::encoding::{aid, aids, hex_array, hex_bytes, optional_aid, privileges};

/// The package of security domains, present on every card.
pub(crate) const DOMAIN_PACKAGE: Aid =
    Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50]);
/// The module of [`DOMAIN_PACKAGE`].
pub(crate) const DOMAIN_MODULE: Aid =
    Aid::from_slice_const(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41]);

/// The non-volatile contents of one card.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Chip {
    pub(crate) iccid: String,
    #[serde(with = "hex_bytes")]
    pub(crate) atr: Vec<u8>,
    /// Key diversification data, as INITIALIZE UPDATE returns it.
    #[serde(with = "hex_array")]
    pub(crate) kdd: [u8; 10],
    /// Card production life cycle data, the value of 9F7F; empty when the card has none.
    #[serde(default, with = "hex_bytes")]
    pub(crate) cplc: Vec<u8>,
    /// Non-volatile memory for content, in bytes.
    pub(crate) memory_bytes: u32,
    /// Card life cycle (G Table 11-6).
    pub(crate) life_cycle: u8,
    pub(crate) random: Generator,
    /// Functions taken away from every security domain for good, bits as in tag D9.
    #[serde(default)]
    pub(crate) restrictions: u8,
    /// Other AIDs that mean the issuer security domain.
    #[serde(default, with = "aids")]
    pub(crate) aliases: Vec<Aid>,
    #[serde(default)]
    pub(crate) contactless: ContactlessRegistry,
    /// The subscription, for the files that a phone reads.
    #[serde(default)]
    pub(crate) usim: Usim,
    #[serde(default)]
    pub(crate) behaviour: Behaviour,
    /// How many times the memory has been written since the card was made.
    #[serde(default)]
    pub(crate) writes: u64,
    /// The ISD first, then security domains and applets in the order of their installation.
    pub(crate) applications: Vec<Application>,
    pub(crate) load_files: Vec<StoredLoadFile>,
}

impl core::fmt::Debug for Chip {
    /// Without anything that tells one card from another.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Chip")
            .field("life_cycle", &self.life_cycle)
            .field("writes", &self.writes)
            .finish_non_exhaustive()
    }
}

/// One registry entry that can be selected: a security domain or an applet instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Application {
    #[serde(with = "aid")]
    pub(crate) aid: Aid,
    /// Life cycle byte (G Tables 11-4 and 11-5), 80 set while locked.
    pub(crate) life_cycle: u8,
    #[serde(with = "privileges")]
    pub(crate) privileges: Privileges,
    #[serde(with = "optional_aid")]
    pub(crate) load_file: Option<Aid>,
    #[serde(with = "optional_aid")]
    pub(crate) module: Option<Aid>,
    /// The associated security domain; the entry itself for a root of a hierarchy.
    #[serde(with = "aid")]
    pub(crate) security_domain: Aid,
    #[serde(with = "hex_bytes")]
    pub(crate) implicit_selection: Vec<u8>,
    #[serde(default)]
    pub(crate) limits: MemoryLimits,
    #[serde(default)]
    pub(crate) contactless: Contactless,
    pub(crate) content: Content,
}

/// What the parameters of INSTALL [for install] say about memory, in bytes (C7, C8, D7, D8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemoryLimits {
    pub(crate) volatile_quota: Option<u32>,
    pub(crate) non_volatile_quota: Option<u32>,
    #[serde(default)]
    pub(crate) volatile_reserved: u32,
    #[serde(default)]
    pub(crate) non_volatile_reserved: u32,
}

/// What an application consists of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// A security domain, the ISD too.
    Domain(SecurityDomain),
    /// An applet instance: the bytes that its program keeps.
    Applet(Image),
}

/// The non-volatile data of an applet instance; only its program knows what they mean.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Image(#[serde(with = "hex_bytes")] pub(crate) zeroize::Zeroizing<Vec<u8>>);

impl core::fmt::Debug for Image {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Image({} bytes)", self.0.len())
    }
}

/// An executable load file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredLoadFile {
    #[serde(with = "aid")]
    pub(crate) aid: Aid,
    pub(crate) version: (u8, u8),
    #[serde(with = "aids")]
    pub(crate) modules: Vec<Aid>,
    /// Packages that this one imports.
    #[serde(with = "aids")]
    pub(crate) imports: Vec<Aid>,
    #[serde(with = "aid")]
    pub(crate) security_domain: Aid,
    /// The load file data block; empty for code in ROM.
    #[serde(with = "hex_bytes")]
    pub(crate) data_block: Vec<u8>,
    /// Part of the card itself: cannot be deleted.
    #[serde(default)]
    pub(crate) in_rom: bool,
}

impl Application {
    /// Bit 8 of the life cycle.
    pub(crate) const LOCKED: u8 = 0x80;
    /// INSTALLED, for applets and security domains.
    pub(crate) const INSTALLED: u8 = 0x03;
    /// SELECTABLE, for applets and security domains.
    pub(crate) const SELECTABLE: u8 = 0x07;
    /// PERSONALIZED, for security domains only.
    pub(crate) const PERSONALIZED: u8 = 0x0F;

    /// Whether the entry is locked.
    pub(crate) const fn is_locked(&self) -> bool {
        self.life_cycle & Self::LOCKED != 0
    }

    /// Whether a SELECT may find it: SELECTABLE or later, not locked.
    pub(crate) const fn is_selectable(&self) -> bool {
        !self.is_locked() && self.life_cycle & Self::SELECTABLE == Self::SELECTABLE
    }

    /// The security domain in it, if it is one.
    pub(crate) const fn domain(&self) -> Option<&SecurityDomain> {
        match &self.content {
            Content::Domain(domain) => Some(domain),
            Content::Applet(_) => None,
        }
    }

    /// The security domain in it, if it is one.
    pub(crate) const fn domain_mut(&mut self) -> Option<&mut SecurityDomain> {
        match &mut self.content {
            Content::Domain(domain) => Some(domain),
            Content::Applet(_) => None,
        }
    }

    /// Whether it is a root: associated with itself.
    pub(crate) fn is_root(&self) -> bool {
        self.security_domain == self.aid
    }
}

impl Chip {
    /// The issuer security domain, always the first entry.
    pub(crate) fn isd(&self) -> Option<&Application> {
        self.applications.first()
    }

    /// Whether `aid` is the issuer security domain.
    pub(crate) fn is_isd(&self, aid: &Aid) -> bool {
        self.isd().is_some_and(|isd| isd.aid == *aid)
    }

    /// Whether a security domain does anything for others: it is the issuer's, or PERSONALIZED and not locked (G 5.3.2.2
    /// to 5.3.2.4). One that is not verifies nothing, lends no keys, and nothing comes to it, goes from it or changes in it.
    pub(crate) fn serves(&self, domain: &Aid) -> bool {
        let is_personalized =
            |a: &Application| a.domain().is_some() && a.life_cycle == Application::PERSONALIZED;
        self.is_isd(domain) || self.application(domain).is_some_and(is_personalized)
    }

    /// Whether a SELECT may find this application now: it is SELECTABLE or later and not locked; on a card that is
    /// CARD_LOCKED it is the Final Application.
    pub(crate) fn may_be_selected(&self, application: &Application) -> bool {
        if self.is_closed() {
            let last = self.final_application();
            return last.is_some_and(|last| last.aid == application.aid);
        }
        self.is_isd(&application.aid) || application.is_selectable()
    }

    /// Whether an application that is selected answers: it does not when it was locked in the meantime.
    pub(crate) fn may_answer(&self, selected: &Aid) -> bool {
        let application = self.application(selected);
        self.is_isd(selected) || application.is_some_and(|a| self.may_be_selected(a))
    }

    /// The application with exactly this AID.
    pub(crate) fn application(&self, aid: &Aid) -> Option<&Application> {
        self.applications.iter().find(|a| a.aid == *aid)
    }

    /// The application with exactly this AID.
    pub(crate) fn application_mut(&mut self, aid: &Aid) -> Option<&mut Application> {
        self.applications.iter_mut().find(|a| a.aid == *aid)
    }

    /// The security domain with exactly this AID.
    pub(crate) fn domain(&self, aid: &Aid) -> Option<&SecurityDomain> {
        self.application(aid)?.domain()
    }

    /// The security domain with exactly this AID.
    pub(crate) fn domain_mut(&mut self, aid: &Aid) -> Option<&mut SecurityDomain> {
        self.application_mut(aid)?.domain_mut()
    }

    /// The load file with exactly this AID.
    pub(crate) fn load_file(&self, aid: &Aid) -> Option<&StoredLoadFile> {
        self.load_files.iter().find(|f| f.aid == *aid)
    }

    /// Whether any registry entry, the USIM or a package of the platform has this AID, or the issuer security domain is
    /// known by it.
    pub(crate) fn is_taken(&self, aid: &Aid) -> bool {
        self.application(aid).is_some()
            || self.load_file(aid).is_some()
            || self.aliases.contains(aid)
            || *aid == USIM_AID
            || platform_packages::is_listed(aid)
    }

    /// The AID that a command means: that of the issuer security domain for its aliases.
    pub(crate) fn resolve(&self, aid: Aid) -> Aid {
        match self.isd() {
            Some(isd) if self.aliases.contains(&aid) => isd.aid,
            _ => aid,
        }
    }

    /// The security domain that a registry entry (application or load file) belongs to.
    pub(crate) fn associated_domain(&self, aid: &Aid) -> Option<Aid> {
        self.application(aid)
            .map(|a| a.security_domain)
            .or_else(|| self.load_file(aid).map(|f| f.security_domain))
    }

    /// `aid` and every security domain above it, nearest first.
    pub(crate) fn ancestry(&self, aid: Aid) -> Vec<Aid> {
        let mut line = vec![aid];
        let mut at = aid;
        while let Some(above) = self.associated_domain(&at) {
            if line.contains(&above) {
                break;
            }
            line.push(above);
            at = above;
        }
        line
    }

    /// Whether `aid` is `domain` or lies somewhere below it.
    pub(crate) fn is_within(&self, aid: Aid, domain: &Aid) -> bool {
        self.ancestry(aid).contains(domain)
    }

    /// Whether a domain is PERSONALIZED with keys that somebody else must not touch.
    pub(crate) fn has_keys_of_its_own(&self, aid: &Aid) -> bool {
        self.application(aid).is_some_and(|application| {
            let has_keys = application.domain().is_some_and(SecurityDomain::has_keys);
            has_keys && application.life_cycle == Application::PERSONALIZED
        })
    }

    /// The security domain whose keys open a session with `domain`: itself, or while it has none, the next above that
    /// has, as far as that one serves.
    pub(crate) fn key_holder(&self, domain: Aid) -> Option<Aid> {
        let mut line = self.ancestry(domain).into_iter();
        let holder = line.find(|aid| self.domain(aid).is_some_and(|d| !d.key_sets.is_empty()))?;
        (holder == domain || self.serves(&holder)).then_some(holder)
    }

    /// The key set with this version in `holder`; version 0 is the first one.
    pub(crate) fn key_set(&self, holder: &Aid, version: u8) -> Option<&KeySet> {
        self.domain(holder)?.key_set(version)
    }
}

#[cfg(test)]
mod tests {
    use crate::applet::programs::Programs;
    use crate::config::CardConfig;

    #[test]
    fn debug_does_not_tell_which_card_it_is() {
        let config = CardConfig::parse("").unwrap();
        let chip = config.chip(&Programs::default()).unwrap();
        assert_eq!(
            format!("{chip:?}"),
            "Chip { life_cycle: 15, writes: 0, .. }"
        );
    }
}
