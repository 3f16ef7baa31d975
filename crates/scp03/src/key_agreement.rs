//! First keys of a security domain by key agreement with the controlling authority's domain
//! (Amendment A, scenario 3, ECKA-EG; as the public implementations that speak to real cards have
//! it).
//!
//! The provider sends a control reference template (tag `A6`) and an ephemeral public key; both
//! sides compute the shared secret Z on the curve, which is the caller's business. From there on it
//! is symmetric and lives here: key data by X9.63,
//! `SHA-256(Z | 00000001 | shared info) | SHA-256(Z | 00000002 | shared info) | …`, first the
//! receipt key, then the keys; the card proves that it has them by a receipt over the template.

mod template;

use alloc::vec::Vec;

use globalplatform::error::DecodeError;
use globalplatform::tlv::{Reader, Tag, Writer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keys::{AesKey, DekKey, EncKey, KeyBytes, KeyError, MacKey, StaticKeys, key_type};

pub use template::{AgreedKey, ControlReferenceTemplate, KeyLayout};

const DERIVATION_RANDOM: Tag = Tag(0x85);
const RECEIPT: Tag = Tag(0x86);

key_type!(
    /// The key of the receipt; of no use afterwards.
    AgreementReceiptKey
);

/// Keys cannot be agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyAgreementError {
    /// Bytes are malformed.
    #[error("the key agreement is malformed")]
    Malformed(#[source] DecodeError),
    /// The template asks for something that is not one of the layouts, or not AES.
    #[error("the template asks for keys that cannot be agreed")]
    UnsupportedTemplate,
    /// The template asks for derivation randomness or identifiers that were not given, or the other
    /// way round.
    #[error("the template and the inputs do not fit")]
    Inputs,
    /// The card has not proven that it has the keys.
    #[error("the receipt is not genuine")]
    NotGenuine,
    /// The agreed keys are not a set.
    #[error("the agreed keys are not a set")]
    Keys(#[source] KeyError),
}

impl From<DecodeError> for KeyAgreementError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// Identifiers of the card: issuer (tag 42) and card image (tag 45) numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardIdentity<'a> {
    /// Issuer or security domain provider identification number.
    pub issuer: &'a [u8],
    /// Card or security domain image number.
    pub image: &'a [u8],
}

/// What enters the derivation beside the shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DerivationInputs<'a> {
    /// Random bytes of the card, when the template asks for them.
    pub derivation_random: Option<&'a [u8]>,
    /// Identifiers of the card, when the template asks for them.
    pub card: Option<CardIdentity<'a>>,
}

/// What key agreement has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedKeys {
    /// Proves the agreement.
    pub receipt_key: AgreementReceiptKey,
    /// The keys in the order of the template.
    pub keys: Vec<AesKey>,
}

impl ControlReferenceTemplate {
    /// The shared info of the derivation: what is agreed, then the card's randomness and the
    /// identifiers of host and card where the template asks for them.
    ///
    /// # Errors
    /// The template asks for something that is not given, or not for something that is.
    pub fn shared_info(&self, inputs: &DerivationInputs<'_>) -> Result<Vec<u8>, KeyAgreementError> {
        let mut info = Writer::new();
        self.layout.write_shared_info(&mut info);
        match (self.adds_derivation_random(), inputs.derivation_random) {
            (true, Some(random)) => info.bytes(random),
            (false, None) => {}
            _ => return Err(KeyAgreementError::Inputs),
        }
        match (self.adds_identifiers(), &self.host_id, inputs.card) {
            (true, Some(host), Some(card)) => {
                info.lv(host);
                info.lv(card.issuer);
                info.lv(card.image);
            }
            (false, _, None) => {}
            _ => return Err(KeyAgreementError::Inputs),
        }
        Ok(info.into_vec())
    }

    /// Derives the keys from the shared secret: the x coordinate, as long as the field.
    ///
    /// # Errors
    /// The inputs do not fit the template, or a length is not of AES.
    pub fn derive(
        &self,
        shared_secret: &[u8],
        inputs: &DerivationInputs<'_>,
    ) -> Result<AgreedKeys, KeyAgreementError> {
        let shared_info = self.shared_info(inputs)?;
        let lengths = self.layout.key_lengths()?;
        let receipt_length = self.layout.receipt_key_length();
        let total = lengths.iter().chain([&receipt_length]).sum();
        let key_data = x963_kdf(shared_secret, &shared_info, total);

        let mut rest = key_data.as_slice();
        let mut next = |length: usize| -> Result<KeyBytes, KeyAgreementError> {
            let (key, others) = rest
                .split_at_checked(length)
                .ok_or(KeyAgreementError::UnsupportedTemplate)?;
            rest = others;
            KeyBytes::new(key).map_err(|_| KeyAgreementError::UnsupportedTemplate)
        };
        let receipt_key = AgreementReceiptKey(next(receipt_length)?);
        let keys = lengths
            .into_iter()
            .map(|length| next(length).map(AesKey))
            .collect::<Result<_, _>>()?;
        Ok(AgreedKeys { receipt_key, keys })
    }
}

impl AgreedKeys {
    /// The card's answer: its randomness, if any, and the receipt over the encoded template.
    pub fn respond(
        &self,
        template: &ControlReferenceTemplate,
        derivation_random: Option<&[u8]>,
    ) -> KeyAgreementResponse {
        let mut input = Writer::new();
        input.bytes(&template.encode());
        input.optional(DERIVATION_RANDOM, derivation_random);
        KeyAgreementResponse {
            derivation_random: derivation_random.map(<[u8]>::to_vec),
            receipt: self.receipt_key.0.cmac(&[&input.into_vec()]),
        }
    }

