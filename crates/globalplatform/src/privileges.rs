//! Privileges of applications and security domains (G 6.6, Tables 6-1 and 11-7 to 11-9).

use core::{fmt, ops::BitOr};

use crate::error::DecodeError;

/// A set of privileges in three bytes, b8 of the first byte first.
///
/// DAP Verification, Delegated Management and Mandated DAP Verification are single bits here; in
/// the specification's tables they include the bits that they need ([`check`](Self::check)).
///
/// ```
/// use globalplatform::privileges::Privileges;
///
/// let domain = Privileges::SECURITY_DOMAIN | Privileges::TRUSTED_PATH;
/// assert_eq!(domain.to_bytes(), [0x80, 0x80, 0x00]);
/// assert_eq!(domain.to_string(), "Security Domain, Trusted Path");
/// assert_eq!(Privileges::from_bytes(&[0x80]), Ok(domain));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Privileges(pub [u8; 3]);

/// A set of privileges that contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// One privilege is useless without another.
    #[error("{privilege} needs {needed}")]
    Needs {
        /// The privilege that is there.
        privilege: &'static str,
        /// The one that is not.
        needed: &'static str,
    },
    /// Two privileges exclude each other.
    #[error("{privilege} excludes {excluded}")]
    Excludes {
        /// The one privilege.
        privilege: &'static str,
        /// The other.
        excluded: &'static str,
    },
    /// Bits are set that mean nothing.
    #[error("reserved privilege bits are set")]
    Reserved,
}

const NAMES: [(Privileges, &str); 20] = [
    (Privileges::SECURITY_DOMAIN, "Security Domain"),
    (Privileges::DAP_VERIFICATION, "DAP Verification"),
    (Privileges::DELEGATED_MANAGEMENT, "Delegated Management"),
    (Privileges::CARD_LOCK, "Card Lock"),
    (Privileges::CARD_TERMINATE, "Card Terminate"),
    (Privileges::CARD_RESET, "Card Reset"),
    (Privileges::CVM_MANAGEMENT, "CVM Management"),
    (Privileges::MANDATED_DAP, "Mandated DAP Verification"),
    (Privileges::TRUSTED_PATH, "Trusted Path"),
    (Privileges::AUTHORIZED_MANAGEMENT, "Authorized Management"),
    (Privileges::TOKEN_VERIFICATION, "Token Verification"),
    (Privileges::GLOBAL_DELETE, "Global Delete"),
    (Privileges::GLOBAL_LOCK, "Global Lock"),
    (Privileges::GLOBAL_REGISTRY, "Global Registry"),
    (Privileges::FINAL_APPLICATION, "Final Application"),
    (Privileges::GLOBAL_SERVICE, "Global Service"),
    (Privileges::RECEIPT_GENERATION, "Receipt Generation"),
    (
        Privileges::CIPHERED_LOAD_FILE,
        "Ciphered Load File Data Block",
    ),
    (Privileges::CONTACTLESS_ACTIVATION, "Contactless Activation"),
    (
        Privileges::CONTACTLESS_SELF_ACTIVATION,
        "Contactless Self-Activation",
    ),
];

/// Privileges that only a security domain can have.
const OF_SECURITY_DOMAINS: Privileges = Privileges([0x61, 0xE0, 0xC0]);
/// Privileges that Delegated Management excludes.
const NOT_DELEGATED: Privileges = Privileges([0, 0x60, 0x80]);
/// Bits without meaning: b4 to b1 of the third byte.
const RESERVED: Privileges = Privileges([0, 0, 0x0F]);

impl Privileges {
    /// None.
    pub const NONE: Self = Self([0, 0, 0]);
    /// The application is a security domain.
    pub const SECURITY_DOMAIN: Self = Self([0x80, 0, 0]);
    /// Verifies signatures over load files that ask for it.
    pub const DAP_VERIFICATION: Self = Self([0x40, 0, 0]);
    /// Manages content with tokens.
    pub const DELEGATED_MANAGEMENT: Self = Self([0x20, 0, 0]);
    /// May lock the card.
    pub const CARD_LOCK: Self = Self([0x10, 0, 0]);
    /// May terminate the card.
    pub const CARD_TERMINATE: Self = Self([0x08, 0, 0]);
    /// May change the historical bytes; selected by default.
    pub const CARD_RESET: Self = Self([0x04, 0, 0]);
    /// May manage the global PIN.
    pub const CVM_MANAGEMENT: Self = Self([0x02, 0, 0]);
    /// Verifies signatures over every load file.
    pub const MANDATED_DAP: Self = Self([0x01, 0, 0]);
    /// Passes data to its applications.
    pub const TRUSTED_PATH: Self = Self([0, 0x80, 0]);
    /// Manages content without tokens.
    pub const AUTHORIZED_MANAGEMENT: Self = Self([0, 0x40, 0]);
    /// Verifies tokens of delegated management.
    pub const TOKEN_VERIFICATION: Self = Self([0, 0x20, 0]);
    /// May delete any content.
    pub const GLOBAL_DELETE: Self = Self([0, 0x10, 0]);
    /// May lock and unlock any application.
    pub const GLOBAL_LOCK: Self = Self([0, 0x08, 0]);
    /// May read any registry entry.
    pub const GLOBAL_REGISTRY: Self = Self([0, 0x04, 0]);
    /// The only application that can be selected on a locked card.
    pub const FINAL_APPLICATION: Self = Self([0, 0x02, 0]);
    /// Offers services to other applications.
    pub const GLOBAL_SERVICE: Self = Self([0, 0x01, 0]);
    /// Generates receipts of delegated management.
    pub const RECEIPT_GENERATION: Self = Self([0, 0, 0x80]);
    /// Requires ciphered load files.
    pub const CIPHERED_LOAD_FILE: Self = Self([0, 0, 0x40]);
    /// May switch the contactless life cycle of others.
    pub const CONTACTLESS_ACTIVATION: Self = Self([0, 0, 0x20]);
    /// May switch its own contactless life cycle.
    pub const CONTACTLESS_SELF_ACTIVATION: Self = Self([0, 0, 0x10]);

