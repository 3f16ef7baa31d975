//! The key under which all others of a vault lie, and what is derived from it.
//!
//! HKDF-SHA-256 (RFC 5869); the info names the purpose, so that no two purposes
//! ever share a key.

use core::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::siv::SivKey;

/// What a key under the root key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Fields of database records.
    Records,
    /// Entries of the vault itself.
    VaultEntries,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Records => b"tsm seal records v1",
            Self::VaultEntries => b"tsm seal vault entries v1",
        }
    }
}

/// 32 bytes from which every sealing key of a vault comes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RootKey([u8; Self::LENGTH]);

impl RootKey {
    /// Bytes of a root key.
    pub const LENGTH: usize = 32;

    /// Takes its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The sealing key for a purpose.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> SivKey {
        SivKey::from_bytes(&hkdf_sha256(&[], &self.0, &[purpose.label()]))
    }

    /// The sealing key that needs both this root key and the key in a slot.
    #[must_use]
    pub fn derive_with_slot(&self, slot_key: &[u8; 32], slot: u64) -> SivKey {
        let salt = hkdf_sha256::<32>(&[], &self.0, &[b"tsm seal slots v1"]);
        SivKey::from_bytes(&hkdf_sha256(
            &*salt,
            slot_key,
            &[b"slot", &slot.to_be_bytes()],
        ))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey")
    }
}

/// HKDF-SHA-256; the parts of `info` are joined.
pub(crate) fn hkdf_sha256<const N: usize>(
    salt: &[u8],
    secret: &[u8],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "RFC 5869, section 2.3: at most 255 blocks") };
    let mut output = Zeroizing::new([0; N]);
    #[expect(
        clippy::expect_used,
        reason = "fails only above the length that is checked above"
    )]
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand_multi_info(info, &mut *output)
        .expect("at most 255 blocks");
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869, appendix A.1.
    #[test]
    fn expands_as_rfc_5869_does() {
        let salt: Vec<u8> = (0x00..=0x0C).collect();
        let info: Vec<u8> = (0xF0..=0xF9).collect();
        assert_eq!(
            hex::encode(*hkdf_sha256::<42>(&salt, &[0x0B; 22], &[&info])),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        );
    }

    #[test]
    fn every_purpose_and_slot_has_its_own_key() {
        let root = RootKey::from_bytes([1; 32]);
        let keys = [
            root.derive(Purpose::Records),
            root.derive(Purpose::VaultEntries),
            root.derive_with_slot(&[2; 32], 1),
            root.derive_with_slot(&[2; 32], 2),
            root.derive_with_slot(&[3; 32], 1),
            RootKey::from_bytes([4; 32]).derive_with_slot(&[2; 32], 1),
        ];
        let sealed: std::collections::BTreeSet<_> =
            keys.iter().map(|key| key.seal(&[], b"same")).collect();
        assert_eq!(sealed.len(), keys.len());
    }

    #[test]
    fn debug_output_shows_no_key_byte() {
        insta::assert_snapshot!(format!("{:?}", RootKey::from_bytes([0xA7; 32])), @"RootKey");
    }
}
