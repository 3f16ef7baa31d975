//! Keys as they arrive: their components decrypted, checked and named (G 11.8.2.3, 11.11.4).
//!
//! AES keys in every role, TLS pre-shared keys, RSA and EC keys, public and private. DES keys are refused: nothing on this
//! card could use one.

use globalplatform::commands::put_key::{PutKey, PutKeyField, SecretBlock};
use globalplatform::key::{CurveReference, KeyType};
use globalplatform::status_word::StatusWord;
use scp03::DekKey;
use scp03::put_key::{PutKeyError, receive_keys};
use zeroize::Zeroizing;

use crate::security_domain::{Attributes, StoredKey, StoredPart};
use crate::signature_key::{SigningKey, VerifyingKey};

/// Bytes of an RSA modulus: 1024 to 4096 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 128..=512;
/// Longest public exponent and shortest and longest pre-shared key, in bytes.
const MAX_EXPONENT: usize = 4;
const PSK_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// The keys of a PUT KEY, each under its identifier.
///
/// # Errors
/// 6982 for a check value that does not belong to its key, 6A80 for anything else.
pub(super) fn of_put_key(put: &PutKey, dek: &DekKey) -> Result<Vec<StoredKey>, StatusWord> {
    let ids = put.first_id..=0x7F;
    let keys: Vec<StoredKey> = ids
        .zip(&put.keys)
        .map(|(id, field)| of_field(put, id, field, dek))
        .collect::<Result<_, _>>()?;
    if keys.len() == put.keys.len() {
        Ok(keys)
    } else {
        Err(StatusWord::WRONG_DATA)
    }
}

fn of_field(
    put: &PutKey,
    id: u8,
    field: &PutKeyField,
    dek: &DekKey,
) -> Result<StoredKey, StatusWord> {
    let attributes = field.attributes.clone().map(|a| Attributes {
        usage: a.usage,
        access: a.access,
    });
    if field.key_type == KeyType::AES.0 {
        if field.kcv.is_empty() {
            // A wrong one is 6982, none at all is a malformed command (G 11.8.2.3.3).
            return Err(StatusWord::WRONG_DATA);
        }
        let single = PutKey {
            first_id: id,
            keys: vec![field.clone()],
            ..put.clone()
        };
        let received = receive_keys(&single, dek).map_err(|e: PutKeyError| e.status_word())?;
        let received = received.first().ok_or(StatusWord::WRONG_DATA)?;
        let mut key = StoredKey::aes(put.new_version, id, received.key.danger_bytes(), attributes);
        key.cmac_length = received.cmac_length;
        return Ok(key);
    }
    if !field.kcv.is_empty() {
        return Err(StatusWord::WRONG_DATA);
    }
    let further = field.components.iter().map(|c| (c.key_type, &c.block));
    let parts = std::iter::once((field.key_type, &field.block))
        .chain(further)
        .map(|(key_type, block)| component(key_type, block, dek))
        .collect::<Result<Vec<_>, _>>()?;
    asymmetric(put.new_version, id, parts, attributes)
}

/// A component in clear.
fn component(key_type: u8, block: &[u8], dek: &DekKey) -> Result<StoredPart, StatusWord> {
    let bytes = if KeyType(key_type).is_encrypted() {
        decrypt(block, dek)?
    } else {
        Zeroizing::new(block.to_vec())
    };
    Ok(StoredPart { key_type, bytes })
}

fn decrypt(block: &[u8], dek: &DekKey) -> Result<Zeroizing<Vec<u8>>, StatusWord> {
    let wrong = StatusWord::WRONG_DATA;
    let secret = SecretBlock::decode(block, SecretBlock::AES_BLOCK).map_err(|_| wrong)?;
    if secret.cmac_length.is_some() {
        return Err(wrong);
    }
    let mut clear = Zeroizing::new(secret.cipher_text.to_vec());
    dek.decrypt(&mut clear).map_err(|_| wrong)?;
    if let Some(length) = secret.clear_length {
        clear.truncate(length);
    }
    Ok(clear)
}

/// A key that is not AES, if its components make one.
///
/// # Errors
/// 6A80 when they do not.
pub(super) fn asymmetric(
    version: u8,
    id: u8,
    parts: Vec<StoredPart>,
    attributes: Option<Attributes>,
) -> Result<StoredKey, StatusWord> {
    let key = StoredKey {
        version,
        id,
        parts,
        attributes,
        cmac_length: None,
        counter: None,
    };
    if is_complete(&key) {
        Ok(key)
    } else {
        Err(StatusWord::WRONG_DATA)
    }
}

