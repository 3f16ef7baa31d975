//! Taking over the domain that the operator has made for the provider.

use sha2::{Digest, Sha256};

use super::{DomainError, context, next, parameters, rotation_may_have_happened, static_keys};
use crate::card::counter::KeysetCounter;
use crate::card::deployment::KeyHandover;
use crate::jpki::domain::{InitialKeys, ProviderDomain};
use crate::jpki::provider::Provider;
use crate::ports::{Batch, ServiceChange};

/// Takes over the domain that the operator has made, unless it is the one that
/// is known already: the first keys are sealed into the record, the counters of
/// key sets that will be new on the card are forgotten. The provider's next keys
/// are of a generation for which no script was ever built: the counters start
/// again, and an old script must not fit them.
///
/// # Errors
/// [`DomainError::Handover`], [`DomainError::Vault`] when it was not sealed for
/// this provider, [`DomainError::Store`].
pub(crate) async fn take_over(
    provider: &Provider<'_>,
    batch: Batch,
    change: &ServiceChange,
) -> Result<Batch, DomainError> {
    let iccid = &change.deployment.iccid;
    let known = provider
        .store
        .load::<ProviderDomain>(iccid.as_str())
        .await?;
    let version = known.as_ref().map_or(0, |domain| domain.version);
    let known = known.map(|domain| domain.value);
    let Some(handover) = &change.deployment.handover else {
        return match known {
            Some(domain) if domain.generation > 0 => Ok(batch),
            _ => Err(DomainError::Handover("there is none".to_owned())),
        };
    };
    let handover_sha256 = digest(handover);
    if known
        .as_ref()
        .is_some_and(|domain| domain.handover_sha256 == handover_sha256)
    {
        return Ok(batch);
    }
    let mut generation = match &known {
        Some(domain) => highest_used(provider, domain).await?,
        None => 0,
    };
    if ProviderDomain::key_version(next(generation)?) == handover.key_version {
        generation = next(generation)?;
    }
    let keys = provider.vault.hpke_open(
        &KeyHandover::info(iccid),
        &handover.encapsulated_key,
        &handover.ciphertext,
    )?;
    static_keys(&keys)?;
    let domain = ProviderDomain {
        iccid: iccid.clone(),
        aid: change.security_domain,
        scp_i: change.scp_i,
        instance: change.instance,
        handover_sha256,
        initial: Some(InitialKeys {
            key_version: handover.key_version,
            sealed: provider.vault.seal(&context(iccid), &keys)?,
        }),
        generation,
    };
    parameters(&domain)?;
    let own_version = ProviderDomain::key_version(next(generation)?);
    let mut batch = batch.update(iccid.as_str(), version, domain);
    for key_version in [handover.key_version, own_version] {
        let id = KeysetCounter::id(iccid, &change.security_domain, key_version);
        if let Some(counter) = provider.store.load::<KeysetCounter>(&id).await? {
            batch = batch.remove::<KeysetCounter>(id, counter.version);
        }
    }
    Ok(batch)
}

/// The highest generation of keys for which a script may be about.
async fn highest_used(provider: &Provider<'_>, domain: &ProviderDomain) -> Result<u8, DomainError> {
    let is_unconfirmed = domain.initial.is_some();
    if is_unconfirmed && rotation_may_have_happened(provider.store, domain).await? {
        next(domain.generation)
    } else {
        Ok(domain.generation)
    }
}

fn digest(handover: &KeyHandover) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [&handover.encapsulated_key, &handover.ciphertext] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