    /// Decodes one or three bytes. With one byte a security domain gets Trusted Path, nobody
    /// anything else.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] at offset 0 for any other length.
    pub const fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        match *bytes {
            [a, b, c] => Ok(Self([a, b, c])),
            [a] if a & 0x80 != 0 => Ok(Self([a, 0x80, 0])),
            [a] => Ok(Self([a, 0, 0])),
            _ => Err(DecodeError::InvalidLength { offset: 0 }),
        }
    }

    /// As [`from_bytes`](Self::from_bytes), for a field that begins at `offset`.
    pub(crate) fn decode(bytes: &[u8], offset: usize) -> Result<Self, DecodeError> {
        Self::from_bytes(bytes).map_err(|_| DecodeError::InvalidLength { offset })
    }

    /// The three bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        self.0
    }

    /// Whether all of `other` are in the set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        a & x == x && b & y == y && c & z == z
    }

    /// Whether any of `other` is in the set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        a & x != 0 || b & y != 0 || c & z != 0
    }

    /// The privileges of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a | x, b | y, c | z])
    }

    /// The privileges that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a & x, b & y, c & z])
    }

    /// The privileges that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a & !x, b & !y, c & !z])
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self.0, [0, 0, 0])
    }

    /// The names of the privileges in the set, in the order of their bits.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .filter(move |(privilege, _)| self.contains(*privilege))
            .map(|(_, name)| name)
    }

    /// Checks what each privilege needs and excludes (G Table 6-1 and 11-7): what belongs to security
    /// domains needs Security Domain, Mandated DAP needs DAP Verification, Authorized Management
    /// excludes Delegated Management, which excludes Token Verification and Receipt Generation.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn check(self) -> Result<(), PrivilegeError> {
        if self.intersects(RESERVED) {
            return Err(PrivilegeError::Reserved);
        }
        let of_domains = self.intersection(OF_SECURITY_DOMAINS).names().next();
        if let Some(privilege) = of_domains
            && !self.contains(Self::SECURITY_DOMAIN)
        {
            return Err(PrivilegeError::Needs {
                privilege,
                needed: "Security Domain",
            });
        }
        if self.contains(Self::MANDATED_DAP) && !self.contains(Self::DAP_VERIFICATION) {
            return Err(PrivilegeError::Needs {
                privilege: "Mandated DAP Verification",
                needed: "DAP Verification",
            });
        }
        let excluded = self.intersection(NOT_DELEGATED).names().next();
        if let Some(excluded) = excluded
            && self.contains(Self::DELEGATED_MANAGEMENT)
        {
            return Err(PrivilegeError::Excludes {
                privilege: "Delegated Management",
                excluded,
            });
        }
        Ok(())
    }
}

impl BitOr for Privileges {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Display for Privileges {
    /// The names, separated by commas; "none" for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        if self.names().next().is_none() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a:02X}{b:02X}{c:02X} ({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};
    use proptest::prelude::*;

    #[test]
    fn every_defined_bit_has_one_name() {
        let all = NAMES.into_iter().fold(Privileges::NONE, |all, (one, _)| {
            assert!(!all.intersects(one));
            all | one
        });
        assert_eq!(all.to_bytes(), [0xFF, 0xFF, 0xF0]);
    }

    #[test]
    fn the_names_follow_the_bits() {
        let all = Privileges([0xFF, 0xFF, 0xFF]);
        let names: alloc::vec::Vec<_> = all.names().collect();
        assert_eq!(
            names,
            [
                "Security Domain",
                "DAP Verification",
                "Delegated Management",
                "Card Lock",
                "Card Terminate",
                "Card Reset",
                "CVM Management",
                "Mandated DAP Verification",
                "Trusted Path",
                "Authorized Management",
                "Token Verification",
                "Global Delete",
                "Global Lock",
                "Global Registry",
                "Final Application",
                "Global Service",
                "Receipt Generation",
                "Ciphered Load File Data Block",
                "Contactless Activation",
                "Contactless Self-Activation",
            ]
        );
        for (bit, name) in names.into_iter().enumerate() {
            let mut bytes = [0; 3];
            bytes[bit / 8] = 0x80 >> (bit % 8);
            assert_eq!(Privileges(bytes).to_string(), name);
        }
    }

