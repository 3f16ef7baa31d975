//! AES keys inside STORE DATA (G 11.11.4): DGI 00B9 describes the keys, then one DGI 8113 for each
//! holds it, encrypted under the DEK.

use alloc::vec::Vec;

use globalplatform::commands::put_key::AES;
use globalplatform::commands::store_data::{Dgi, DgiReader, DgiRef};
use globalplatform::error::{DecodeError, EncodeError};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Tag, Tlv, Writer};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::keys::{AesKey, DekKey, EncKey, KeyError, MacKey, StaticKeys};

/// DGI of the descriptions.
const DESCRIPTIONS: u16 = 0x00B9;
/// DGI of one symmetric key.
const SECRET_KEY: u16 = 0x8113;
const DESCRIPTION: Tag = Tag(0xB9);

/// Key usage qualifiers of ENC, MAC and DEK, for commands and responses alike (G 11.1.9).
const USAGES: [u8; 3] = [0x38, 0x34, 0xC8];

/// A card cannot take the keys of a STORE DATA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreDataKeysError {
    /// The groupings or the descriptions are malformed.
    #[error("the keys are malformed")]
    Malformed(#[source] DecodeError),
    /// Descriptions and keys do not belong together, or a key is not AES.
    #[error("the keys do not fit their descriptions")]
    Mismatch,
    /// The check value does not belong to the key.
    #[error("the check value of key {id:02X} does not match")]
    CheckValue {
        /// Identifier of the key.
        id: u8,
    },
    /// Not the keys 01, 02 and 03 of one version and length.
    #[error("the keys are not a whole set")]
    NotAKeySet,
}

impl StoreDataKeysError {
    /// What a card answers.
    pub fn status_word(&self) -> StatusWord {
        match self {
            Self::CheckValue { .. } => StatusWord::SECURITY_STATUS,
            _ => StatusWord::WRONG_DATA,
        }
    }
}

impl From<DecodeError> for StoreDataKeysError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// What is said about a key beside the key itself (G table 11-90, tag B9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDescription {
    /// Key usage qualifier (tag 95).
    pub usage: u8,
    /// Key access (tag 96); 00 where it is left out.
    pub access: u8,
    /// Identifier (tag 82).
    pub id: u8,
    /// Version (tag 83).
    pub version: u8,
}

/// A key as the card stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedKey {
    /// What is said about it.
    pub description: KeyDescription,
    /// The key.
    pub key: AesKey,
}

impl DescribedKey {
    fn write_description(&self, writer: &mut Writer) {
        let KeyDescription {
            usage,
            access,
            id,
            version,
        } = self.description;
        writer.nested(DESCRIPTION, |writer| {
            writer.tlv(Tag(0x95), &[usage]);
            writer.tlv(Tag(0x96), &[access]);
            writer.tlv(Tag(0x80), &[AES]);
            writer.tlv(Tag(0x81), &[self.key.0.length() as u8]);
            writer.tlv(Tag(0x82), &[id]);
            writer.tlv(Tag(0x83), &[version]);
            writer.tlv(Tag(0x84), &self.key.check_value());
        });
    }
}

/// Writes the data groupings for some keys.
///
/// # Errors
/// So many keys that their descriptions do not fit one grouping.
pub fn write_keys(keys: &[DescribedKey], dek: &DekKey) -> Result<Vec<u8>, EncodeError> {
    let mut descriptions = Writer::new();
    for key in keys {
        key.write_description(&mut descriptions);
    }
    let mut payload = Dgi::new(DESCRIPTIONS, descriptions.into_vec()).encode()?;
    for key in keys {
        Dgi::new(SECRET_KEY, dek.encrypt_key(&key.key.0)).encode_into(&mut payload)?;
    }
    Ok(payload)
}

