//! What STORE DATA brings a security domain: data objects, keys, the terms of a key agreement (G 11.11.3, 11.11.4).

use globalplatform::commands::store_data::{
    BER_TLV_OBJECTS, DgiReader, DgiRef, KEY_DESCRIPTIONS, KeyDescription, component_dgi,
};
use globalplatform::key::KeyType;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Tlv};
use scp03::DekKey;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::key_material::asymmetric;
use crate::security_domain::{Attributes, DataObject, StoredKey, StoredPart};

/// The control reference template of a key agreement, and the host's ephemeral key.
const AGREEMENT: u16 = 0x00A6;
const EPHEMERAL_KEY: u16 = 0x7F49;

/// Everything in one chain of STORE DATA.
#[derive(Debug, Default)]
pub(super) struct OwnData {
    pub(super) objects: Vec<DataObject>,
    pub(super) keys: Vec<StoredKey>,
    pub(super) agreement: Option<Agreement>,
}

/// The two groupings of a key agreement (Amendment A, scenario 3).
#[derive(Debug)]
pub(super) struct Agreement {
    /// The template, tag A6 included.
    pub(super) template: Vec<u8>,
    /// The host's ephemeral public key, `04 x y`.
    pub(super) point: Vec<u8>,
}

impl OwnData {
    /// What data groupings bring. Keys are encrypted under the data encryption key of the session.
    ///
    /// # Errors
    /// 6A80 for what is malformed, 6A88 for a grouping that means nothing here, 6982 for a wrong check value.
    pub(super) fn of_groupings(data: &[u8], dek: Option<&DekKey>) -> Result<Self, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        let groupings: Vec<DgiRef<'_>> = DgiReader::new(data)
            .collect::<Result<_, _>>()
            .map_err(|_| wrong)?;
        let mut groupings = groupings.into_iter();
        let mut own = Self::default();
        while let Some(grouping) = groupings.next() {
            match grouping.tag {
                BER_TLV_OBJECTS => own.objects.extend(data_objects(grouping.data)?),
                KEY_DESCRIPTIONS => {
                    let dek = dek.ok_or(StatusWord::SECURITY_STATUS)?;
                    own.keys.extend(keys(&grouping, &mut groupings, dek)?);
                }
                AGREEMENT if own.agreement.is_none() => {
                    let point = groupings.next().filter(|g| g.tag == EPHEMERAL_KEY);
                    own.agreement = Some(Agreement {
                        template: grouping.data.to_vec(),
                        point: point.ok_or(wrong)?.data.to_vec(),
                    });
                }
                _ => return Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
            }
        }
        Ok(own)
    }
}

/// The BER-TLV objects in the data. Zeros between objects mean nothing (ISO/IEC 7816-4, 5.2.2).
pub(super) fn data_objects(data: &[u8]) -> Result<Vec<DataObject>, StatusWord> {
    let mut reader = Reader::new(data);
    let mut objects = Vec::new();
    while let Some(first) = reader.peek() {
        if first == 0x00 {
            let _ = reader.u8();
            continue;
        }
        let tlv = reader.tlv().map_err(|_| StatusWord::WRONG_DATA)?;
        objects.push(data_object(&tlv)?);
    }
    Ok(objects)
}

fn data_object(tlv: &Tlv<'_>) -> Result<DataObject, StatusWord> {
    Ok(DataObject {
        tag: u16::try_from(tlv.tag.0).map_err(|_| StatusWord::REFERENCED_DATA_NOT_FOUND)?,
        value: tlv.value.to_vec(),
    })
}

/// A key in the making: its first description, and the components so far.
struct Described {
    description: KeyDescription,
    parts: Vec<StoredPart>,
}

