//! Sessions with the provider's security domain on one card.
//!
//! The carrier's first keys are replaced by the provider's own in the first session, in the same
//! script as its work; afterwards only the provider's own keys are used. When a script with the
//! first keys was sent and its answer lost, the provider's own keys are tried first, and the first
//! keys only when the card says that it has no others.

mod error;
mod take_over;

use globalplatform::apdu::ResponseApdu;
use globalplatform::commands::put_key::PutKeyResponse;
use globalplatform::status_word::StatusWord;
use scp03::keys::{KeyError, StaticKeys};
use scp03::parameters::{InvalidParameters, ScpParameters};
use zeroize::Zeroizing;

use crate::card::counter::KeysetCounter;
use crate::card_session::{CardSession, Leg, LegCommand, LegOutcome, SessionError};
use crate::identity::Iccid;
use crate::jpki::card_status::CardStatus;
use crate::jpki::domain::{InitialKeys, ProviderDomain};
use crate::jpki::personalisation::{self, AppletCommands};
use crate::jpki::provider::Provider;
use crate::ports::{Batch, SealContext, Store, StoreError, VaultError, Versioned};
use crate::record::{Stored, Table};

pub use error::DomainError;
pub(crate) use take_over::take_over;

/// Bytes of one AES-128 key.
const KEY_LENGTH: usize = 16;

/// Sessions with the domain of one card, under a lease.
pub(crate) struct DomainSession<'a> {
    provider: Provider<'a>,
    domain: Versioned<ProviderDomain>,
    card: CardSession<'a>,
}

impl<'a> DomainSession<'a> {
    /// Takes the lease on the card. [`close`](Self::close) gives it back; it ends by itself otherwise.
    ///
    /// # Errors
    /// [`DomainError::NoDomain`], [`DomainError::Lease`], [`DomainError::Store`].
    pub(crate) async fn open(provider: Provider<'a>, iccid: &Iccid) -> Result<Self, DomainError> {
        let domain = load(provider.store, iccid)
            .await?
            .ok_or(DomainError::NoDomain)?;
        let lease_epoch = provider
            .carrier
            .acquire_lease(iccid)
            .await
            .map_err(DomainError::Lease)?;
        let card = CardSession {
            store: provider.store,
            link: provider.link,
            entropy: provider.entropy,
            clock: provider.clock,
            iccid: iccid.clone(),
            lease_epoch,
            deadline: provider.now(),
            exchanges: 0,
        };
        Ok(Self {
            provider,
            domain,
            card,
        })
    }

    /// Gives the lease back.
    pub(crate) async fn close(self) {
        let released = self
            .provider
            .carrier
            .release_lease(&self.card.iccid, self.card.lease_epoch)
            .await;
        if let Err(error) = released {
            tracing::warn!(iccid = ?self.card.iccid, %error, "the lease was not given back");
        }
    }

    /// Script exchanges with the phone so far.
    pub(crate) fn exchanges(&self) -> u32 {
        self.card.exchanges
    }

    /// No commands yet for the applet of this domain.
    ///
    /// # Errors
    /// [`DomainError::Handover`] when the domain's parameters are not those of SCP03.
    pub(crate) fn commands(&self) -> Result<AppletCommands, DomainError> {
        let domain = &self.domain.value;
        Ok(AppletCommands::new(
            domain.instance,
            parameters(domain)?.mode(),
        ))
    }

    /// Plays `commands` and reads the status object, which must be the last answer.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub(crate) async fn status_after(
        &mut self,
        work: &'static str,
        commands: AppletCommands,
    ) -> Result<CardStatus, DomainError> {
        let answer = self.play(work, commands.status()).await?;
        Ok(CardStatus::decode(&answer.data)?)
    }

    /// Plays `commands` under the provider's own keys, which are put on the card
    /// first where they aren't there yet. Returns the last answer; it is
    /// verified, and all commands were answered by 9000.
    ///
    /// # Errors
    /// [`DomainError`].
    pub(crate) async fn play(
        &mut self,
        work: &'static str,
        commands: AppletCommands,
    ) -> Result<ResponseApdu, DomainError> {
        self.card.deadline = self
            .provider
            .now()
            .after(self.provider.policy.session_timeout);
        let Some(initial) = self.domain.value.initial.clone() else {
            let legs = SecretLegs(vec![self.own_leg(self.domain.value.generation, commands)?]);
            let outcomes = self.card.play(&legs.0).await?;
            return last_answer(work, &legs, &outcomes);
        };
        let generation = next(self.domain.value.generation)?;
        let mut legs = SecretLegs(vec![self.own_leg(generation, commands)?]);
        if rotation_may_have_happened(self.provider.store, &self.domain.value).await? {
            match self.card.play(&legs.0).await {
                Err(SessionError::NoSuchKeys { leg: 0 }) => {}
                outcomes => {
                    let outcomes = outcomes?;
                    self.rotated(generation).await?;
                    return last_answer(work, &legs, &outcomes);
                }
            }
        }
        legs.0.insert(0, self.rotation_leg(&initial, generation)?);
        let outcomes = self.card.play(&legs.0).await?;
        self.check_rotation(generation, &legs, &outcomes)?;
        self.rotated(generation).await?;
        last_answer(work, &legs, &outcomes)
    }

    fn own_leg(&self, generation: u8, commands: AppletCommands) -> Result<Leg, DomainError> {
        let keys = self.own_keys(generation)?;
        let version = ProviderDomain::key_version(generation);
        Ok(self.leg(keys, version, commands.danger_take()?))
    }

    fn rotation_leg(&self, initial: &InitialKeys, generation: u8) -> Result<Leg, DomainError> {
        let sealed = self
            .provider
            .vault
            .unseal(&context(&self.card.iccid), &initial.sealed)?;
        let keys = static_keys(&sealed)?;
        let new_version = ProviderDomain::key_version(generation);
        let put_key =
            self.own_keys(generation)?
                .put_key(initial.key_version, new_version, &keys.dek);
        let commands = vec![LegCommand::new(put_key.to_apdu())];
        Ok(self.leg(keys, initial.key_version, commands))
    }

    fn leg(&self, keys: StaticKeys, key_version: u8, commands: Vec<LegCommand>) -> Leg {
        let ProviderDomain { aid, scp_i, .. } = self.domain.value;
        Leg {
            select: aid,
            keys,
            key_version,
            scp_i,
            counter_owner: aid,
            commands,
        }
    }

    fn own_keys(&self, generation: u8) -> Result<StaticKeys, VaultError> {
        self.provider
            .vault
            .domain_keys(self.card.iccid.as_str(), generation.into())
    }

    /// The card echoes version and check values of the keys that it stored.
    fn check_rotation(
        &self,
        generation: u8,
        legs: &SecretLegs,
        outcomes: &[LegOutcome],
    ) -> Result<(), DomainError> {
        let only_rotation = outcomes.get(..1).unwrap_or(outcomes);
        let answer = last_answer("the new keys", legs, only_rotation)?;
        let version = ProviderDomain::key_version(generation);
        let expected = self.own_keys(generation)?.put_key_response(version);
        if PutKeyResponse::decode(&answer.data)? != expected {
            return Err(DomainError::OtherKeys);
        }
        Ok(())
    }

    /// Records that the provider's own keys are on the card; the first ones are forgotten.
    async fn rotated(&mut self, generation: u8) -> Result<(), StoreError> {
        let domain = ProviderDomain {
            initial: None,
            generation,
            ..self.domain.value.clone()
        };
        let batch = Batch::new().update(
            self.card.iccid.as_str(),
            self.domain.version,
            domain.clone(),
        );
        self.provider.store.commit(batch).await?;
        self.domain = Versioned {
            version: self.domain.version.saturating_add(1),
            value: domain,
        };
        Ok(())
    }
}

