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

/// Whether the components are those of one key, in lengths that fit together.
fn is_complete(key: &StoredKey) -> bool {
    let mut types: Vec<KeyType> = key.parts.iter().map(|p| KeyType(p.key_type)).collect();
    types.sort_unstable();
    let length = |key_type| key.part(key_type).map_or(0, <[u8]>::len);
    let coordinate = || {
        let reference = key.part(KeyType::EC_CURVE_REFERENCE);
        let curve = reference.and_then(|bytes| CurveReference::decode(bytes).ok())?;
        curve.coordinate_length()
    };
    let modulus = |key_type| RSA_BYTES.contains(&length(key_type));
    match types.as_slice() {
        [KeyType::TLS_PSK] => PSK_BYTES.contains(&length(KeyType::TLS_PSK)),
        [KeyType::RSA_PUBLIC_EXPONENT, KeyType::RSA_MODULUS] => {
            modulus(KeyType::RSA_MODULUS)
                && (1..=MAX_EXPONENT).contains(&length(KeyType::RSA_PUBLIC_EXPONENT))
        }
        [KeyType::RSA_PRIVATE_MODULUS, KeyType::RSA_PRIVATE_EXPONENT] => {
            modulus(KeyType::RSA_PRIVATE_MODULUS)
                && length(KeyType::RSA_PRIVATE_EXPONENT) <= length(KeyType::RSA_PRIVATE_MODULUS)
        }
        [KeyType::EC_PUBLIC, KeyType::EC_CURVE_REFERENCE] => {
            coordinate().is_some_and(|coordinate| length(KeyType::EC_PUBLIC) == 2 * coordinate + 1)
        }
        [KeyType::EC_PRIVATE, KeyType::EC_CURVE_REFERENCE] => {
            coordinate().is_some_and(|coordinate| length(KeyType::EC_PRIVATE) == coordinate)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[(KeyType, usize)]) -> Result<StoredKey, StatusWord> {
        let parts = parts.iter().map(|(key_type, length)| StoredPart {
            key_type: key_type.0,
            bytes: Zeroizing::new(vec![0; *length]),
        });
        asymmetric(0x70, 1, parts.collect(), None)
    }

    #[test]
    fn components_must_make_one_key() {
        use KeyType as T;
        for good in [
            &[(T::RSA_MODULUS, 128), (T::RSA_PUBLIC_EXPONENT, 3)][..],
            &[(T::RSA_PUBLIC_EXPONENT, 4), (T::RSA_MODULUS, 512)],
            &[(T::EC_PUBLIC, 65), (T::EC_CURVE_REFERENCE, 1)],
            &[(T::EC_PRIVATE, 32), (T::EC_CURVE_REFERENCE, 1)],
            &[(T::TLS_PSK, 16)],
            &[(T::TLS_PSK, 64)],
            &[
                (T::RSA_PRIVATE_MODULUS, 256),
                (T::RSA_PRIVATE_EXPONENT, 256),
            ],
        ] {
            assert!(parts(good).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[(T::DES, 16)],
            &[(T::RSA_MODULUS, 128)],
            &[(T::RSA_MODULUS, 127), (T::RSA_PUBLIC_EXPONENT, 3)],
            &[(T::RSA_MODULUS, 513), (T::RSA_PUBLIC_EXPONENT, 3)],
            &[(T::RSA_MODULUS, 128), (T::RSA_PUBLIC_EXPONENT, 0)],
            &[(T::RSA_MODULUS, 128), (T::RSA_PUBLIC_EXPONENT, 5)],
            &[(T::EC_PUBLIC, 64), (T::EC_CURVE_REFERENCE, 1)],
            &[(T::EC_PUBLIC, 65)],
            &[(T::EC_PRIVATE, 33), (T::EC_CURVE_REFERENCE, 1)],
            &[(T::EC_PRIVATE, 32), (T::EC_CURVE_REFERENCE, 2)],
            &[(T::TLS_PSK, 15)],
            &[(T::TLS_PSK, 65)],
            &[
                (T::RSA_PRIVATE_MODULUS, 256),
                (T::RSA_PRIVATE_EXPONENT, 257),
            ],
        ] {
            assert_eq!(parts(bad), Err(StatusWord::WRONG_DATA), "{bad:?}");
        }
    }
}
