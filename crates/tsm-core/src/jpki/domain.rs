//! The provider's security domain on one card, as the provider knows it.

use globalplatform::aid::Aid;

use crate::identity::Iccid;

/// Key version numbers of the provider's own generations: 31 to 3F, in turn.
const FIRST_VERSION: u8 = 0x31;
const VERSIONS: u8 = 15;

/// Which keys open the provider's domain. Record id: the ICCID.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderDomain {
    /// The card.
    pub iccid: Iccid,
    /// The domain.
    pub aid: Aid,
    /// The `i` parameter of SCP03.
    pub scp_i: u8,
    /// The applet instance in it.
    pub instance: Aid,
    /// SHA-256 of the newest hand-over that was opened: encapsulated key, ciphertext.
    pub handover_sha256: [u8; 32],
    /// The carrier's first keys, sealed, until the rotation is confirmed.
    pub initial: Option<InitialKeys>,
    /// Generation of the provider's own keys that was confirmed last, or given up
    /// with the domain that it was meant for; 0 before the first. While `initial`
    /// is there, generation + 1 may be on the card.
    pub generation: u8,
}

impl ProviderDomain {
    /// Key version number of a generation of the provider's own keys.
    #[must_use]
    pub const fn key_version(generation: u8) -> u8 {
        FIRST_VERSION + generation.saturating_sub(1) % VERSIONS
    }
}

/// The keys that the carrier handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct InitialKeys {
    /// Key version number on the card.
    pub key_version: u8,
    /// ENC, MAC and DEK, sealed to this record.
    pub sealed: Vec<u8>,
}

impl core::fmt::Debug for InitialKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "InitialKeys(version {:02X})", self.key_version)
    }
}

impl core::fmt::Debug for ProviderDomain {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ProviderDomain")
            .field("iccid", &self.iccid)
            .field("aid", &self.aid)
            .field("initial", &self.initial)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_take_the_versions_31_to_3f_in_turn() {
        let versions = [1, 2, 15, 16, 255].map(ProviderDomain::key_version);
        assert_eq!(versions, [0x31, 0x32, 0x3F, 0x31, 0x3F]);
        for generation in 1..u8::MAX {
            let next = ProviderDomain::key_version(generation + 1);
            assert_ne!(ProviderDomain::key_version(generation), next);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = InitialKeys {
            key_version: 0x30,
            sealed: vec![0xA7; 48],
        };
        assert_eq!(format!("{keys:?}"), "InitialKeys(version 30)");
    }
}