/// Whether anything of the provider can be on the card: false only when no
/// script ever went to the domain.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn was_ever_used(store: &dyn Store, iccid: &Iccid) -> Result<bool, StoreError> {
    let Some(domain) = load(store, iccid).await? else {
        return Ok(false);
    };
    match domain.value.initial {
        None => Ok(true),
        Some(_) => rotation_may_have_happened(store, &domain.value).await,
    }
}

/// Whether a script with the first keys was ever sent.
async fn rotation_may_have_happened(
    store: &dyn Store,
    domain: &ProviderDomain,
) -> Result<bool, StoreError> {
    let Some(initial) = &domain.initial else {
        return Ok(true);
    };
    let id = KeysetCounter::id(&domain.iccid, &domain.aid, initial.key_version);
    let counter = store.load::<KeysetCounter>(&id).await?;
    Ok(counter.is_some_and(|counter| counter.value.sent > 0))
}

async fn load(
    store: &dyn Store,
    iccid: &Iccid,
) -> Result<Option<Versioned<ProviderDomain>>, StoreError> {
    store.load::<ProviderDomain>(iccid.as_str()).await
}

/// The last answer of the last leg, when all legs ran to their end.
fn last_answer(
    work: &'static str,
    legs: &SecretLegs,
    outcomes: &[LegOutcome],
) -> Result<ResponseApdu, DomainError> {
    let refused = |command, sw| DomainError::Refused { work, command, sw };
    for (leg, outcome) in legs.0.iter().zip(outcomes) {
        if let Some((command, sw)) = outcome.refusal(leg) {
            return Err(refused(command, sw));
        }
    }
    let answer = outcomes.last().and_then(|outcome| outcome.responses.last());
    answer.cloned().ok_or(refused(0, StatusWord::NO_DIAGNOSIS))
}

fn next(generation: u8) -> Result<u8, DomainError> {
    generation
        .checked_add(1)
        .ok_or(DomainError::GenerationsExhausted)
}

fn context(iccid: &Iccid) -> SealContext {
    const TABLE: Table = ProviderDomain::TABLE;
    SealContext {
        table: TABLE.name(),
        row: iccid.to_string(),
        column: "initial",
    }
}

/// ENC, MAC and DEK, one behind the other.
fn static_keys(bytes: &Zeroizing<Vec<u8>>) -> Result<StaticKeys, DomainError> {
    let mut keys = bytes.chunks_exact(KEY_LENGTH);
    match (
        keys.next(),
        keys.next(),
        keys.next(),
        keys.next(),
        keys.remainder(),
    ) {
        (Some(enc), Some(mac), Some(dek), None, []) => StaticKeys::from_bytes(enc, mac, dek)
            .map_err(|error: KeyError| DomainError::Handover(error.to_string())),
        _ => Err(DomainError::Handover(format!(
            "{} bytes are not three keys",
            bytes.len()
        ))),
    }
}

fn parameters(domain: &ProviderDomain) -> Result<ScpParameters, DomainError> {
    ScpParameters::new(domain.scp_i)
        .map_err(|error: InvalidParameters| DomainError::Handover(error.to_string()))
}

/// Legs whose commands are wiped when they are dropped.
struct SecretLegs(Vec<Leg>);

impl Drop for SecretLegs {
    fn drop(&mut self) {
        for leg in &mut self.0 {
            personalisation::wipe(&mut leg.commands);
        }
    }
}