/// Opens the data groupings and checks every check value. Either all keys are good or none is
/// given.
///
/// # Errors
/// The groupings are malformed, or something is wrong with one of the keys.
pub fn read_keys(payload: &[u8], dek: &DekKey) -> Result<Vec<DescribedKey>, StoreDataKeysError> {
    let mut groupings = DgiReader::new(payload);
    let descriptions = match groupings.next().transpose()? {
        Some(DgiRef {
            tag: DESCRIPTIONS,
            data,
            data_offset,
            ..
        }) => Reader::with_base(data, data_offset),
        _ => return Err(StoreDataKeysError::Mismatch),
    };
    let mut keys = Vec::new();
    for template in descriptions.tlvs() {
        let grouping = groupings.next().transpose()?;
        keys.push(read_key(&template?, grouping, dek)?);
    }
    match groupings.next() {
        None if !keys.is_empty() => Ok(keys),
        _ => Err(StoreDataKeysError::Mismatch),
    }
}

fn read_key(
    template: &Tlv<'_>,
    grouping: Option<DgiRef<'_>>,
    dek: &DekKey,
) -> Result<DescribedKey, StoreDataKeysError> {
    let block = grouping
        .filter(|grouping| grouping.tag == SECRET_KEY && template.tag == DESCRIPTION)
        .ok_or(StoreDataKeysError::Mismatch)?
        .data;
    let mut fields = template.reader();
    let [usage] = fields.expect(Tag(0x95))?.array()?;
    let access = match fields.optional(Tag(0x96))? {
        Some(access) => access.array::<1>()?[0],
        None => 0x00,
    };
    let [key_type] = fields.expect(Tag(0x80))?.array()?;
    let [length] = fields.expect(Tag(0x81))?.array()?;
    let [id] = fields.expect(Tag(0x82))?.array()?;
    let [version] = fields.expect(Tag(0x83))?.array()?;
    let check_value: [u8; 3] = fields.expect(Tag(0x84))?.array()?;
    fields.finish()?;
    if key_type != AES {
        return Err(StoreDataKeysError::Mismatch);
    }
    let key = dek
        .decrypt_key(block, length.into())
        .map_err(|_| StoreDataKeysError::Mismatch)?;
    if !bool::from(key.check_value().ct_eq(&check_value)) {
        return Err(StoreDataKeysError::CheckValue { id });
    }
    let description = KeyDescription {
        usage,
        access,
        id,
        version,
    };
    Ok(DescribedKey { description, key })
}

impl StaticKeys {
    /// The payload of a STORE DATA (DGI format) that stores the whole set as `version`.
    ///
    /// # Errors
    /// None in practice: three keys fit.
    pub fn store_data(&self, version: u8, dek: &DekKey) -> Result<Vec<u8>, EncodeError> {
        let mut keys = Vec::with_capacity(3);
        for ((id, usage), key) in (1..).zip(USAGES).zip(self.bytes()) {
            keys.push(DescribedKey {
                description: KeyDescription {
                    usage,
                    access: 0x00,
                    id,
                    version,
                },
                key: AesKey(key.clone()),
            });
        }
        write_keys(&keys, dek)
    }

