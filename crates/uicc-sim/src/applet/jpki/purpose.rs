//! What a credential is for. The applet keeps one of each kind, alike but for their numbers and their PINs.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::key::Unusable;

/// The use of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Proves who somebody is: the credential that the mobile service issues.
    Authentication,
    /// Signs documents; only there when somebody personalises it.
    Signature,
}

/// Data groups of the signature credential are those of the authentication credential and this.
const SIGNATURE_GROUPS: u16 = 0x0010;

impl Purpose {
    /// The purpose of a data group, and the tag that the group of the authentication credential has.
    pub(super) const fn of_group(tag: u16) -> (Self, u16) {
        match tag {
            0x9F11..=0x9F19 | 0x8131 | 0x8132 | 0x8147 => (Self::Signature, tag - SIGNATURE_GROUPS),
            _ => (Self::Authentication, tag),
        }
    }

    /// Tries that a fresh or changed PIN has.
    pub(super) const fn pin_tries(self) -> u8 {
        match self {
            Self::Authentication => 3,
            Self::Signature => 5,
        }
    }

    /// Whether these bytes are a PIN: four digits, or six to sixteen of A to Z and 0 to 9.
    fn allows(self, characters: &[u8]) -> bool {
        match self {
            Self::Authentication => {
                characters.len() == 4 && characters.iter().all(u8::is_ascii_digit)
            }
            Self::Signature => {
                let known = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
                (6..=16).contains(&characters.len()) && characters.iter().all(known)
            }
        }
    }
}

/// A PIN in the characters that its purpose allows, as they are typed.
#[derive(Clone)]
pub(super) struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// The PIN in these bytes.
    pub(super) fn new(purpose: Purpose, characters: &[u8]) -> Result<Self, Unusable> {
        if purpose.allows(characters) {
            Ok(Self(Zeroizing::new(characters.to_vec())))
        } else {
            Err(Unusable)
        }
    }

    /// Whether somebody presented this PIN.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        self.0.as_slice().ct_eq(presented).into()
    }

    /// The characters, to be stored.
    pub(super) fn danger_characters(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for Pin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pin(****)")
    }
}

#[cfg(test)]
mod tests {
    use super::Purpose::{Authentication, Signature};
    use super::*;

    #[test]
    fn every_purpose_has_its_pins() {
        for (purpose, right) in [
            (Authentication, &b"0000"[..]),
            (Authentication, b"9999"),
            (Signature, b"ABC123"),
            (Signature, b"000000"),
            (Signature, b"ZZZZZZZZZZZZZZZZ"),
        ] {
            let pin = Pin::new(purpose, right).unwrap();
            assert!(pin.is(right) && !pin.is(&right[1..]) && !pin.is(b""));
            assert_eq!(format!("{pin:?}"), "Pin(****)");
        }
        for (purpose, wrong) in [
            (Authentication, &b"123"[..]),
            (Authentication, b"12345"),
            (Authentication, b"12 4"),
            (Authentication, b"ABCD"),
            (Authentication, b""),
            (Signature, b"ABC12"),
            (Signature, b"ABCDEFGHIJKLMNOPQ"),
            (Signature, b"abc123"),
            (Signature, b"ABC 123"),
            (Signature, b""),
        ] {
            assert_eq!(Pin::new(purpose, wrong).unwrap_err(), Unusable);
        }
    }

    #[test]
    fn groups_of_the_signature_credential_are_sixteen_further_on() {
        for (tag, purpose, own) in [
            (0x9F01, Authentication, 0x9F01),
            (0x9F09, Authentication, 0x9F09),
            (0x9F0A, Authentication, 0x9F0A),
            (0x9F10, Authentication, 0x9F10),
            (0x9F11, Signature, 0x9F01),
            (0x9F19, Signature, 0x9F09),
            (0x9F1A, Authentication, 0x9F1A),
            (0x8121, Authentication, 0x8121),
            (0x8131, Signature, 0x8121),
            (0x8132, Signature, 0x8122),
            (0x8137, Authentication, 0x8137),
            (0x8147, Signature, 0x8137),
        ] {
            assert_eq!(Purpose::of_group(tag), (purpose, own), "{tag:04X}");
        }
    }
}
