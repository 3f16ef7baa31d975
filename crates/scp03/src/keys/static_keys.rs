//! A whole set of static keys, and KDF3 diversification from a master key.

use zeroize::Zeroizing;

use super::{DekKey, EncKey, KeyBytes, KeyError, MacKey, MasterKey};

/// The three static keys of one key version, all of one length (Amendment D 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticKeys {
    /// Key-ENC, identifier 01.
    pub enc: EncKey,
    /// Key-MAC, identifier 02.
    pub mac: MacKey,
    /// Key-DEK, identifier 03.
    pub dek: DekKey,
}

impl StaticKeys {
    /// Puts three keys together.
    ///
    /// # Errors
    /// The keys have different lengths.
    pub fn new(enc: EncKey, mac: MacKey, dek: DekKey) -> Result<Self, KeyError> {
        if enc.0.length() != mac.0.length() || mac.0.length() != dek.0.length() {
            return Err(KeyError::MixedLengths);
        }
        Ok(Self { enc, mac, dek })
    }

    /// Takes the bytes of ENC, MAC and DEK.
    ///
    /// # Errors
    /// A length is not of AES, or the lengths differ.
    pub fn from_bytes(enc: &[u8], mac: &[u8], dek: &[u8]) -> Result<Self, KeyError> {
        Self::new(
            EncKey::from_bytes(enc)?,
            MacKey::from_bytes(mac)?,
            DekKey::from_bytes(dek)?,
        )
    }

    /// Check values of ENC, MAC and DEK.
    pub fn check_values(&self) -> [[u8; 3]; 3] {
        [
            self.enc.check_value(),
            self.mac.check_value(),
            self.dek.check_value(),
        ]
    }

    /// Diversifies the keys of one card: block i is `AES-CMAC(master, i | 000000 k 00 | kdd)` with
    /// k = 01, 02, 03 for ENC, MAC, DEK. `kdd` is the key diversification data that the card
    /// answers to INITIALIZE UPDATE.
    pub fn kdf3(master: &MasterKey, kdd: &[u8; 10]) -> Self {
        let diversify = |role: u8| {
            let mut key = master.0.blank();
            for (i, block) in (1u8..).zip(key.as_mut_slice().chunks_mut(16)) {
                let mac = Zeroizing::new(master.0.cmac(&[&[i, 0, 0, 0, role, 0], kdd]));
                block.copy_from_slice(&mac[..block.len()]);
            }
            key
        };
        Self {
            enc: EncKey(diversify(1)),
            mac: MacKey(diversify(2)),
            dek: DekKey(diversify(3)),
        }
    }

    /// The bytes of ENC, MAC and DEK, in the order of their identifiers.
    pub(crate) fn bytes(&self) -> [&KeyBytes; 3] {
        [&self.enc.0, &self.mac.0, &self.dek.0]
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn refuses_keys_of_different_lengths() {
        assert_eq!(
            StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 32]),
            Err(KeyError::MixedLengths)
        );
        assert_eq!(
            StaticKeys::from_bytes(&[1; 24], &[2; 16], &[3; 16]),
            Err(KeyError::MixedLengths)
        );
    }

    #[test]
    fn debug_output_shows_no_key_byte() {
        let keys = StaticKeys::from_bytes(&[0xA7; 16], &[0xA7; 16], &[0xA7; 16]);
        insta::assert_snapshot!(
            format!("{keys:?}"),
            @"Ok(StaticKeys { enc: EncKey(AES-128), mac: MacKey(AES-128), dek: DekKey(AES-128) })"
        );
    }
}