    /// Checks the card's receipt in constant time.
    ///
    /// # Errors
    /// [`KeyAgreementError::NotGenuine`]: the keys must not be used.
    pub fn verify(
        &self,
        template: &ControlReferenceTemplate,
        response: &KeyAgreementResponse,
    ) -> Result<(), KeyAgreementError> {
        let expected = self.respond(template, response.derivation_random.as_deref());
        if bool::from(expected.receipt.ct_eq(&response.receipt)) {
            Ok(())
        } else {
            Err(KeyAgreementError::NotGenuine)
        }
    }

    /// The keys as the set that opens SCP03 sessions.
    ///
    /// # Errors
    /// They are not three, or their lengths differ.
    pub fn static_keys(&self) -> Result<StaticKeys, KeyAgreementError> {
        let [enc, mac, dek] = self.keys.as_slice() else {
            return Err(KeyAgreementError::UnsupportedTemplate);
        };
        let [enc, mac, dek] = [enc, mac, dek].map(|key| key.0.clone());
        StaticKeys::new(EncKey(enc), MacKey(mac), DekKey(dek)).map_err(KeyAgreementError::Keys)
    }
}

/// What the card answers: `[85 randomness] 86 receipt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAgreementResponse {
    /// The card's randomness, if the template asked for it.
    pub derivation_random: Option<Vec<u8>>,
    /// The receipt.
    pub receipt: [u8; 16],
}

impl KeyAgreementResponse {
    /// The data field of the response.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.optional(DERIVATION_RANDOM, self.derivation_random.as_ref());
        writer.tlv(RECEIPT, &self.receipt);
        writer.into_vec()
    }

    /// Reads the data field of the response.
    ///
    /// # Errors
    /// It is malformed.
    pub fn decode(data: &[u8]) -> Result<Self, KeyAgreementError> {
        let mut reader = Reader::new(data);
        let random = reader.optional(DERIVATION_RANDOM)?;
        let receipt = reader.expect(RECEIPT)?.array()?;
        reader.finish()?;
        Ok(Self {
            derivation_random: random.map(|random| random.value.to_vec()),
            receipt,
        })
    }
}

/// The key derivation function of ANSI X9.63 (BSI TR-03111 4.3.3) with SHA-256.
fn x963_kdf(shared_secret: &[u8], shared_info: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut output = Zeroizing::new(alloc::vec![0; length]);
    for (counter, part) in (1u32..).zip(output.chunks_mut(32)) {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(shared_secret)
            .chain_update(counter.to_be_bytes())
            .chain_update(shared_info)
            .finalize()
            .into();
        let hash = Zeroizing::new(hash);
        part.iter_mut()
            .zip(hash.iter())
            .for_each(|(to, from)| *to = *from);
    }
    output
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template() -> ControlReferenceTemplate {
        ControlReferenceTemplate {
            parameters: 0x02,
            layout: KeyLayout::three_equal(16),
            key_id: Some(1),
            version: 0x30,
            initial_counter: None,
            image_number: None,
            host_id: None,
        }
    }

    #[test]
    fn both_sides_agree_and_the_receipt_proves_it() {
        let inputs = DerivationInputs {
            derivation_random: Some(&[5; 16]),
            card: None,
        };
        let card = template().derive(&[1; 32], &inputs).unwrap();
        let response = card.respond(&template(), Some(&[5; 16]));
        let response = KeyAgreementResponse::decode(&response.encode()).unwrap();
        let host = template().derive(&[1; 32], &inputs).unwrap();
        assert_eq!(host.verify(&template(), &response), Ok(()));
        assert_eq!(host.static_keys(), card.static_keys());
        assert!(host.static_keys().is_ok());
    }

    #[test]
    fn refuses_a_receipt_under_another_secret() {
        let inputs = DerivationInputs {
            derivation_random: Some(&[5; 16]),
            card: None,
        };
        let response = template()
            .derive(&[2; 32], &inputs)
            .unwrap()
            .respond(&template(), Some(&[5; 16]));
        let host = template().derive(&[1; 32], &inputs).unwrap();
        assert_eq!(
            host.verify(&template(), &response),
            Err(KeyAgreementError::NotGenuine)
        );
    }

    #[test]
    fn refuses_inputs_that_the_template_does_not_ask_for() {
        let none = DerivationInputs::default();
        assert_eq!(
            template().derive(&[1; 32], &none),
            Err(KeyAgreementError::Inputs)
        );
        let identity = CardIdentity {
            issuer: &[1],
            image: &[2],
        };
        let both = DerivationInputs {
            derivation_random: Some(&[5; 16]),
            card: Some(identity),
        };
        assert_eq!(
            template().derive(&[1; 32], &both),
            Err(KeyAgreementError::Inputs)
        );
    }

    #[test]
    fn key_data_is_cut_and_never_a_block_too_short() {
        let whole = x963_kdf(&[1; 32], &[2; 3], 96);
        for length in [0, 1, 31, 32, 33, 63, 64, 65, 96] {
            assert_eq!(x963_kdf(&[1; 32], &[2; 3], length)[..], whole[..length]);
        }
        let second: [u8; 32] = Sha256::new()
            .chain_update([1; 32])
            .chain_update([0, 0, 0, 2])
            .chain_update([2; 3])
            .finalize()
            .into();
        assert_eq!(whole[32..64], second);
    }

    proptest! {
        #[test]
        fn any_response_is_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(response) = KeyAgreementResponse::decode(&data) {
                prop_assert_eq!(KeyAgreementResponse::decode(&response.encode()), Ok(response));
            }
        }
    }
}
