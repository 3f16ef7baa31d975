//! Name of a credential on the server, and in the slots of the applet.

use core::fmt;

use crate::ports::{Entropy, EntropyError};

/// Sixteen random bytes; as text 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(pub [u8; 16]);

impl CredentialId {
    /// A new one.
    ///
    /// # Errors
    /// [`EntropyError`].
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads 32 lower-case hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes)).filter(|id| id.to_string() == text)
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialId({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_other_spellings() {
        for text in [
            "",
            "00",
            "000102030405060708090A0B0C0D0E0F",
            "zz0102030405060708090a0b0c0d0e0f",
        ] {
            assert_eq!(CredentialId::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(bytes: [u8; 16]) {
            let id = CredentialId(bytes);
            prop_assert_eq!(CredentialId::parse(&id.to_string()), Some(id));
        }
    }
}
