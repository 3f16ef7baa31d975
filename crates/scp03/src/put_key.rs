//! AES keys inside PUT KEY (Amendment D 7.2, G 11.8).
//!
//! Two forms of the encrypted key are in the field. Amendment D, table 7-10, puts the length of the
//! clear key in front of the cipher text; G 11.8.2.3.2 lets it be left out when the key fills whole
//! blocks. A card takes both: a component whose length is a multiple of 16 has no inner length (G
//! 11.8.2.3.3). It also takes what GlobalPlatformPro sends, which states 16 for every length: whose
//! two blocks follow then, those of an AES-192 or of an AES-256 key, the check value tells.

use alloc::vec::Vec;

use globalplatform::commands::put_key::{AES, PutKey, PutKeyField, PutKeyResponse};
use globalplatform::status_word::StatusWord;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::keys::{AesKey, DekKey, EncKey, KeyError, MacKey, StaticKeys};

/// Identifier of the first key of a set, Key-ENC.
const FIRST_ID: u8 = 0x01;
/// Identifier of KID in an SCP80 key set, whose MAC length travels with the key.
const KID: u8 = 0x02;

/// The length that some hosts state for every key.
const STATED: u8 = 16;
/// Length of the cipher text of an AES-192 or AES-256 key, in bytes.
const TWO_BLOCKS: usize = 32;

/// How a host writes an encrypted key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyBlockForm {
    /// With the length of the clear key in front, as Amendment D has it.
    #[default]
    AmendmentD,
    /// Without; impossible for AES-192.
    Raw,
}

/// A card cannot take the keys of a PUT KEY, or a host cannot write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PutKeyError {
    /// Only AES keys are handled here.
    #[error("key {index} has type {found:02X}, which is not AES")]
    NotAes {
        /// Place in the command, from 0.
        index: usize,
        /// Key type in the command.
        found: u8,
    },
    /// The key block has none of the forms.
    #[error("the block of key {index} is malformed")]
    MalformedBlock {
        /// Place in the command, from 0.
        index: usize,
    },
    /// The check value is absent or does not belong to the key: it was encrypted under another DEK,
    /// or damaged.
    #[error("the check value of key {index} does not match")]
    CheckValue {
        /// Place in the command, from 0.
        index: usize,
    },
    /// A whole set is three keys with identifiers 01, 02 and 03.
    #[error("the keys are not a whole set")]
    NotAKeySet,
    /// The keys of a set must have one length, and only AES keys of whole blocks can be written
    /// raw.
    #[error("a key cannot be written so")]
    Key(#[source] KeyError),
}

impl PutKeyError {
    /// What a card answers.
    pub fn status_word(&self) -> StatusWord {
        match self {
            Self::CheckValue { .. } => StatusWord::SECURITY_STATUS,
            _ => StatusWord::WRONG_DATA,
        }
    }
}

/// Writes one key for PUT KEY. `cmac_length` (04 or 08) goes with key 02 of an SCP80 key set (TS
/// 102 226 8.2.1.5).
///
/// # Errors
/// An AES-192 key cannot be written raw.
pub fn key_field(
    key: &AesKey,
    dek: &DekKey,
    form: KeyBlockForm,
    cmac_length: Option<u8>,
) -> Result<PutKeyField, KeyError> {
    let length = key.0.length();
    let mut block = Vec::with_capacity(34);
    match form {
        KeyBlockForm::AmendmentD => block.push(length as u8),
        KeyBlockForm::Raw if length.is_multiple_of(16) => {}
        KeyBlockForm::Raw => return Err(KeyError::NotWholeBlocks { length }),
    }
    block.extend(dek.encrypt_key(&key.0));
    block.extend(cmac_length);
    Ok(PutKeyField::new(AES, block, key.check_value()))
}

/// A key as the card stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedKey {
    /// Its identifier.
    pub id: u8,
    /// The key.
    pub key: AesKey,
    /// Length of its CMAC, with key 02 of an SCP80 key set.
    pub cmac_length: Option<u8>,
}

/// Opens the keys of a PUT KEY and checks every check value. Either all keys are good or none is
/// given.
///
/// # Errors
/// Something is wrong with one of the keys.
pub fn receive_keys(command: &PutKey, dek: &DekKey) -> Result<Vec<ReceivedKey>, PutKeyError> {
    let may_have_cmac_length = matches!(command.new_version, 0x01..=0x0F | 0x11);
    let ids = command.first_id..=0x7F;
    let mut keys = Vec::with_capacity(command.keys.len());
    for (index, (id, field)) in ids.zip(&command.keys).enumerate() {
        let (key, cmac_length) = receive_key(index, field, dek)?;
        if cmac_length.is_some() && !(may_have_cmac_length && id == KID) {
            return Err(PutKeyError::MalformedBlock { index });
        }
        keys.push(ReceivedKey {
            id,
            key,
            cmac_length,
        });
    }
    if keys.len() != command.keys.len() {
        return Err(PutKeyError::NotAKeySet);
    }
    Ok(keys)
}

