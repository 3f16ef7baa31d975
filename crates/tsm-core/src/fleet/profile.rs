//! What cards of one product of a card maker can do.

use core::fmt;

use globalplatform::aid::Aid;

use crate::error::{Failure, Reason};
use crate::identity::{ProfileName, Tenant};

/// Most certifications of a profile.
const MAX_CERTIFICATIONS: usize = 16;
/// Longest name of a certification, in bytes.
const MAX_CERTIFICATION: usize = 100;

/// A version of the GlobalPlatform Card Specification, for example 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GpVersion {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number; 0 when there is none.
    pub patch: u8,
}

impl GpVersion {
    /// Two or three numbers with dots, as in `2.3` and `2.3.1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| {
            let is_plain = number.bytes().all(|b| b.is_ascii_digit());
            number.parse().ok().filter(|_| is_plain)
        });
        let (major, minor) = (numbers.next()??, numbers.next()??);
        let patch = match numbers.next() {
            Some(patch) => patch?,
            None => 0,
        };
        numbers.next().is_none().then_some(Self {
            major,
            minor,
            patch,
        })
    }
}

impl fmt::Display for GpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}

/// A product of a card maker, as its issuer describes it. Record id: [`CardProfile::id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardProfile {
    /// Its name.
    pub name: ProfileName,
    /// Whose cards these are.
    pub issuer: Tenant,
    /// Issuer security domain.
    pub isd_aid: Aid,
    /// The specification that the cards follow.
    pub gp_version: GpVersion,
    /// The `i` parameter of SCP03.
    pub scp_i: u8,
    /// Length of the issuer keys in bytes: 16, 24 or 32.
    pub key_bytes: u8,
    /// Non-volatile memory for applications, in bytes.
    pub memory_bytes: u32,
    /// The cards have a controlling-authority security domain.
    pub has_casd: bool,
    /// Certificates of the product, for example `CC EAL4+ (PP-0084)`; sorted, none twice.
    pub certifications: Vec<String>,
}

/// Why a profile was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Keys have other lengths.
    #[error("key_bytes must be 16, 24 or 32, not {0}")]
    KeyBytes(u8),
    /// Too many certifications, or one that is empty or too long.
    #[error("certifications: at most 16, each of 1 to 100 bytes without control characters")]
    Certifications,
    /// The profile is defined, and more than its certifications is different.
    #[error("the profile is defined otherwise already; give the new one another name")]
    Exists,
}

impl Failure for ProfileError {
    fn reason(&self) -> Reason {
        match self {
            Self::KeyBytes(_) | Self::Certifications => Reason::InvalidArgument,
            Self::Exists => Reason::AlreadyExists,
        }
    }
}

impl CardProfile {
    /// Record id: issuer, slash, name.
    #[must_use]
    pub fn id(issuer: &Tenant, name: &ProfileName) -> String {
        format!("{issuer}/{name}")
    }

    /// The profile with its certifications in order.
    ///
    /// # Errors
    /// [`ProfileError`] when a value is out of its range.
    pub fn checked(mut self) -> Result<Self, ProfileError> {
        if !matches!(self.key_bytes, 16 | 24 | 32) {
            return Err(ProfileError::KeyBytes(self.key_bytes));
        }
        for name in &mut self.certifications {
            *name = name.trim().to_owned();
        }
        self.certifications.sort();
        self.certifications.dedup();
        let is_name = |name: &String| {
            (1..=MAX_CERTIFICATION).contains(&name.len()) && !name.chars().any(char::is_control)
        };
        if self.certifications.len() > MAX_CERTIFICATIONS
            || !self.certifications.iter().all(is_name)
        {
            return Err(ProfileError::Certifications);
        }
        Ok(self)
    }

    /// Whether this profile may stand in the place of `known`: certificates are given and
    /// withdrawn, but the cards that are out there stay what they are.
    ///
    /// # Errors
    /// [`ProfileError::Exists`] when anything else differs.
    pub fn follows(&self, known: &Self) -> Result<(), ProfileError> {
        let same = Self {
            certifications: known.certifications.clone(),
            ..self.clone()
        };
        if same == *known {
            Ok(())
        } else {
            Err(ProfileError::Exists)
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn profile() -> CardProfile {
        CardProfile {
            name: ProfileName::new("uicc-128k").unwrap(),
            issuer: Tenant::new("carrier").unwrap(),
            isd_aid: Aid::new(&[0xA0, 0, 0, 1, 0x51, 0, 0, 0]).unwrap(),
            gp_version: GpVersion::parse("2.3.1").unwrap(),
            scp_i: 0x70,
            key_bytes: 16,
            memory_bytes: 131_072,
            has_casd: true,
            certifications: vec!["CC EAL4+".to_owned()],
        }
    }

    #[test]
    fn versions_have_an_order_and_a_form() {
        let version = |text| GpVersion::parse(text).unwrap();
        assert!(version("2.2.1") < version("2.3"));
        assert!(version("2.3") < version("2.3.1"));
        assert!(version("2.10") > version("2.9.9"));
        assert_eq!(version("2.3.0").to_string(), "2.3");
        assert_eq!(version("2.3.1").to_string(), "2.3.1");
        for wrong in [
            "", "2", "2.", "2.3.", "2.3.1.0", "v2.3", "+2.3", "2.256", "2. 3",
        ] {
            assert_eq!(GpVersion::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn certifications_are_sorted_and_none_is_twice() {
        let certifications = [" b", "a", "b"].map(str::to_owned).to_vec();
        let checked = CardProfile {
            certifications,
            ..profile()
        };
        assert_eq!(checked.checked().unwrap().certifications, ["a", "b"]);
    }

    #[test]
    fn refuses_what_no_card_is() {
        for bytes in [0, 15, 17, 33] {
            let wrong = CardProfile {
                key_bytes: bytes,
                ..profile()
            };
            assert_eq!(wrong.checked(), Err(ProfileError::KeyBytes(bytes)));
        }
        let many: Vec<String> = (0..17).map(|n| n.to_string()).collect();
        for wrong in [
            many,
            vec![String::new()],
            vec!["x".repeat(101)],
            vec!["a\u{7}b".to_owned()],
        ] {
            let wrong = CardProfile {
                certifications: wrong,
                ..profile()
            };
            assert_eq!(wrong.checked(), Err(ProfileError::Certifications));
        }
        let longest = CardProfile {
            certifications: vec!["x".repeat(100); 1],
            ..profile()
        };
        assert!(longest.checked().is_ok());
    }

    #[test]
    fn only_certifications_may_change() {
        let known = profile();
        let certified = CardProfile {
            certifications: Vec::new(),
            ..profile()
        };
        assert_eq!(certified.follows(&known), Ok(()));
        let other = CardProfile {
            memory_bytes: 1,
            ..profile()
        };
        assert_eq!(other.follows(&known), Err(ProfileError::Exists));
    }
}
