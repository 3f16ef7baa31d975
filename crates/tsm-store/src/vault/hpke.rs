//! HPKE, base mode (RFC 9180): DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
//! AES-128-GCM, without additional data. The work is done by rustls on aws-lc.

use rustls::crypto::aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_128 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey};
use tsm_core::ports::VaultError;
use zeroize::Zeroizing;

/// Bytes of an uncompressed P-256 point.
const POINT: usize = 65;

/// A fresh key pair: `public (65) ‖ private (32)`.
pub(super) fn generate() -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (public, private) = SUITE
        .generate_key_pair()
        .map_err(|error| VaultError::Storage(error.to_string()))?;
    Ok(Zeroizing::new([&public.0, private.secret_bytes()].concat()))
}

pub(super) fn public_key(pair: &[u8]) -> Result<&[u8], VaultError> {
    pair.get(..POINT).ok_or(VaultError::Unseal)
}

pub(super) fn seal(
    public_key: &[u8],
    info: &[u8],
    plaintext: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
    let refused = || VaultError::Storage("the public key is not a point of P-256".to_owned());
    if public_key.len() != POINT {
        return Err(refused());
    }
    let key = HpkePublicKey(public_key.to_vec());
    let (encapsulated, ciphertext) = SUITE
        .seal(info, &[], plaintext, &key)
        .map_err(|_| refused())?;
    Ok((encapsulated.0, ciphertext))
}

pub(super) fn open(
    pair: &[u8],
    info: &[u8],
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let private = pair.get(POINT..).ok_or(VaultError::Unseal)?;
    let private = HpkePrivateKey::from(private.to_vec());
    SUITE
        .open(
            &EncapsulatedSecret(encapsulated_key.to_vec()),
            info,
            &[],
            ciphertext,
            &private,
        )
        .map(Zeroizing::new)
        .map_err(|_| VaultError::Unseal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 9180, appendix A.3.1, sequence number 0. The vector has additional
    /// data, which we never use: it pins the suite.
    #[test]
    fn the_suite_opens_the_vector_of_rfc_9180() {
        let bytes = |text: &str| hex::decode(text).unwrap();
        let private = bytes("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2");
        let encapsulated = EncapsulatedSecret(bytes(
            "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b7\
             8e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
        ));
        let ciphertext = bytes(
            "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f\
             39513434",
        );
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let opened = SUITE
            .open(
                &encapsulated,
                &info,
                b"Count-0",
                &ciphertext,
                &HpkePrivateKey::from(private),
            )
            .unwrap();
        assert_eq!(opened, b"Beauty is truth, truth beauty");
    }

    #[test]
    fn opens_only_with_the_same_info_and_key() {
        let (pair, other) = (generate().unwrap(), generate().unwrap());
        let (encapsulated, ciphertext) =
            seal(public_key(&pair).unwrap(), b"info", b"three keys").unwrap();
        let opened = open(&pair, b"info", &encapsulated, &ciphertext).unwrap();
        assert_eq!(opened.as_slice(), b"three keys");
        assert!(open(&pair, b"other", &encapsulated, &ciphertext).is_err());
        assert!(open(&other, b"info", &encapsulated, &ciphertext).is_err());
    }

    #[test]
    fn refuses_what_is_no_uncompressed_point() {
        let pair = generate().unwrap();
        let point = public_key(&pair).unwrap();
        let mut off_curve = point.to_vec();
        off_curve[64] ^= 1;
        for key in [&off_curve[..], &[], &point[..64], &[0; 65]] {
            assert!(matches!(seal(key, b"", b"x"), Err(VaultError::Storage(_))));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn refuses_any_other_bytes(encapsulated: Vec<u8>, ciphertext: Vec<u8>) {
            let pair = generate().unwrap();
            prop_assert_eq!(
                open(&pair, b"", &encapsulated, &ciphertext),
                Err(VaultError::Unseal)
            );
        }
    }
}