/// The keys that a list of descriptions announces. A description with an identifier begins a key, one without belongs to
/// the key before.
fn keys<'a>(
    descriptions: &DgiRef<'_>,
    groupings: &mut impl Iterator<Item = DgiRef<'a>>,
    dek: &DekKey,
) -> Result<Vec<StoredKey>, StatusWord> {
    let wrong = StatusWord::WRONG_DATA;
    let descriptions = KeyDescription::decode_list(descriptions.data).map_err(|_| wrong)?;
    let mut keys: Vec<Described> = Vec::new();
    for description in descriptions {
        let part = part(&description, groupings, dek)?;
        match keys.last_mut() {
            Some(key) if continues(&key.description, &description) => {
                if contradicts(&key.description, &description) {
                    return Err(wrong);
                }
                key.parts.push(part);
            }
            _ => keys.push(Described {
                description,
                parts: vec![part],
            }),
        }
    }
    keys.into_iter().map(Described::into_key).collect()
}

fn continues(key: &KeyDescription, next: &KeyDescription) -> bool {
    let same = next.id == key.id && next.version == key.version;
    next.id.is_none() || (same && next.key_type != key.key_type)
}

/// Whether the description of a further component says something else about the key than the first one, or gives it a check
/// value, which keys of several components do not have.
fn contradicts(key: &KeyDescription, next: &KeyDescription) -> bool {
    next.version
        .is_some_and(|version| key.version != Some(version))
        || (next.usage.is_some() && next.usage != key.usage)
        || (next.access.is_some() && next.access != key.access)
        || next.check_value.is_some()
}

/// A component in clear, with its check value checked. A curve reference is in the description itself.
fn part<'a>(
    description: &KeyDescription,
    groupings: &mut impl Iterator<Item = DgiRef<'a>>,
    dek: &DekKey,
) -> Result<StoredPart, StatusWord> {
    let wrong = StatusWord::WRONG_DATA;
    let key_type = description.key_type;
    if key_type == KeyType::EC_CURVE_REFERENCE {
        let curve = description.curve.ok_or(wrong)?;
        return Ok(StoredPart {
            key_type: key_type.0,
            bytes: Zeroizing::new(curve.to_bytes()),
        });
    }
    let expected = component_dgi(key_type).ok_or(wrong)?;
    let grouping = groupings.next().filter(|g| g.tag == expected);
    let mut bytes = Zeroizing::new(grouping.ok_or(wrong)?.data.to_vec());
    if key_type.is_encrypted() {
        dek.decrypt(&mut bytes).map_err(|_| wrong)?;
        let length = usize::from(description.length.ok_or(wrong)?);
        if length > bytes.len() {
            return Err(wrong);
        }
        bytes.truncate(length);
    } else if description
        .length
        .is_some_and(|l| usize::from(l) != bytes.len())
    {
        return Err(wrong);
    }
    Ok(StoredPart {
        key_type: key_type.0,
        bytes,
    })
}

impl Described {
    fn into_key(self) -> Result<StoredKey, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        let Self { description, parts } = self;
        let version = description.version.ok_or(wrong)?;
        let id = description.id.ok_or(wrong)?;
        if !matches!(version, 0x01..=0x7F) || !matches!(id, 0x01..=0x7F) {
            return Err(wrong);
        }
        let attributes = description.usage.map(|usage| Attributes {
            usage: usage.to_bytes(),
            access: vec![description.access.unwrap_or(0x00)],
        });
        let only = match parts.as_slice() {
            [only] if KeyType(only.key_type) == KeyType::AES => only,
            // As in PUT KEY: only AES keys have a check value.
            _ if description.check_value.is_some() => return Err(wrong),
            _ => return asymmetric(version, id, parts, attributes),
        };
        let key = StoredKey::aes(version, id, &only.bytes, attributes);
        let check_value = key.as_aes().ok_or(wrong)?.check_value();
        let announced = description.check_value.ok_or(wrong)?;
        if bool::from(check_value.ct_eq(&announced)) {
            Ok(key)
        } else {
            Err(StatusWord::SECURITY_STATUS)
        }
    }
}
