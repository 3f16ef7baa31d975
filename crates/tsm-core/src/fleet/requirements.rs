//! What a service demands of cards.

use super::profile::{CardProfile, GpVersion};
use crate::error::{Failure, Reason};

/// The least that a card must be for a service; the default demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceRequirements {
    /// Version of the GlobalPlatform Card Specification.
    pub gp_version: Option<GpVersion>,
    /// Non-volatile memory for applications, in bytes, whether it is free or not.
    pub memory_bytes: u32,
    /// Length of the issuer keys, in bytes.
    pub key_bytes: u8,
    /// A controlling-authority security domain.
    pub casd: bool,
    /// Certificates that the product must have, all of them.
    pub certifications: Vec<String>,
}

/// A requirement that a card does not meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnmetRequirement {
    /// The card was registered without a profile, so nobody knows.
    #[error("the card has no profile that says whether it has {needed}")]
    NoProfile {
        /// What the service demands.
        needed: String,
    },
    /// An older specification.
    #[error("the card follows GlobalPlatform {has}, the service needs {needed}")]
    GpVersion {
        /// What the service demands.
        needed: GpVersion,
        /// What the card follows.
        has: GpVersion,
    },
    /// A smaller card.
    #[error("the card has {has} bytes for applications, the service needs a card with {needed}")]
    Memory {
        /// What the service demands.
        needed: u32,
        /// What the card has.
        has: u32,
    },
    /// Shorter keys.
    #[error("the card's issuer keys have {has} bytes, the service needs {needed}")]
    KeyBytes {
        /// What the service demands.
        needed: u8,
        /// What the card has.
        has: u8,
    },
    /// No controlling-authority security domain.
    #[error("the card has no controlling-authority security domain")]
    Casd,
    /// The product lacks a certificate.
    #[error("the card is not certified {0:?}")]
    Certification(String),
}

impl Failure for UnmetRequirement {
    fn reason(&self) -> Reason {
        match self {
            Self::Memory { .. } => Reason::InsufficientSeMemory,
            _ => Reason::SeProfileNotQualified,
        }
    }
}

impl ServiceRequirements {
    /// Every requirement that a card with `memory_bytes` and this profile does not meet.
    #[must_use]
    pub fn unmet(&self, profile: Option<&CardProfile>, memory_bytes: u32) -> Vec<UnmetRequirement> {
        let mut unmet = Vec::new();
        if memory_bytes < self.memory_bytes {
            unmet.push(UnmetRequirement::Memory {
                needed: self.memory_bytes,
                has: memory_bytes,
            });
        }
        match profile {
            Some(profile) => self.compare(profile, &mut unmet),
            None => {
                let needed = self.only_a_profile_tells().into_iter();
                unmet.extend(needed.map(|needed| UnmetRequirement::NoProfile { needed }));
            }
        }
        unmet
    }

    fn compare(&self, profile: &CardProfile, unmet: &mut Vec<UnmetRequirement>) {
        if let Some(needed) = self.gp_version
            && profile.gp_version < needed
        {
            let has = profile.gp_version;
            unmet.push(UnmetRequirement::GpVersion { needed, has });
        }
        if profile.key_bytes < self.key_bytes {
            unmet.push(UnmetRequirement::KeyBytes {
                needed: self.key_bytes,
                has: profile.key_bytes,
            });
        }
        if self.casd && !profile.has_casd {
            unmet.push(UnmetRequirement::Casd);
        }
        for needed in &self.certifications {
            if !profile.certifications.contains(needed) {
                unmet.push(UnmetRequirement::Certification(needed.clone()));
            }
        }
    }

    fn only_a_profile_tells(&self) -> Vec<String> {
        let mut needed = Vec::new();
        if let Some(version) = self.gp_version {
            needed.push(format!("GlobalPlatform {version}"));
        }
        if self.key_bytes > 0 {
            needed.push(format!("issuer keys of {} bytes", self.key_bytes));
        }
        if self.casd {
            needed.push("a controlling-authority security domain".to_owned());
        }
        let certifications = self.certifications.iter();
        needed.extend(certifications.map(|name| format!("the certificate {name:?}")));
        needed
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::profile;
    use super::*;

    fn demanding() -> ServiceRequirements {
        ServiceRequirements {
            gp_version: GpVersion::parse("2.3.2"),
            memory_bytes: 131_073,
            key_bytes: 32,
            casd: true,
            certifications: ["CC EAL4+", "CC EAL5+"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn nothing_is_demanded_unless_said() {
        let nothing = ServiceRequirements::default();
        assert_eq!(nothing.unmet(None, 0), []);
    }

    #[test]
    fn what_is_just_met_is_met() {
        let same = ServiceRequirements {
            gp_version: Some(profile().gp_version),
            memory_bytes: 131_072,
            key_bytes: 16,
            casd: true,
            certifications: profile().certifications,
        };
        assert_eq!(same.unmet(Some(&profile()), 131_072), []);
    }

    #[test]
    fn lists_everything_that_is_missing() {
        let simple = CardProfile {
            has_casd: false,
            ..profile()
        };
        let unmet = demanding().unmet(Some(&simple), 131_072);
        let expected = [
            UnmetRequirement::Memory {
                needed: 131_073,
                has: 131_072,
            },
            UnmetRequirement::GpVersion {
                needed: GpVersion::parse("2.3.2").unwrap(),
                has: GpVersion::parse("2.3.1").unwrap(),
            },
            UnmetRequirement::KeyBytes {
                needed: 32,
                has: 16,
            },
            UnmetRequirement::Casd,
            UnmetRequirement::Certification("CC EAL5+".to_owned()),
        ];
        assert_eq!(unmet, expected);
        let reasons: Vec<_> = unmet.iter().map(Failure::reason).collect();
        assert_eq!(reasons[0], Reason::InsufficientSeMemory);
        assert!(
            reasons[1..]
                .iter()
                .all(|r| *r == Reason::SeProfileNotQualified)
        );
    }

    #[test]
    fn without_a_profile_only_the_memory_is_known() {
        let unmet = demanding().unmet(None, 200_000);
        assert_eq!(unmet.len(), 5);
        assert!(
            unmet
                .iter()
                .all(|u| matches!(u, UnmetRequirement::NoProfile { .. }))
        );
        let unmet = demanding().unmet(None, 1);
        assert_eq!(unmet.len(), 6);
    }
}