    #[test]
    fn set_operations_look_at_all_three_bytes() {
        let all = Privileges([0x11, 0x22, 0x44]);
        for part in [[0x11, 0, 0], [0, 0x22, 0], [0, 0, 0x44]].map(Privileges) {
            assert!(all.contains(part) && all.intersects(part));
            assert!(!part.contains(all) && !part.is_empty());
            assert_eq!(all.intersection(part), part);
            assert_eq!(all.without(part) | part, all);
            assert_ne!(all.without(part), all);
        }
        let others = Privileges([0x20, 0x40, 0x80]);
        assert!(!all.intersects(others) && !all.contains(others));
        assert_eq!(all.without(others), all);
        assert_eq!((all | others).to_bytes(), [0x31, 0x62, 0xC4]);
        assert!(all.contains(Privileges::NONE) && !all.intersects(Privileges::NONE));
        assert!(Privileges::NONE.is_empty());
    }

    #[test]
    fn one_byte_gives_a_security_domain_trusted_path() {
        assert_eq!(
            Privileges::from_bytes(&[0xC0]).unwrap().to_bytes(),
            [0xC0, 0x80, 0]
        );
        assert_eq!(
            Privileges::from_bytes(&[0x04]).unwrap(),
            Privileges::CARD_RESET
        );
        for bad in [&[][..], &[0x80, 0], &[0; 4]] {
            assert_eq!(
                Privileges::from_bytes(bad),
                Err(DecodeError::InvalidLength { offset: 0 })
            );
        }
    }

    #[test]
    fn prints_names() {
        assert_eq!(Privileges::NONE.to_string(), "none");
        assert_eq!(
            (Privileges::CARD_LOCK | Privileges::CARD_RESET | Privileges::GLOBAL_LOCK).to_string(),
            "Card Lock, Card Reset, Global Lock"
        );
        let issuer = Privileges([0x9E, 0xFE, 0x80]);
        assert_eq!(issuer.names().count(), 13);
        assert_eq!(
            format!("{:?}", Privileges::CARD_RESET),
            "040000 (Card Reset)"
        );
    }

    #[test]
    fn accepts_the_sets_seen_on_cards() {
        for bytes in [
            [0x9E, 0xFE, 0x80],
            [0x82, 0xFC, 0x80],
            [0x80, 0xC0, 0x00],
            [0xC1, 0x80, 0x00],
            [0xA0, 0x80, 0x00],
            [0x00, 0x00, 0x00],
            [0x04, 0x02, 0x30],
        ] {
            assert_eq!(Privileges(bytes).check(), Ok(()), "{bytes:02X?}");
        }
    }

    #[test]
    fn refuses_sets_that_contradict_themselves() {
        let refused = |bytes| Privileges(bytes).check().unwrap_err().to_string();
        assert_eq!(
            refused([0x40, 0, 0]),
            "DAP Verification needs Security Domain"
        );
        assert_eq!(refused([0, 0x80, 0]), "Trusted Path needs Security Domain");
        assert_eq!(
            refused([0x81, 0, 0]),
            "Mandated DAP Verification needs DAP Verification"
        );
        assert_eq!(
            refused([0xA0, 0x40, 0]),
            "Delegated Management excludes Authorized Management"
        );
        assert_eq!(
            refused([0xA0, 0, 0x80]),
            "Delegated Management excludes Receipt Generation"
        );
        assert_eq!(
            refused([0xA0, 0x20, 0]),
            "Delegated Management excludes Token Verification"
        );
        for reserved in [0x01, 0x02, 0x04, 0x08] {
            assert_eq!(refused([0, 0, reserved]), "reserved privilege bits are set");
        }
        for (bytes, name) in [
            ([0x20, 0, 0], "Delegated Management"),
            ([0x01, 0, 0], "Mandated DAP Verification"),
            ([0, 0x40, 0], "Authorized Management"),
            ([0, 0x20, 0], "Token Verification"),
            ([0, 0, 0x80], "Receipt Generation"),
            ([0, 0, 0x40], "Ciphered Load File Data Block"),
        ] {
            assert_eq!(
                refused(bytes),
                alloc::format!("{name} needs Security Domain")
            );
        }
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_bits(a: [u8; 3], b: [u8; 3]) {
            let (a, b) = (Privileges(a), Privileges(b));
            prop_assert!((a | b).contains(a));
            prop_assert!(!a.without(b).intersects(b));
            prop_assert_eq!(a.without(b) | b, a | b);
            prop_assert_eq!(Privileges::from_bytes(&a.to_bytes()).unwrap(), a);
            let _ = a.check();
        }
    }
}