/// Whether the components are those of one key that this card can use: on P-256 or P-384, or RSA with odd numbers.
fn is_complete(key: &StoredKey) -> bool {
    let mut types: Vec<KeyType> = key.parts.iter().map(|p| KeyType(p.key_type)).collect();
    types.sort_unstable();
    let length = |key_type| key.part(key_type).map_or(0, <[u8]>::len);
    let coordinate = || {
        let reference = key.part(KeyType::EC_CURVE_REFERENCE);
        let curve = reference.and_then(|bytes| CurveReference::decode(bytes).ok())?;
        curve.coordinate_length()
    };
    let is_odd = |key_type| {
        let bytes = key.part(key_type);
        bytes
            .and_then(<[u8]>::last)
            .is_some_and(|byte| byte % 2 == 1)
    };
    let modulus = |key_type| {
        let has_its_length = key
            .part(key_type)
            .is_some_and(|bytes| !bytes.starts_with(&[0x00]));
        RSA_BYTES.contains(&length(key_type)) && has_its_length && is_odd(key_type)
    };
    match types.as_slice() {
        [KeyType::TLS_PSK] => PSK_BYTES.contains(&length(KeyType::TLS_PSK)),
        [KeyType::RSA_PUBLIC_EXPONENT, KeyType::RSA_MODULUS] => {
            modulus(KeyType::RSA_MODULUS)
                && (1..=MAX_EXPONENT).contains(&length(KeyType::RSA_PUBLIC_EXPONENT))
                && VerifyingKey::of(key).is_some()
        }
        [KeyType::RSA_PRIVATE_MODULUS, KeyType::RSA_PRIVATE_EXPONENT] => {
            modulus(KeyType::RSA_PRIVATE_MODULUS)
                && length(KeyType::RSA_PRIVATE_EXPONENT) <= length(KeyType::RSA_PRIVATE_MODULUS)
                && is_odd(KeyType::RSA_PRIVATE_EXPONENT)
        }
        [KeyType::EC_PUBLIC, KeyType::EC_CURVE_REFERENCE] => {
            coordinate().is_some_and(|coordinate| length(KeyType::EC_PUBLIC) == 2 * coordinate + 1)
                && VerifyingKey::of(key).is_some()
        }
        [KeyType::EC_PRIVATE, KeyType::EC_CURVE_REFERENCE] => {
            coordinate().is_some_and(|coordinate| length(KeyType::EC_PRIVATE) == coordinate)
                && SigningKey::of(key).is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parts: &[(KeyType, &[u8])]) -> Result<StoredKey, StatusWord> {
        let parts = parts.iter().map(|(key_type, bytes)| StoredPart {
            key_type: key_type.0,
            bytes: Zeroizing::new(bytes.to_vec()),
        });
        asymmetric(0x70, 1, parts.collect(), None)
    }

    fn p256() -> Vec<u8> {
        let key = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        key.public_key().to_sec1_bytes().into_vec()
    }

    fn p384() -> Vec<u8> {
        let key = p384::SecretKey::from_slice(&[7; 48]).unwrap();
        key.public_key().to_sec1_bytes().into_vec()
    }

    #[test]
    fn components_must_make_one_key() {
        use KeyType as T;
        let (p256, p384) = (p256(), p384());
        for good in [
            &[
                (T::RSA_MODULUS, &[0xC1; 128][..]),
                (T::RSA_PUBLIC_EXPONENT, &[1, 0, 1]),
            ][..],
            &[
                (T::RSA_PUBLIC_EXPONENT, &[0, 0, 0, 3]),
                (T::RSA_MODULUS, &[0xC1; 512]),
            ],
            &[(T::EC_PUBLIC, &p256), (T::EC_CURVE_REFERENCE, &[0])],
            &[(T::EC_PUBLIC, &p384), (T::EC_CURVE_REFERENCE, &[1])],
            &[(T::EC_PRIVATE, &[7; 32]), (T::EC_CURVE_REFERENCE, &[0])],
            &[(T::EC_PRIVATE, &[7; 48]), (T::EC_CURVE_REFERENCE, &[1])],
            &[(T::TLS_PSK, &[0; 16])],
            &[(T::TLS_PSK, &[0; 64])],
            &[
                (T::RSA_PRIVATE_MODULUS, &[0xC1; 256]),
                (T::RSA_PRIVATE_EXPONENT, &[1; 256]),
            ],
        ] {
            assert!(made(good).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[(T::DES, &[1; 16][..])],
            &[(T::RSA_MODULUS, &[0xC1; 128])],
            &[
                (T::RSA_MODULUS, &[0xC1; 127]),
                (T::RSA_PUBLIC_EXPONENT, &[3]),
            ],
            &[
                (T::RSA_MODULUS, &[0xC1; 513]),
                (T::RSA_PUBLIC_EXPONENT, &[3]),
            ],
            &[
                (T::RSA_MODULUS, &[0xC1; 128]),
                (T::RSA_PUBLIC_EXPONENT, &[]),
            ],
            &[
                (T::RSA_MODULUS, &[0xC1; 128]),
                (T::RSA_PUBLIC_EXPONENT, &[0, 0, 0, 0, 3]),
            ],
            &[(T::EC_PUBLIC, &p256[..64]), (T::EC_CURVE_REFERENCE, &[0])],
            &[(T::EC_PUBLIC, &p256)],
            &[(T::EC_PRIVATE, &[7; 33]), (T::EC_CURVE_REFERENCE, &[0])],
            &[(T::EC_PRIVATE, &[7; 31]), (T::EC_CURVE_REFERENCE, &[0])],
            &[(T::EC_PRIVATE, &[7; 32]), (T::EC_CURVE_REFERENCE, &[1])],
            &[(T::TLS_PSK, &[0; 15])],
            &[(T::TLS_PSK, &[0; 65])],
            &[
                (T::RSA_PRIVATE_MODULUS, &[0xC1; 256]),
                (T::RSA_PRIVATE_EXPONENT, &[1; 257]),
            ],
        ] {
            assert_eq!(made(bad), Err(StatusWord::WRONG_DATA), "{bad:?}");
        }
    }

    #[test]
    fn numbers_that_are_no_key_are_refused() {
        use KeyType as T;
        let mut off_the_curve = p256();
        off_the_curve[64] ^= 1;
        let (even, long) = (
            [&[0xC1; 127][..], &[0xC0]].concat(),
            [&[0][..], &[0xC1; 128]].concat(),
        );
        for bad in [
            &[
                (T::EC_PUBLIC, &off_the_curve[..]),
                (T::EC_CURVE_REFERENCE, &[0]),
            ][..],
            &[(T::EC_PUBLIC, &p256()), (T::EC_CURVE_REFERENCE, &[3])],
            &[(T::EC_PUBLIC, &p384()), (T::EC_CURVE_REFERENCE, &[5])],
            &[(T::EC_PUBLIC, &[4; 133]), (T::EC_CURVE_REFERENCE, &[2])],
            &[(T::EC_PUBLIC, &[4; 129]), (T::EC_CURVE_REFERENCE, &[7])],
            &[(T::EC_PRIVATE, &[0; 32]), (T::EC_CURVE_REFERENCE, &[0])],
            &[(T::EC_PRIVATE, &[0xFF; 32]), (T::EC_CURVE_REFERENCE, &[0])],
            &[(T::EC_PRIVATE, &[7; 32]), (T::EC_CURVE_REFERENCE, &[3])],
            &[(T::RSA_MODULUS, &even), (T::RSA_PUBLIC_EXPONENT, &[3])],
            &[(T::RSA_MODULUS, &long), (T::RSA_PUBLIC_EXPONENT, &[3])],
            &[
                (T::RSA_MODULUS, &[0xC1; 128]),
                (T::RSA_PUBLIC_EXPONENT, &[1]),
            ],
            &[
                (T::RSA_MODULUS, &[0xC1; 128]),
                (T::RSA_PUBLIC_EXPONENT, &[2]),
            ],
            &[
                (T::RSA_PRIVATE_MODULUS, &even),
                (T::RSA_PRIVATE_EXPONENT, &[1; 128]),
            ],
            &[
                (T::RSA_PRIVATE_MODULUS, &[0xC1; 128]),
                (T::RSA_PRIVATE_EXPONENT, &[2; 128]),
            ],
        ] {
            assert_eq!(made(bad), Err(StatusWord::WRONG_DATA), "{bad:?}");
        }
    }
}