    /// Opens a payload that carries a whole set; gives its version as well.
    ///
    /// # Errors
    /// It carries something else, or something is wrong with one of the keys.
    pub fn unwrap_store_data(
        payload: &[u8],
        dek: &DekKey,
    ) -> Result<(u8, Self), StoreDataKeysError> {
        let keys = read_keys(payload, dek)?;
        let keys =
            <[DescribedKey; 3]>::try_from(keys).map_err(|_| StoreDataKeysError::NotAKeySet)?;
        let version = keys[0].description.version;
        let is_set = (1..)
            .zip(&keys)
            .all(|(id, key)| (key.description.id, key.description.version) == (id, version));
        if !is_set {
            return Err(StoreDataKeysError::NotAKeySet);
        }
        let [enc, mac, dek] = keys.map(|key| key.key.0);
        let set = Self::new(EncKey(enc), MacKey(mac), DekKey(dek));
        set.map(|set| (version, set))
            .map_err(|_: KeyError| StoreDataKeysError::NotAKeySet)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn keys(length: usize) -> StaticKeys {
        StaticKeys::from_bytes(&vec![1; length], &vec![2; length], &vec![3; length]).unwrap()
    }

    fn dek() -> DekKey {
        DekKey::from_bytes(&[9; 16]).unwrap()
    }

    #[test]
    fn keys_of_every_length_arrive() {
        for length in [16, 24, 32] {
            let payload = keys(length).store_data(0x34, &dek()).unwrap();
            assert_eq!(
                StaticKeys::unwrap_store_data(&payload, &dek()),
                Ok((0x34, keys(length)))
            );
        }
    }

    #[test]
    fn refuses_keys_under_another_dek() {
        let payload = keys(16).store_data(0x34, &dek()).unwrap();
        let error = StaticKeys::unwrap_store_data(&payload, &DekKey::from_bytes(&[8; 16]).unwrap())
            .unwrap_err();
        assert_eq!(error, StoreDataKeysError::CheckValue { id: 1 });
        assert_eq!(error.status_word(), StatusWord::SECURITY_STATUS);
    }

    #[test]
    fn refuses_a_key_without_description_and_the_reverse() {
        let payload = keys(16).store_data(0x34, &dek()).unwrap();
        let mut more = payload.clone();
        more.extend_from_slice(&payload[payload.len() - 19..]);
        for bad in [&payload[..payload.len() - 19], &more, &payload[78..]] {
            let error = StaticKeys::unwrap_store_data(bad, &dek()).unwrap_err();
            assert_eq!(error, StoreDataKeysError::Mismatch);
            assert_eq!(error.status_word(), StatusWord::WRONG_DATA);
        }
    }

    #[test]
    fn refuses_a_wrong_grouping_and_a_wrong_template_each_alone() {
        let payload = keys(16).store_data(0x34, &dek()).unwrap();
        // The first template begins behind the header of its grouping; the first key begins 19
        // bytes for each key before the end.
        let (template, key) = (3, payload.len() - 3 * 19);
        assert_eq!(
            (payload[template], payload[key..key + 2].as_ref()),
            (0xB9, &[0x81, 0x13][..])
        );
        for position in [template, key, key + 1] {
            let mut bad = payload.clone();
            bad[position] ^= 0x02;
            assert_eq!(read_keys(&bad, &dek()), Err(StoreDataKeysError::Mismatch));
        }
    }

    #[test]
    fn refuses_descriptions_of_no_key() {
        assert_eq!(
            read_keys(&[0x00, 0xB9, 0x00], &dek()),
            Err(StoreDataKeysError::Mismatch)
        );
    }

    #[test]
    fn refuses_one_key_where_a_set_is_due() {
        let mut all = read_keys(&keys(16).store_data(0x34, &dek()).unwrap(), &dek()).unwrap();
        all.pop();
        let payload = write_keys(&all, &dek()).unwrap();
        assert_eq!(read_keys(&payload, &dek()), Ok(all));
        assert_eq!(
            StaticKeys::unwrap_store_data(&payload, &dek()),
            Err(StoreDataKeysError::NotAKeySet)
        );
    }

    proptest! {
        #[test]
        fn no_damaged_payload_is_taken(position in 0usize..135, bit in 0u8..8, cut in 0usize..135) {
            let payload = keys(16).store_data(0x34, &dek()).unwrap();
            prop_assert!(read_keys(&payload[..cut], &dek()).is_err());
            let mut damaged = payload.clone();
            damaged[position] ^= 1 << bit;
            // Usage, access, identifier and version are not covered by the check value.
            if let Ok(keys) = read_keys(&damaged, &dek()) {
                let original = read_keys(&payload, &dek()).unwrap();
                let same = keys.iter().zip(&original).all(|(a, b)| a.key == b.key);
                prop_assert!(same);
            }
        }
    }
}
