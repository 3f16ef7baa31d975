//! The card's registry for people: a tree of security domains with what is in them and the memory it takes.

use globalplatform::aid::Aid;
use globalplatform::key::KeyType;
use globalplatform::life_cycle::{ApplicationLifeCycle, CardLifeCycle, SecurityDomainLifeCycle};
use serde::Serialize;

use crate::applet::jpki;
use crate::chip::{Application, Chip, Content};
use crate::memory::VOLATILE_BYTES;
use crate::security_domain::{KeySet, StoredKey, StoredPart};

/// Version of the form of an inventory.
const FORMAT: u32 = 1;

/// What a card holds. Byte strings are upper-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inventory {
    /// Version of this form: it goes up when a field goes or changes its meaning, not when one is added.
    pub format: u32,
    /// Number of the card.
    pub iccid: String,
    /// Answer to reset.
    pub atr: String,
    /// Key diversification data.
    pub key_diversification_data: String,
    /// Life cycle of the card, for example `SECURED`.
    pub life_cycle: String,
    /// Other AIDs that mean the issuer security domain.
    pub aliases: Vec<String>,
    /// The non-volatile memory.
    pub memory: MemoryUse,
    /// The volatile memory that instances leave.
    pub volatile: MemoryUse,
    /// How many times the non-volatile memory was written since the card was made.
    pub writes: u64,
    /// How many writes it endures; none when there is no limit.
    pub endurance_writes: Option<u64>,
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
    /// Whether it is the domain of a controlling authority.
    pub is_casd: bool,
    /// Its own key sets; without any it opens sessions with those above.
    pub key_sets: Vec<KeySetInventory>,
    /// Its keys that are part of no whole SCP03 set: for tokens, receipts, DAP, SCP80.
    pub keys: Vec<KeyInventory>,
    /// Receipts generated so far.
    pub confirmation_counter: u16,
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

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyInventory {
    /// Key version, hexadecimal.
    pub version: String,
    /// Key identifier, hexadecimal.
    pub id: String,
    /// Kinds of its components, for example `AES`, or `EC public` and `curve`.
    pub components: Vec<KeyComponent>,
    /// Check value of an AES key.
    pub check_value: Option<String>,
}

/// A component of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyComponent {
    /// What it is.
    pub kind: &'static str,
    /// Its length in bytes.
    pub bytes: usize,
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
    /// Module it is an instance of.
    pub module: String,
    /// Bytes it takes, its data included.
    pub bytes: u32,
    /// Its data, against its quota.
    pub memory: MemoryUse,
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
            format: FORMAT,
            iccid: chip.iccid.clone(),
            atr: hex::encode_upper(&chip.atr),
            key_diversification_data: hex::encode_upper(chip.kdd),
            aliases: chip.aliases.iter().map(Aid::to_string).collect(),
            life_cycle: life_cycle.map_or_else(|e| e.to_string(), |state| state.to_string()),
            memory: MemoryUse {
                total: Some(chip.memory_bytes),
                used: chip.memory_used_on_card(),
                free: chip.memory_free(),
            },
            writes: chip.writes,
            endurance_writes: chip.behaviour.endurance_writes,
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
        privileges: chip.privileges_of(application).names().collect(),
        scp_i: format!("{:02X}", own.scp_i),
        memory: MemoryUse {
            total: application.limits.non_volatile_quota,
            used: chip.memory_used(application),
            free: chip.memory_available(&aid),
        },
        is_casd: own.is_casd,
        key_sets: own.key_sets.iter().map(key_set).collect(),
        keys: own.other_keys.iter().map(key).collect(),
        confirmation_counter: own.confirmation_counter,
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

fn key(key: &StoredKey) -> KeyInventory {
    let component = |part: &StoredPart| KeyComponent {
        kind: KeyType(part.key_type).name(),
        bytes: part.bytes.len(),
    };
    KeyInventory {
        version: format!("{:02X}", key.version),
        id: format!("{:02X}", key.id),
        components: key.parts.iter().map(component).collect(),
        check_value: key.as_aes().map(|aes| hex::encode_upper(aes.check_value())),
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
        module: application
            .module
            .map_or_else(String::new, |aid| aid.to_string()),
        bytes: chip.footprint(application),
        memory: MemoryUse {
            total: application.limits.non_volatile_quota,
            used: chip.memory_used(application),
            free: chip.memory_available(&application.aid),
        },
        jpki: is_jpki.then(|| jpki::inventory(&image.0)).flatten(),
    })
}
