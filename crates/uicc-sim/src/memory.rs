//! Who uses how much of the non-volatile memory, and who may use more.
//!
//! Everything in the registry has a footprint. What lies below a security domain (load files, instances, domains) counts
//! against that domain's quota together with its own keys and data objects (tag C8), and against every quota above it,
//! and at last against the card's memory. A reservation (D8) counts as used, whether it is or not.
//! Real cards account differently in every product; the constants here are of the usual size.

use globalplatform::aid::Aid;

use crate::chip::{Application, Chip, Content, StoredLoadFile};
use crate::security_domain::{Attributes, KeySet, SecurityDomain, StoredKey, TokenIdentifier};

/// A security domain's own footprint in the domain above it.
pub(crate) const DOMAIN_BYTES: u32 = 512;
/// An applet instance's footprint besides its data.
pub(crate) const INSTANCE_BYTES: u32 = 96;
/// A load file's footprint besides its data block.
pub(crate) const LOAD_FILE_BYTES: u32 = 64;
/// A key's footprint besides its bytes.
pub(crate) const KEY_BYTES: u32 = 8;
/// A data object's footprint besides its value.
const DATA_OBJECT_BYTES: u32 = 4;
/// Volatile memory of the card, in bytes.
pub(crate) const VOLATILE_BYTES: u32 = 8192;
/// What an instance takes of it when the program says nothing else.
pub(crate) const VOLATILE_INSTANCE_BYTES: u32 = 64;

/// The number of bytes as the memory counts them.
pub(crate) fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl KeySet {
    /// Bytes that the three keys take, as much as the three keys alone.
    pub(crate) fn footprint(&self) -> u32 {
        let keys = size(self.key_length())
            .saturating_add(KEY_BYTES)
            .saturating_mul(3);
        let attributes = self.attributes.iter().map(Attributes::footprint);
        keys.saturating_add(sum(attributes))
    }
}

impl Attributes {
    /// Bytes that usage and access of a key take.
    pub(crate) fn footprint(&self) -> u32 {
        size(self.usage.len()).saturating_add(size(self.access.len()))
    }
}

impl SecurityDomain {
    /// Keys, data objects and token identifiers.
    pub(crate) fn own_use(&self) -> u32 {
        let sets = self.key_sets.iter().map(KeySet::footprint);
        let keys = sets.chain(self.other_keys.iter().map(StoredKey::footprint));
        let tokens = self.used_tokens.iter().map(token_footprint);
        let data = self
            .data
            .iter()
            .map(|object| data_object_footprint(object.value.len()));
        sum(keys.chain(data).chain(tokens))
    }
}

/// Bytes that the identifier of a used token takes.
pub(crate) fn token_footprint(identifier: &TokenIdentifier) -> u32 {
    data_object_footprint(identifier.0.len())
}

/// Bytes that a data object with a value of this length takes.
pub(crate) fn data_object_footprint(length: usize) -> u32 {
    size(length).saturating_add(DATA_OBJECT_BYTES)
}

impl StoredLoadFile {
    /// Bytes that the load file takes.
    pub(crate) fn footprint(&self) -> u32 {
        if self.in_rom {
            0
        } else {
            load_file_footprint(self.data_block.len())
        }
    }
}

/// Bytes that a load file with a data block of this length takes.
pub(crate) fn load_file_footprint(data_block: usize) -> u32 {
    size(data_block).saturating_add(LOAD_FILE_BYTES)
}

pub(crate) fn sum(sizes: impl Iterator<Item = u32>) -> u32 {
    sizes.fold(0, u32::saturating_add)
}

impl Application {
    /// The part of the footprint that neither quota nor reservation covers: the entry in the registry.
    fn overhead(&self) -> u32 {
        let entry = match self.content {
            Content::Domain(_) => DOMAIN_BYTES,
            Content::Applet(_) => INSTANCE_BYTES,
        };
        entry.saturating_add(size(self.implicit_selection.len()))
    }
}

impl Chip {
    /// Bytes inside an application, as its quota counts them: an applet's data, or everything below a domain.
    pub(crate) fn memory_used(&self, application: &Application) -> u32 {
        match &application.content {
            Content::Applet(image) => size(image.0.len()),
            Content::Domain(domain) => {
                let files = self
                    .load_files
                    .iter()
                    .filter(|file| file.security_domain == application.aid)
                    .map(StoredLoadFile::footprint);
                let below = self
                    .applications
                    .iter()
                    .filter(|a| a.security_domain == application.aid && !a.is_root())
                    .map(|a| self.footprint(a));
                sum(files.chain(below)).saturating_add(domain.own_use())
            }
        }
    }

