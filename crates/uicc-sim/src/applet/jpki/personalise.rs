//! Personalisation by data groups (DGI), as the service provider's server writes them inside its security domain.
//!
//! | DGI | Content | Effect |
//! |---|---|---|
//! | 9F01 | credential id (16), algorithm (1) | starts an empty pending slot |
//! | 8121, 8122 | RSA primes p and q (128 each) | pending key |
//! | 8137 | EC private scalar (32 or 48) | pending key |
//! | 9F02 | certificate, DER | pending certificate, for the pending key |
//! | 9F03 | four ASCII digits | pending PIN |
//! | 9F04 | challenge (32) | the pending key signs it; nothing else in the chain |
//! | 9F05 | credential id | pending becomes live; repeating it is harmless |
//! | 9F06 | credential id | the live credential is wiped; repeating it is harmless |
//! | 9F07 | nothing | answers the status object; last of the chain |
//! | 9F08 | four ASCII digits | the live credential's PIN is replaced |
//! | 9F09 | certificate, DER, or nothing | the certificate of the issuer, or that there is none |
//!
//! These are the groups of the authentication credential. Those of the signature credential (9F11 to 9F19, 8131, 8132,
//! 8147) are the same with 10 added; their PIN has six to sixteen characters of A to Z and 0 to 9.
//!
//! A chain of STORE DATA takes effect as a whole when its last block has arrived, or not at all.

use globalplatform::commands::store_data::DgiReader;
use globalplatform::status_word::StatusWord;
use zeroize::Zeroizing;

use super::contents::Contents;
use super::key::{Algorithm, PrivateKey, Unusable};
use super::purpose::{Pin, Purpose};
use super::slots::{CERTIFICATE_LIMIT, CredentialId, Pending, Prime, Slots};
use super::status::status_object;

/// What the proof of possession puts before credential id and challenge.
const PROOF_LABEL: &[u8] = b"JPKI-POP-1";
/// Length of the challenge that the pending key signs.
const CHALLENGE_BYTES: usize = 32;

impl From<Unusable> for StatusWord {
    fn from(Unusable: Unusable) -> Self {
        Self::WRONG_DATA
    }
}

/// Applies a whole chain to the contents; the caller throws them away when this fails.
///
/// # Errors
/// 6A80 for data that do not fit, 6985 when the slots are not in the state that a group needs, 6A84 for a certificate
/// that is too long, 6A86 when there is something to answer but the command expects nothing.
pub(super) fn apply(
    contents: &mut Contents,
    chain: &[u8],
    wants_answer: bool,
) -> Result<Vec<u8>, StatusWord> {
    let groups: Vec<_> = DgiReader::new(chain)
        .collect::<Result<_, _>>()
        .map_err(|_| StatusWord::WRONG_DATA)?;
    if groups.is_empty() {
        return Err(StatusWord::WRONG_DATA);
    }
    let mut answer = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let is_last = index + 1 == groups.len();
        let (purpose, tag) = Purpose::of_group(group.tag);
        let slots = contents.of_mut(purpose);
        match tag {
            0x9F04 if groups.len() == 1 => answer = prove(slots, group.data)?,
            0x9F07 if is_last && group.data.is_empty() => answer = status_object(slots),
            0x9F04 | 0x9F07 => return Err(StatusWord::WRONG_DATA),
            0x9F01 => start(slots, group.data)?,
            0x9F05 => commit(slots, credential_id(group.data)?)?,
            0x9F06 => wipe(slots, credential_id(group.data)?),
            0x9F08 => reset_pin(slots, group.data)?,
            0x9F09 => slots.issuer = issuer(group.data)?,
            tag => fill(slots, tag, group.data)?,
        }
    }
    if !answer.is_empty() && !wants_answer {
        return Err(StatusWord::WRONG_P1P2);
    }
    Ok(answer)
}

fn credential_id(value: &[u8]) -> Result<CredentialId, StatusWord> {
    value.try_into().map_err(|_| StatusWord::WRONG_DATA)
}

fn start(slots: &mut Slots, value: &[u8]) -> Result<(), StatusWord> {
    let (algorithm, id) = value.split_last().ok_or(StatusWord::WRONG_DATA)?;
    let algorithm = Algorithm::from_byte(*algorithm).ok_or(StatusWord::WRONG_DATA)?;
    slots.pending = Some(Pending::new(credential_id(id)?, algorithm));
    Ok(())
}