fn receive_key(
    index: usize,
    field: &PutKeyField,
    dek: &DekKey,
) -> Result<(AesKey, Option<u8>), PutKeyError> {
    if field.key_type != AES || !field.components.is_empty() {
        return Err(PutKeyError::NotAes {
            index,
            found: field.key_type,
        });
    }
    if let Some((&STATED, cipher_text)) = field.block.split_first()
        && cipher_text.len() == TWO_BLOCKS
    {
        return key_of_two_blocks(cipher_text, &field.kcv, dek)
            .map(|key| (key, None))
            .ok_or(PutKeyError::CheckValue { index });
    }
    let malformed = PutKeyError::MalformedBlock { index };
    let (length, rest) = match field.block.split_first() {
        Some((length, rest)) if !field.block.len().is_multiple_of(16) => {
            (usize::from(*length), rest)
        }
        _ => (field.block.len(), field.block.as_slice()),
    };
    let (cipher_text, trailer) = rest
        .split_at_checked(length.next_multiple_of(16))
        .ok_or(malformed)?;
    let cmac_length = match trailer {
        [] => None,
        [length @ (0x04 | 0x08)] => Some(*length),
        _ => return Err(malformed),
    };
    let key = dek
        .decrypt_key(cipher_text, length)
        .map_err(|_| malformed)?;
    if !bool::from(key.check_value().ct_eq(&field.kcv)) {
        return Err(PutKeyError::CheckValue { index });
    }
    Ok((key, cmac_length))
}

/// The AES-256 or AES-192 key in the cipher text that the check value belongs to.
fn key_of_two_blocks(cipher_text: &[u8], check_value: &[u8], dek: &DekKey) -> Option<AesKey> {
    [32, 24]
        .into_iter()
        .filter_map(|length| dek.decrypt_key(cipher_text, length).ok())
        .find(|key| bool::from(key.check_value().ct_eq(check_value)))
}

impl StaticKeys {
    /// PUT KEY for the whole set in the form of Amendment D. `replaces` 00 adds it as a new set;
    /// `dek` is that of the keys that opened the session.
    pub fn put_key(&self, replaces: u8, new_version: u8, dek: &DekKey) -> PutKey {
        let keys = self.bytes().map(|key| {
            let mut block = Vec::from([key.length() as u8]);
            block.extend(dek.encrypt_key(key));
            PutKeyField::new(AES, block, key.check_value())
        });
        PutKey {
            replaces,
            new_version,
            first_id: FIRST_ID,
            keys: keys.into(),
            multiple: true,
        }
    }

    /// The same with the key blocks in another form.
    ///
    /// # Errors
    /// AES-192 keys cannot be written raw.
    pub fn put_key_as(
        &self,
        form: KeyBlockForm,
        replaces: u8,
        new_version: u8,
        dek: &DekKey,
    ) -> Result<PutKey, KeyError> {
        let mut command = self.put_key(replaces, new_version, dek);
        for (field, key) in command.keys.iter_mut().zip(self.bytes()) {
            *field = key_field(&AesKey(key.clone()), dek, form, None)?;
        }
        Ok(command)
    }

    /// What the card answers to PUT KEY once it has stored these keys: for the card to send and the
    /// host to compare.
    pub fn put_key_response(&self, version: u8) -> PutKeyResponse {
        PutKeyResponse {
            version,
            check_values: self.check_values().into(),
        }
    }

    /// Opens a PUT KEY that carries a whole set, in either form.
    ///
    /// # Errors
    /// It carries something else, a key is malformed, or a check value does not match; nothing must
    /// be stored then.
    pub fn unwrap_put_key(command: &PutKey, dek: &DekKey) -> Result<Self, PutKeyError> {
        if command.first_id != FIRST_ID {
            return Err(PutKeyError::NotAKeySet);
        }
        let keys = receive_keys(command, dek)?;
        if keys.iter().any(|key| key.cmac_length.is_some()) {
            return Err(PutKeyError::NotAKeySet);
        }
        let [enc, mac, dek] = <[ReceivedKey; 3]>::try_from(keys)
            .map_err(|_| PutKeyError::NotAKeySet)?
            .map(|received| received.key.0);
        Self::new(EncKey(enc), MacKey(mac), DekKey(dek)).map_err(PutKeyError::Key)
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
        DekKey::from_bytes(&[9; 32]).unwrap()
    }