    /// Bytes that an application takes of the domain above it.
    pub(crate) fn footprint(&self, application: &Application) -> u32 {
        self.memory_used(application)
            .max(application.limits.non_volatile_reserved)
            .saturating_add(application.overhead())
    }

    /// Bytes of the card's memory in use or reserved.
    pub(crate) fn memory_used_on_card(&self) -> u32 {
        let roots = self.applications.iter().filter(|a| a.is_root());
        sum(roots.map(|a| self.footprint(a)))
    }

    /// Bytes of the card's memory that nobody uses.
    pub(crate) fn memory_free(&self) -> u32 {
        self.memory_bytes.saturating_sub(self.memory_used_on_card())
    }

    /// By how many bytes the contents of the application may grow before a quota or the card is full.
    pub(crate) fn memory_available(&self, aid: &Aid) -> u32 {
        let mut available = self.memory_free();
        for aid in self.ancestry(*aid).iter().rev() {
            let Some(application) = self.application(aid) else {
                continue;
            };
            let used = self.memory_used(application);
            let limits = application.limits;
            let reserved = limits.non_volatile_reserved.saturating_sub(used);
            let quota = limits
                .non_volatile_quota
                .map_or(u32::MAX, |quota| quota.saturating_sub(used));
            available = available.saturating_add(reserved).min(quota);
        }
        available
    }

    /// Whether nobody uses more than its quota, and all together no more than the card has; who did so already uses no
    /// more than it did.
    pub(crate) fn is_within_limits(&self, before: &Self) -> bool {
        let within = |application: &Application| {
            let [used, volatile] = self.excess(application);
            let earlier = before.application(&application.aid);
            let [used_before, volatile_before] = earlier.map_or([0; 2], |a| before.excess(a));
            used <= used_before && volatile <= volatile_before
        };
        let excess = |chip: &Self| chip.memory_used_on_card().saturating_sub(chip.memory_bytes);
        excess(self) <= excess(before) && self.applications.iter().all(within)
    }

    /// Bytes of non-volatile and of volatile memory that an application uses beyond its quotas.
    fn excess(&self, application: &Application) -> [u32; 2] {
        let limits = application.limits;
        let over = |quota: Option<u32>, used: u32| quota.map_or(0, |q| used.saturating_sub(q));
        let volatile = match application.content {
            Content::Applet(_) => 0,
            Content::Domain(_) => over(limits.volatile_quota, self.volatile_used(application)),
        };
        let used = self.memory_used(application);
        [over(limits.non_volatile_quota, used), volatile]
    }

    /// Bytes of volatile memory inside an application: an instance's own, or everything below a domain.
    fn volatile_used(&self, application: &Application) -> u32 {
        match application.content {
            Content::Applet(_) => VOLATILE_INSTANCE_BYTES,
            Content::Domain(_) => {
                let all = self.applications.iter();
                let below = all.filter(|a| a.security_domain == application.aid && !a.is_root());
                sum(below.map(|a| self.volatile_footprint(a)))
            }
        }
    }

    /// What it takes of the domain above; a reservation (D7) counts whether it is used or not.
    fn volatile_footprint(&self, application: &Application) -> u32 {
        let used = self.volatile_used(application);
        used.max(application.limits.volatile_reserved)
    }

    /// Volatile memory that installed instances and reservations leave free, in bytes.
    pub(crate) fn volatile_free(&self) -> u32 {
        let roots = self.applications.iter().filter(|a| a.is_root());
        VOLATILE_BYTES.saturating_sub(sum(roots.map(|a| self.volatile_footprint(a))))
    }

    /// By how many bytes the volatile memory below a domain may grow before a quota (C7) or the card is full.
    pub(crate) fn volatile_available(&self, aid: &Aid) -> u32 {
        let mut available = self.volatile_free();
        for aid in self.ancestry(*aid).iter().rev() {
            let Some(application) = self.application(aid) else {
                continue;
            };
            let used = self.volatile_used(application);
            let limits = application.limits;
            let reserved = limits.volatile_reserved.saturating_sub(used);
            let quota = limits
                .volatile_quota
                .map_or(u32::MAX, |quota| quota.saturating_sub(used));
            available = available.saturating_add(reserved).min(quota);
        }
        available
    }
}