/// Puts one part into the pending slot, which has to prove itself anew.
fn fill(slots: &mut Slots, tag: u16, value: &[u8]) -> Result<(), StatusWord> {
    if !matches!(tag, 0x8121 | 0x8122 | 0x8137 | 0x9F02 | 0x9F03) {
        return Err(StatusWord::WRONG_DATA);
    }
    let pending = slots.pending.as_mut().ok_or(StatusWord::CONDITIONS)?;
    pending.proved = false;
    match tag {
        0x8121 | 0x8122 => fill_prime(pending, tag == 0x8121, value)?,
        0x8137 => pending.key = Some(PrivateKey::from_scalar(pending.algorithm, value)?),
        0x9F02 if value.len() > CERTIFICATE_LIMIT => return Err(StatusWord::NO_MEMORY),
        0x9F02 => pending.certificate = Some(value.to_vec()),
        _ => pending.pin = Some(Pin::new(slots.purpose, value)?),
    }
    match (&pending.key, &pending.certificate) {
        (Some(key), Some(certificate)) if !key.is_certified_by(certificate) => {
            Err(StatusWord::WRONG_DATA)
        }
        _ => Ok(()),
    }
}

fn fill_prime(pending: &mut Pending, is_p: bool, value: &[u8]) -> Result<(), StatusWord> {
    if pending.algorithm != Algorithm::Rsa2048 {
        return Err(StatusWord::WRONG_DATA);
    }
    let prime: Prime = Zeroizing::new(value.try_into().map_err(|_| StatusWord::WRONG_DATA)?);
    let (p, q) = &mut pending.half;
    *(if is_p { &mut *p } else { &mut *q }) = Some(prime);
    pending.key = None;
    if let (Some(first), Some(second)) = (&p, &q) {
        pending.key = Some(PrivateKey::from_primes(
            first.as_slice(),
            second.as_slice(),
        )?);
        pending.half = (None, None);
    }
    Ok(())
}

/// The pending key signs the label, the credential id and the challenge.
fn prove(slots: &mut Slots, challenge: &[u8]) -> Result<Vec<u8>, StatusWord> {
    if challenge.len() != CHALLENGE_BYTES {
        return Err(StatusWord::WRONG_DATA);
    }
    let pending = slots
        .pending
        .as_mut()
        .filter(|pending| pending.is_complete());
    let pending = pending.ok_or(StatusWord::CONDITIONS)?;
    let key = pending.key.as_ref().ok_or(StatusWord::CONDITIONS)?;
    let signature = key
        .sign_message(&[PROOF_LABEL, &pending.id, challenge].concat())
        .map_err(|Unusable| StatusWord::NO_DIAGNOSIS)?;
    pending.proved = true;
    Ok(signature)
}

/// The certificate of the issuer; none in an empty group.
fn issuer(value: &[u8]) -> Result<Option<Vec<u8>>, StatusWord> {
    use x509_cert::der::Decode;
    if value.is_empty() {
        return Ok(None);
    }
    if value.len() > CERTIFICATE_LIMIT {
        return Err(StatusWord::NO_MEMORY);
    }
    x509_cert::Certificate::from_der(value).map_err(|_| StatusWord::WRONG_DATA)?;
    Ok(Some(value.to_vec()))
}

fn commit(slots: &mut Slots, id: CredentialId) -> Result<(), StatusWord> {
    match slots.pending.take_if(|pending| pending.id == id) {
        Some(pending) if pending.proved => {
            slots.live = Some(
                pending
                    .into_live(slots.purpose)
                    .ok_or(StatusWord::CONDITIONS)?,
            );
            Ok(())
        }
        None if slots.live.as_ref().is_some_and(|live| live.id == id) => Ok(()),
        _ => Err(StatusWord::CONDITIONS),
    }
}

fn wipe(slots: &mut Slots, id: CredentialId) {
    slots.live.take_if(|live| live.id == id);
}

fn reset_pin(slots: &mut Slots, digits: &[u8]) -> Result<(), StatusWord> {
    let pin = Pin::new(slots.purpose, digits)?;
    let live = slots.live.as_mut().ok_or(StatusWord::CONDITIONS)?;
    live.pin = pin;
    live.tries_left = slots.purpose.pin_tries();
    Ok(())
}
