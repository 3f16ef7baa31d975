//! Keys that a card maker wrapped under a transport key: AES key wrap (RFC 3394, NIST SP 800-38F).

use aes::{Aes128, Aes192, Aes256};
use aes_kw::{AesKw, KeyInit};
use tsm_core::ports::VaultError;
use zeroize::Zeroizing;

/// Longest wrapped key that is opened: one AES-256 key.
const LONGEST: usize = 40;

/// Whether this is the length of an AES key.
pub(super) fn check(key: &[u8]) -> Result<(), VaultError> {
    match key.len() {
        16 | 24 | 32 => Ok(()),
        length => Err(VaultError::Storage(format!(
            "a transport key has 16, 24 or 32 bytes, not {length}"
        ))),
    }
}

/// Opens a wrapped key; [`VaultError::Unseal`] when it was not wrapped under `key`.
pub(super) fn unwrap(key: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    if wrapped.len() > LONGEST {
        return Err(VaultError::Unseal);
    }
    let mut opened = Zeroizing::new(vec![0; wrapped.len().saturating_sub(8)]);
    // The shortest wrapping has two blocks (RFC 3394, 2.2.1).
    if opened.len() < 16 {
        return Err(VaultError::Unseal);
    }
    macro_rules! unwrap_with {
        ($cipher:ty) => {
            AesKw::<$cipher>::new_from_slice(key)
                .map_err(|_| VaultError::Unseal)?
                .unwrap_key(wrapped, &mut opened)
                .map(drop)
        };
    }
    let done = match key.len() {
        16 => unwrap_with!(Aes128),
        24 => unwrap_with!(Aes192),
        32 => unwrap_with!(Aes256),
        _ => return Err(VaultError::Unseal),
    };
    done.map_err(|_| VaultError::Unseal)?;
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// RFC 3394, sections 4.1 to 4.6.
    #[test]
    fn opens_the_examples_of_the_document() {
        let kek = hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        let key = hex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        for (kek_bytes, key_bytes, wrapped) in [
            (16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (24, 16, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"),
            (32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
            (
                24,
                24,
                "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2",
            ),
            (
                32,
                24,
                "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1",
            ),
            (
                32,
                32,
                "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
            ),
        ] {
            let wrapped = hex(wrapped);
            let opened = unwrap(&kek[..kek_bytes], &wrapped).unwrap();
            assert_eq!(opened.as_slice(), &key[..key_bytes]);
            for at in 0..wrapped.len() {
                let mut changed = wrapped.clone();
                changed[at] ^= 1;
                assert_eq!(unwrap(&kek[..kek_bytes], &changed), Err(VaultError::Unseal));
            }
        }
    }

    #[test]
    fn refuses_other_lengths() {
        for length in [0, 8, 16, 23, 25, 41, 48] {
            let opened = unwrap(&[1; 16], &vec![0; length]);
            assert_eq!(opened, Err(VaultError::Unseal), "{length}");
        }
        for length in [0, 15, 17, 33] {
            assert!(check(&vec![0; length]).is_err());
            assert_eq!(unwrap(&vec![0; length], &[0; 24]), Err(VaultError::Unseal));
        }
        assert!(
            [16, 24, 32]
                .iter()
                .all(|length| check(&vec![0; *length]).is_ok())
        );
    }
}
