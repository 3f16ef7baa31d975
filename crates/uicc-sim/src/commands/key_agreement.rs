//! Confidential set-up of keys with the controlling authority's domain: ECKA-EG, scenario 3 of Amendment A (notes, 7).
//!
//! The card's part of the agreement is a private key of the controlling authority's domain (key version 74), which never
//! learns what was agreed; the keys go into the domain that STORE DATA is for.

use globalplatform::aid::Aid;
use globalplatform::apdu::ResponseApdu;
use globalplatform::commands::get_data::GetData;
use globalplatform::key::{CurveReference, KeyType};
use globalplatform::status_word::StatusWord;
use scp03::key_agreement::{
    AgreedKeys, CardIdentity, ControlReferenceTemplate, DerivationInputs, KeyLayout,
};
use zeroize::Zeroizing;

use super::Domain;
use super::own_data::Agreement;
use crate::security_domain::{Attributes, StoredKey};

/// Version of a controlling authority's keys, and the identifiers that can agree: SK.CASD.CT, SK.CASD.AUT.
const CASD_VERSION: u8 = 0x74;
const CASD_IDS: [u8; 2] = [0x03, 0x02];
/// Bits of the scenario that are understood: delete existing keys, randomness of the card, identifiers.
const DELETE_EXISTING: u8 = 0x01;
const UNDERSTOOD: u8 = 0x07;

/// The private key of the card's side.
enum Secret {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
}

impl Secret {
    fn of(key: &StoredKey) -> Option<Self> {
        let scalar = key.part(KeyType::EC_PRIVATE)?;
        match CurveReference::decode(key.part(KeyType::EC_CURVE_REFERENCE)?).ok()? {
            CurveReference::P256 => p256::SecretKey::from_slice(scalar).ok().map(Self::P256),
            CurveReference::P384 => p384::SecretKey::from_slice(scalar).ok().map(Self::P384),
            _ => None,
        }
    }

    /// The x coordinate of the shared point; none for bytes that are no point of the curve.
    fn agree(&self, point: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(match self {
            Self::P256(key) => {
                let public = p256::PublicKey::from_sec1_bytes(point).ok()?;
                let shared =
                    p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), public.as_affine());
                shared.raw_secret_bytes().to_vec()
            }
            Self::P384(key) => {
                let public = p384::PublicKey::from_sec1_bytes(point).ok()?;
                let shared =
                    p384::ecdh::diffie_hellman(key.to_nonzero_scalar(), public.as_affine());
                shared.raw_secret_bytes().to_vec()
            }
        }))
    }

    /// How many bytes of randomness the card adds.
    const fn random_length(&self) -> usize {
        match self {
            Self::P256(_) => 16,
            Self::P384(_) => 24,
        }
    }
}

impl Domain<'_> {
    /// Agrees keys with the host, stores them in the domain and proves that it has them.
    ///
    /// # Errors
    /// 6A80 for terms that are not understood or a point that is none, 6A88 without a controlling authority on the card, 6A84
    /// when the keys do not fit.
    pub(super) fn agree_keys(
        &mut self,
        domain: &Aid,
        agreement: &Agreement,
    ) -> Result<ResponseApdu, StatusWord> {
        let wrong = StatusWord::WRONG_DATA;
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let template = ControlReferenceTemplate::decode(&agreement.template).map_err(|_| wrong)?;
        if template.parameters & !UNDERSTOOD != 0 || !matches!(template.version, 0x01..=0x7F) {
            return Err(wrong);
        }
        let secret = self.casd_secret().ok_or(not_found)?;
        let shared = secret.agree(&agreement.point).ok_or(wrong)?;
        let random = template
            .adds_derivation_random()
            .then(|| self.storage.random.clone().next::<24>());
        let random = random
            .as_ref()
            .and_then(|r| r.get(..secret.random_length()));
        let identity = self.identity(domain);
        let inputs = DerivationInputs {
            derivation_random: random,
            card: template
                .adds_identifiers()
                .then(|| {
                    identity
                        .as_ref()
                        .map(|(issuer, image)| CardIdentity { issuer, image })
                })
                .flatten(),
        };
        let agreed = template.derive(&shared, &inputs).map_err(|_| wrong)?;
        let keys = stored_keys(&template, &agreed)?;
        self.store_agreed(domain, &template, keys)?;
        let response = agreed.respond(&template, random);
        if random.is_some() {
            let _: [u8; 24] = self.storage.write().random.next();
        }
        Ok(ResponseApdu::with_data(response.encode()))
    }

    fn store_agreed(
        &mut self,
        domain: &Aid,
        template: &ControlReferenceTemplate,
        keys: Vec<StoredKey>,
    ) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let present = self.storage.domain(domain).ok_or(not_found)?.keys();
        let replaced: Vec<(u8, u8)> = if template.parameters & DELETE_EXISTING != 0 {
            present.iter().map(StoredKey::place).collect()
        } else {
            Vec::new()
        };
        let counter = template.initial_counter.as_deref().unwrap_or_default();
        if counter.len() > 3 {
            return Err(StatusWord::WRONG_DATA);
        }
        let counter = counter
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        self.store_keys(domain, &replaced, keys)?;
        if let Some(domain) = self.storage.write().domain_mut(domain)
            && let Some(set) = domain.key_set_mut(template.version)
        {
            set.counter = counter;
        }
        Ok(())
    }

    /// The key of the first controlling authority's domain that has one.
    fn casd_secret(&self) -> Option<Secret> {
        let all = self.storage.applications.iter();
        let serving = all.filter(|a| self.storage.serves(&a.aid));
        let mut domains = serving.filter_map(|a| a.domain()).filter(|d| d.is_casd);
        domains.find_map(|domain| {
            let keys = domain.keys();
            let key = |id| keys.iter().find(|key| key.place() == (CASD_VERSION, id));
            CASD_IDS.into_iter().filter_map(key).find_map(Secret::of)
        })
    }

    /// The numbers 42 and 45 of the domain, or those of the card.
    fn identity(&self, domain: &Aid) -> Option<(Vec<u8>, Vec<u8>)> {
        let isd = self.storage.isd()?.domain();
        let number = |tag| {
            let own = self.storage.domain(domain).and_then(|d| d.data(tag));
            own.or_else(|| isd.and_then(|d| d.data(tag)))
        };
        let (issuer, image) = (number(GetData::IIN)?, number(GetData::CIN)?);
        Some((issuer.to_vec(), image.to_vec()))
    }
}

/// The agreed keys under their identifiers, which follow one another.
fn stored_keys(
    template: &ControlReferenceTemplate,
    agreed: &AgreedKeys,
) -> Result<Vec<StoredKey>, StatusWord> {
    let first = template.key_id.unwrap_or(0x01);
    let attributes = |index: usize| match &template.layout {
        KeyLayout::Equal(_) => None,
        KeyLayout::Each(keys) => keys.get(index).map(|key| Attributes {
            usage: vec![key.usage],
            access: vec![key.access.unwrap_or(0x00)],
        }),
    };
    let ids = (first..=0x7F).zip(agreed.keys.iter().enumerate());
    let keys: Vec<StoredKey> = ids
        .filter(|(id, _)| *id != 0x00)
        .map(|(id, (index, key))| {
            StoredKey::aes(template.version, id, key.danger_bytes(), attributes(index))
        })
        .collect();
    if keys.len() == agreed.keys.len() {
        Ok(keys)
    } else {
        Err(StatusWord::WRONG_DATA)
    }
}
