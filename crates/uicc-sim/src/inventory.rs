//! The card's registry for people: a tree of security domains with what is in them and the memory it takes.

use globalplatform::aid::Aid;
use globalplatform::life_cycle::{ApplicationLifeCycle, CardLifeCycle, SecurityDomainLifeCycle};
use serde::Serialize;

use crate::applet::jpki;
use crate::chip::{Application, Chip, Content};
use crate::memory::VOLATILE_BYTES;
use crate::security_domain::KeySet;

/// What a card holds. Byte strings are upper-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inventory {
    /// Number of the card.
    pub iccid: String,
    /// Life cycle of the card, for example `SECURED`.
    pub life_cycle: String,
    /// The non-volatile memory.
    pub memory: MemoryUse,
    /// The volatile memory that instances leave.
    pub volatile: MemoryUse,
    /// The issuer security domain, and domains extradited to themselves, each with everything below it.
    pub domains: Vec<DomainInventory>,
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryUse {
    /// What may be used at most: the card's memory or a quota; none when there is no quota.
    pub total: Option<u32>,
    /// What is used.
    pub used: u32,
    /// By how much the use may grow, as far as quotas above and the card allow.
    pub free: u32,
}

/// A security domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DomainInventory {
    /// AID.
    pub aid: String,
    /// For example `PERSONALIZED`, or `LOCKED`.
    pub life_cycle: String,
    /// Names of the privileges.
    pub privileges: Vec<&'static str>,
    /// SCP03 parameter `i`, hexadecimal.
    pub scp_i: String,
    /// What it contains, against its quota.
    pub memory: MemoryUse,
    /// Its own key sets; without any it opens sessions with those above.
    pub key_sets: Vec<KeySetInventory>,
    /// Load files in it.
    pub load_files: Vec<LoadFileInventory>,
    /// Applet instances in it.
    pub applets: Vec<AppletInventory>,
    /// Security domains below it.
    pub domains: Vec<Self>,
}

/// A key set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeySetInventory {
    /// Key version, hexadecimal.
    pub version: String,
    /// Length of each key in bits.
    pub bits: usize,
    /// Check values of ENC, MAC and DEK.
    pub check_values: Vec<String>,
    /// Sequence counter.
    pub counter: u32,
}

/// A load file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoadFileInventory {
    /// Package AID.
    pub aid: String,
    /// Package version, for example `1.0`.
    pub version: String,
    /// Modules in it.
    pub modules: Vec<String>,
    /// Bytes it takes.
    pub bytes: u32,
    /// Part of the card, not loaded.
    pub in_rom: bool,
}

/// An applet instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AppletInventory {
    /// Instance AID.
    pub aid: String,
    /// Package it comes from.
    pub load_file: String,
    /// For example `SELECTABLE`, or `LOCKED`.
    pub life_cycle: String,
    /// Names of the privileges.
    pub privileges: Vec<&'static str>,
    /// Bytes it takes, its data included.
    pub bytes: u32,
    /// What the JPKI applet says about itself; none for other applets.
    pub jpki: Option<JpkiInventory>,
}

/// The state of a JPKI applet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JpkiInventory {
    /// The credential that proves who somebody is; its fields are written as if they were this structure's own.
    #[serde(flatten)]
    pub authentication: CredentialInventory,
    /// The credential that signs documents; none while there is nothing of it.
    pub signature: Option<CredentialInventory>,
}

/// One credential of a JPKI applet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CredentialInventory {
    /// Whether a credential can be used.
    pub live: bool,
    /// Its id.
    pub credential_id: Option<String>,
    /// `RSA-2048`, `P-256` or `P-384`.
    pub algorithm: Option<&'static str>,
    /// SHA-256 of its certificate.
    pub certificate_sha256: Option<String>,
    /// SHA-256 of the certificate of its issuer.
    pub issuer_sha256: Option<String>,
    /// PIN tries left; 0 without a credential.
    pub pin_tries_left: u8,
    /// `none`, `incomplete`, `complete` or `proved`.
    pub pending: &'static str,
    /// Id of the credential in the making.
    pub pending_credential_id: Option<String>,
}