    #[test]
    fn keys_of_every_length_arrive_in_both_forms() {
        for length in [16, 24, 32] {
            let keys = keys(length);
            let command = keys.put_key(0x00, 0x31, &dek());
            assert_eq!(
                StaticKeys::unwrap_put_key(&command, &dek()),
                Ok(keys.clone())
            );
            match keys.put_key_as(KeyBlockForm::Raw, 0x00, 0x31, &dek()) {
                Ok(raw) => assert_eq!(StaticKeys::unwrap_put_key(&raw, &dek()), Ok(keys)),
                Err(error) => assert_eq!(
                    (length, error),
                    (24, KeyError::NotWholeBlocks { length: 24 })
                ),
            }
        }
    }

    #[test]
    fn the_check_value_tells_the_length_when_16_is_stated_for_every_key() {
        for length in [24, 32] {
            let keys = keys(length);
            let mut command = keys.put_key(0x00, 0x31, &dek());
            for field in &mut command.keys {
                field.block[0] = 16;
            }
            assert_eq!(StaticKeys::unwrap_put_key(&command, &dek()), Ok(keys));
            command.keys[2].kcv[0] ^= 1;
            assert_eq!(
                StaticKeys::unwrap_put_key(&command, &dek()),
                Err(PutKeyError::CheckValue { index: 2 })
            );
            // No other length is stated in vain, and 16 not of one block.
            for stated in [15, 17, 33] {
                command.keys[0].block[0] = stated;
                assert_eq!(
                    StaticKeys::unwrap_put_key(&command, &dek()),
                    Err(PutKeyError::MalformedBlock { index: 0 }),
                    "{stated}"
                );
            }
        }
    }

    #[test]
    fn refuses_a_key_whose_check_value_does_not_match() {
        let mut command = keys(16).put_key(0x30, 0x30, &dek());
        command.keys[1].kcv[2] ^= 1;
        let error = StaticKeys::unwrap_put_key(&command, &dek()).unwrap_err();
        assert_eq!(error, PutKeyError::CheckValue { index: 1 });
        assert_eq!(error.status_word(), StatusWord::SECURITY_STATUS);
        command.keys[1].kcv.clear();
        let error = StaticKeys::unwrap_put_key(&command, &dek()).unwrap_err();
        assert_eq!(error, PutKeyError::CheckValue { index: 1 });
    }

    #[test]
    fn refuses_what_is_not_a_whole_set() {
        let mut command = keys(16).put_key(0x00, 0x31, &dek());
        command.first_id = 2;
        assert_eq!(
            StaticKeys::unwrap_put_key(&command, &dek()),
            Err(PutKeyError::NotAKeySet)
        );
        command.first_id = 1;
        command.keys.pop();
        assert_eq!(
            StaticKeys::unwrap_put_key(&command, &dek()),
            Err(PutKeyError::NotAKeySet)
        );
        command.first_id = 0x7F;
        assert_eq!(receive_keys(&command, &dek()), Err(PutKeyError::NotAKeySet));
    }

    #[test]
    fn refuses_keys_of_mixed_lengths_and_foreign_types() {
        let mut command = keys(16).put_key(0x00, 0x31, &dek());
        command.keys[2] = keys(32).put_key(0, 0x31, &dek()).keys[2].clone();
        assert_eq!(
            StaticKeys::unwrap_put_key(&command, &dek()),
            Err(PutKeyError::Key(KeyError::MixedLengths))
        );
        command.keys[0].key_type = 0x80;
        assert_eq!(
            StaticKeys::unwrap_put_key(&command, &dek()),
            Err(PutKeyError::NotAes {
                index: 0,
                found: 0x80
            })
        );
    }

    #[test]
    fn a_mac_length_belongs_to_key_02_of_scp80_alone() {
        let key = AesKey::from_bytes(&[5; 16]).unwrap();
        let field = key_field(&key, &dek(), KeyBlockForm::AmendmentD, Some(8)).unwrap();
        let command = |first_id, new_version| PutKey {
            replaces: 0,
            new_version,
            first_id,
            keys: vec![field.clone()],
            multiple: false,
        };
        let received = receive_keys(&command(2, 0x01), &dek()).unwrap();
        assert_eq!(received[0].cmac_length, Some(8));
        for (id, version) in [(1, 0x01), (2, 0x30)] {
            assert_eq!(
                receive_keys(&command(id, version), &dek()),
                Err(PutKeyError::MalformedBlock { index: 0 })
            );
        }
    }

    proptest! {
        #[test]
        fn any_block_is_a_key_or_an_error(
            block in proptest::collection::vec(any::<u8>(), 0..70),
            kcv in proptest::collection::vec(any::<u8>(), 0..5),
        ) {
            let field = PutKeyField::new(AES, block, kcv);
            let command = PutKey {
                replaces: 0,
                new_version: 1,
                first_id: 1,
                keys: vec![field],
                multiple: false,
            };
            prop_assert!(receive_keys(&command, &dek()).is_err());
        }
    }
}
