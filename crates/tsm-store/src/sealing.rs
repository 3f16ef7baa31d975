//! Sealing of values to their place in a database, and the keys for it.
//!
//! A sealed value is `01 ‖ nonce (16) ‖ SIV (16) ‖ ciphertext`: AES-SIV (RFC
//! 5297) with AES-256 and a random nonce; associated data are table, row and
//! column, each a string of its own, then the nonce. Moved to another place, or
//! changed, it does not open.

mod root_key;
pub mod siv;

pub(crate) use root_key::hkdf_sha256;
pub use root_key::{Purpose, RootKey};
pub use siv::SivKey;

use tsm_core::ports::{Entropy, SealContext, VaultError};
use zeroize::Zeroizing;

/// First byte of a sealed value.
const FORMAT: u8 = 0x01;
const NONCE: usize = 16;

/// Seals `plaintext` to `context`.
///
/// # Errors
/// [`VaultError::Storage`] when `entropy` gives no nonce.
pub fn seal(
    key: &SivKey,
    entropy: &dyn Entropy,
    context: &SealContext,
    plaintext: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE];
    entropy
        .fill(&mut nonce)
        .map_err(|error| VaultError::Storage(error.to_string()))?;
    let sealed = key.seal(&associated_data(context, &nonce), plaintext);
    Ok([&[FORMAT], &nonce[..], &sealed].concat())
}

/// Opens what [`seal`] made for the same context under the same key.
///
/// # Errors
/// [`VaultError::Unseal`] for anything else.
pub fn unseal(
    key: &SivKey,
    context: &SealContext,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (format, rest) = sealed.split_first().ok_or(VaultError::Unseal)?;
    let (nonce, sealed) = rest
        .split_first_chunk::<NONCE>()
        .ok_or(VaultError::Unseal)?;
    if *format != FORMAT {
        return Err(VaultError::Unseal);
    }
    key.open(&associated_data(context, nonce), sealed)
        .ok_or(VaultError::Unseal)
}

fn associated_data<'a>(context: &'a SealContext, nonce: &'a [u8; NONCE]) -> [&'a [u8]; 4] {
    [
        context.table.as_bytes(),
        context.row.as_bytes(),
        context.column.as_bytes(),
        nonce,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::OsEntropy;

    fn key() -> SivKey {
        RootKey::from_bytes([7; 32]).derive(Purpose::Records)
    }

    fn context() -> SealContext {
        SealContext {
            table: "provider_domain",
            row: "8981".into(),
            column: "initial",
        }
    }

    #[test]
    fn does_not_open_in_another_place() {
        let sealed = seal(&key(), &OsEntropy, &context(), b"secret").unwrap();
        assert_eq!(
            unseal(&key(), &context(), &sealed).unwrap().as_slice(),
            b"secret"
        );
        let others = [
            SealContext {
                table: "credential",
                ..context()
            },
            SealContext {
                row: "8982".into(),
                ..context()
            },
            SealContext {
                column: "other",
                ..context()
            },
            // The same text, cut elsewhere.
            SealContext {
                table: "provider_domain8981",
                row: String::new(),
                ..context()
            },
        ];
        for other in others {
            assert_eq!(unseal(&key(), &other, &sealed), Err(VaultError::Unseal));
        }
    }

    #[test]
    fn does_not_open_under_the_key_of_another_purpose_or_root() {
        let sealed = seal(&key(), &OsEntropy, &context(), b"secret").unwrap();
        let others = [
            RootKey::from_bytes([7; 32]).derive(Purpose::VaultEntries),
            RootKey::from_bytes([8; 32]).derive(Purpose::Records),
        ];
        for other in others {
            assert_eq!(unseal(&other, &context(), &sealed), Err(VaultError::Unseal));
        }
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let seal = || seal(&key(), &OsEntropy, &context(), b"secret").unwrap();
        assert_ne!(seal(), seal());
    }

    proptest! {
        #[test]
        fn opens_to_what_was_sealed(plaintext: Vec<u8>) {
            let sealed = seal(&key(), &OsEntropy, &context(), &plaintext).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + 33);
            prop_assert_eq!(&*unseal(&key(), &context(), &sealed).unwrap(), &plaintext);
        }

        #[test]
        fn refuses_one_changed_bit(
            plaintext: [u8; 20],
            place in any::<prop::sample::Index>(),
            bit in 0..8,
        ) {
            let mut sealed = seal(&key(), &OsEntropy, &context(), &plaintext).unwrap();
            *place.get_mut(&mut sealed) ^= 1_u8 << bit;
            prop_assert_eq!(unseal(&key(), &context(), &sealed), Err(VaultError::Unseal));
        }

        #[test]
        fn refuses_any_other_bytes(bytes: Vec<u8>) {
            prop_assert_eq!(unseal(&key(), &context(), &bytes), Err(VaultError::Unseal));
        }
    }
}