impl Inventory {
    /// What this chip holds.
    pub(crate) fn of(chip: &Chip) -> Self {
        let life_cycle = CardLifeCycle::try_from(chip.life_cycle);
        let volatile_free = chip.volatile_free();
        Self {
            iccid: chip.iccid.clone(),
            life_cycle: life_cycle.map_or_else(|e| e.to_string(), |state| state.to_string()),
            memory: MemoryUse {
                total: Some(chip.memory_bytes),
                used: chip.memory_used_on_card(),
                free: chip.memory_free(),
            },
            volatile: MemoryUse {
                total: Some(VOLATILE_BYTES),
                used: VOLATILE_BYTES.saturating_sub(volatile_free),
                free: volatile_free,
            },
            domains: chip
                .applications
                .iter()
                .filter(|a| a.is_root())
                .filter_map(|a| domain(chip, a))
                .collect(),
        }
    }

    /// The first applet with this AID, wherever it is.
    #[must_use]
    pub fn applet(&self, aid: &Aid) -> Option<&AppletInventory> {
        let aid = aid.to_string();
        let mut domains: Vec<&DomainInventory> = self.domains.iter().collect();
        while let Some(domain) = domains.pop() {
            if let Some(applet) = domain.applets.iter().find(|applet| applet.aid == aid) {
                return Some(applet);
            }
            domains.extend(&domain.domains);
        }
        None
    }
}

fn domain(chip: &Chip, application: &Application) -> Option<DomainInventory> {
    let own = application.domain()?;
    let aid = application.aid;
    let below = || {
        let all = chip.applications.iter();
        all.filter(move |a| a.security_domain == aid && a.aid != aid)
    };
    let life_cycle = if chip.is_isd(&aid) {
        CardLifeCycle::try_from(chip.life_cycle).map_or_else(|e| e.to_string(), |s| s.to_string())
    } else {
        SecurityDomainLifeCycle::try_from(application.life_cycle)
            .map_or_else(|e| e.to_string(), |s| s.to_string())
    };
    Some(DomainInventory {
        aid: aid.to_string(),
        life_cycle,
        privileges: application.privileges.names().collect(),
        scp_i: format!("{:02X}", own.scp_i),
        memory: MemoryUse {
            total: application.limits.non_volatile_quota,
            used: chip.memory_used(application),
            free: chip.memory_available(&aid),
        },
        key_sets: own.key_sets.iter().map(key_set).collect(),
        load_files: chip
            .load_files
            .iter()
            .filter(|file| file.security_domain == aid)
            .map(|file| LoadFileInventory {
                aid: file.aid.to_string(),
                version: format!("{}.{}", file.version.0, file.version.1),
                modules: file.modules.iter().map(Aid::to_string).collect(),
                bytes: file.footprint(),
                in_rom: file.in_rom,
            })
            .collect(),
        applets: below().filter_map(|a| applet(chip, a)).collect(),
        domains: below().filter_map(|a| domain(chip, a)).collect(),
    })
}

fn key_set(set: &KeySet) -> KeySetInventory {
    KeySetInventory {
        version: format!("{:02X}", set.version),
        bits: 8 * set.key_length(),
        check_values: set
            .keys
            .check_values()
            .iter()
            .map(hex::encode_upper)
            .collect(),
        counter: set.counter,
    }
}

fn applet(chip: &Chip, application: &Application) -> Option<AppletInventory> {
    let Content::Applet(image) = &application.content else {
        return None;
    };
    let is_jpki =
        application.load_file == Some(jpki::PACKAGE) && application.module == Some(jpki::MODULE);
    Some(AppletInventory {
        aid: application.aid.to_string(),
        load_file: application
            .load_file
            .map_or_else(String::new, |aid| aid.to_string()),
        life_cycle: ApplicationLifeCycle::try_from(application.life_cycle)
            .map_or_else(|e| e.to_string(), |s| s.to_string()),
        privileges: application.privileges.names().collect(),
        bytes: chip.footprint(application),
        jpki: is_jpki.then(|| jpki::inventory(&image.0)).flatten(),
    })
}
