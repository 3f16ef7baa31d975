//! What a key may be used for, and by whom (G 11.1.9 and 11.1.10).

use alloc::vec::Vec;
use core::fmt;

use crate::error::DecodeError;

/// Key usage qualifier (G Tables 11-17 and 11-18): one byte, or two.
///
/// ```
/// use globalplatform::key::KeyUsage;
///
/// assert_eq!(KeyUsage::C_R_MAC.to_bytes(), [0x34]);
/// assert_eq!(KeyUsage::decode(&[0xC8])?.to_string(), "C-DEK + R-DEK");
/// # Ok::<(), globalplatform::error::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyUsage(pub [u8; 2]);

impl KeyUsage {
    /// MAC of commands.
    pub const C_MAC: Self = Self([0x14, 0]);
    /// MAC of responses.
    pub const R_MAC: Self = Self([0x24, 0]);
    /// MAC of both.
    pub const C_R_MAC: Self = Self([0x34, 0]);
    /// Encryption of commands.
    pub const C_ENC: Self = Self([0x18, 0]);
    /// Encryption of responses.
    pub const R_ENC: Self = Self([0x28, 0]);
    /// Encryption of both.
    pub const C_R_ENC: Self = Self([0x38, 0]);
    /// Encryption of sensitive data in commands.
    pub const C_DEK: Self = Self([0x48, 0]);
    /// Encryption of sensitive data in responses.
    pub const R_DEK: Self = Self([0x88, 0]);
    /// Encryption of sensitive data in both.
    pub const C_R_DEK: Self = Self([0xC8, 0]);
    /// Public key that authenticates.
    pub const PK_SD_AUT: Self = Self([0x82, 0]);
    /// Private key that authenticates.
    pub const SK_SD_AUT: Self = Self([0x42, 0]);
    /// Tokens of delegated management.
    pub const TOKEN: Self = Self([0x81, 0]);
    /// Receipts of delegated management.
    pub const RECEIPT: Self = Self([0x44, 0]);
    /// Signatures over load files.
    pub const DAP: Self = Self([0x84, 0]);
    /// Key agreement.
    pub const KEY_AGREEMENT: Self = Self([0, 0x80]);

    /// Decodes one byte or two; a missing second byte is 00.
    ///
    /// # Errors
    /// [`DecodeError::InvalidLength`] at offset 0 for any other length.
    pub const fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match *bytes {
            [first] => Ok(Self([first, 0])),
            [first, second] => Ok(Self([first, second])),
            _ => Err(DecodeError::InvalidLength { offset: 0 }),
        }
    }

    /// The qualifier as sent: the second byte is left out when it is 00.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self.0 {
            [first, 0] => Vec::from([first]),
            both => both.into(),
        }
    }

    /// The name of a value that the specification uses.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            [0x14, 0] => "C-MAC",
            [0x24, 0] => "R-MAC",
            [0x34, 0] => "C-MAC + R-MAC",
            [0x18, 0] => "C-ENC",
            [0x28, 0] => "R-ENC",
            [0x38, 0] => "C-ENC + R-ENC",
            [0x48, 0] => "C-DEK",
            [0x88, 0] => "R-DEK",
            [0xC8, 0] => "C-DEK + R-DEK",
            [0x82, 0] => "PK_SD_AUT",
            [0x42, 0] => "SK_SD_AUT",
            [0x81, 0] => "token",
            [0x44, 0] => "receipt",
            [0x84, 0] => "DAP",
            [0x83, 0] => "PK_SD_AUT + token",
            [0x43, 0] => "SK_SD_AUT + receipt",
            [0x86, 0] => "PK_SD_AUT + DAP",
            [0x87, 0] => "PK_SD_AUT + token + DAP",
            [0, 0x80] => "key agreement",
            _ => return None,
        })
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.0) {
            (Some(name), _) => f.write_str(name),
            (None, [first, 0]) => write!(f, "usage {first:02X}"),
            (None, [first, second]) => write!(f, "usage {first:02X}{second:02X}"),
        }
    }
}

/// Who may use a key (G Table 11-19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyAccess(pub u8);

impl KeyAccess {
    /// The security domain and its applications.
    pub const DOMAIN_AND_APPLICATIONS: Self = Self(0x00);
    /// The security domain alone.
    pub const DOMAIN: Self = Self(0x01);
    /// The applications of the security domain, not itself.
    pub const APPLICATIONS: Self = Self(0x02);
    /// Not available.
    pub const NOT_AVAILABLE: Self = Self(0xFF);
}

impl fmt::Display for KeyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0x00 => "security domain and its applications",
            0x01 => "security domain only",
            0x02 => "applications only",
            0x03..=0x1F => "reserved",
            0x20..=0xFE => "proprietary",
            0xFF => "not available",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn names_the_values_of_the_specification() {
        for (usage, text) in [
            (KeyUsage::C_MAC, "C-MAC"),
            (KeyUsage::R_MAC, "R-MAC"),
            (KeyUsage::C_R_MAC, "C-MAC + R-MAC"),
            (KeyUsage::C_ENC, "C-ENC"),
            (KeyUsage::R_ENC, "R-ENC"),
            (KeyUsage::C_R_ENC, "C-ENC + R-ENC"),
            (KeyUsage::C_DEK, "C-DEK"),
            (KeyUsage::R_DEK, "R-DEK"),
            (KeyUsage::C_R_DEK, "C-DEK + R-DEK"),
            (KeyUsage::PK_SD_AUT, "PK_SD_AUT"),
            (KeyUsage::SK_SD_AUT, "SK_SD_AUT"),
            (KeyUsage::TOKEN, "token"),
            (KeyUsage::RECEIPT, "receipt"),
            (KeyUsage::DAP, "DAP"),
            (KeyUsage([0x83, 0]), "PK_SD_AUT + token"),
            (KeyUsage([0x43, 0]), "SK_SD_AUT + receipt"),
            (KeyUsage([0x86, 0]), "PK_SD_AUT + DAP"),
            (KeyUsage([0x87, 0]), "PK_SD_AUT + token + DAP"),
            (KeyUsage::KEY_AGREEMENT, "key agreement"),
            (KeyUsage([0x5C, 0]), "usage 5C"),
            (KeyUsage([0x14, 1]), "usage 1401"),
        ] {
            assert_eq!(usage.to_string(), text);
        }
    }

    #[test]
    fn refuses_no_byte_and_three() {
        for bytes in [&[][..], &[1, 2, 3]] {
            let error = KeyUsage::decode(bytes);
            assert_eq!(error, Err(DecodeError::InvalidLength { offset: 0 }));
        }
    }

    #[test]
    fn prints_who_may_use_a_key() {
        for (access, text) in [
            (
                KeyAccess::DOMAIN_AND_APPLICATIONS,
                "security domain and its applications",
            ),
            (KeyAccess::DOMAIN, "security domain only"),
            (KeyAccess::APPLICATIONS, "applications only"),
            (KeyAccess(0x03), "reserved"),
            (KeyAccess(0x1F), "reserved"),
            (KeyAccess(0x20), "proprietary"),
            (KeyAccess(0xFE), "proprietary"),
            (KeyAccess::NOT_AVAILABLE, "not available"),
        ] {
            assert_eq!(access.to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn round_trips(usage: [u8; 2]) {
            let usage = KeyUsage(usage);
            prop_assert_eq!(KeyUsage::decode(&usage.to_bytes()), Ok(usage));
        }
    }
}
