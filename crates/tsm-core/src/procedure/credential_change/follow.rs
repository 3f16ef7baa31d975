//! Reminding cards of their duties: one worker at a time, again and again until they were read back.

use std::time::Duration;

use crate::audit::{Party, Step};
use crate::identity::Iccid;
use crate::jpki::credential::{CardDuty, CredentialEvent, OpenDuty, SealedPrivateKey};
use crate::jpki::private_key;
use crate::jpki::provider::Provider;
use crate::ports::{Batch, Entropy, EntropyError, StoreError, Versioned};
use crate::procedure::provision::free_card;
use crate::receipt;
use crate::record::{Record, Stored};
use crate::time::Timestamp;

use super::ChangeError;
use super::decision::Subject;
use super::duty::{self, DutyError, Proof};

/// How many changes that come in meanwhile one worker follows.
const ROUNDS: usize = 8;
/// Duties that are read at once.
const PAGE: usize = 64;

/// What a walk over the list of duties came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DutyReport {
    /// Cards that have followed.
    pub followed: u32,
    /// Cards that were reminded in vain.
    pub owed: u32,
}

/// Reminds every card whose duty is due. For a background task, and for a start
/// of the server: duties survive it.
///
/// # Errors
/// [`StoreError`] when the list cannot be read; what single cards fail at is only counted.
pub async fn follow_duties(provider: &Provider<'_>) -> Result<DutyReport, StoreError> {
    let mut report = DutyReport::default();
    let mut after: Option<String> = None;
    loop {
        let table = OpenDuty::TABLE;
        let page = provider
            .store
            .scan(table, "", after.as_deref(), PAGE)
            .await?;
        for (key, found) in &page {
            let now = provider.now();
            let Record::OpenDuty(duty) = &found.value else {
                continue;
            };
            if duty.due_at > now || duty.claimed_until > now {
                continue;
            }
            match follow_duty(provider, &key.id).await {
                Ok(()) => report.followed += 1,
                Err(error) => {
                    tracing::info!(credential = key.id, %error, "the card follows later");
                    report.owed += 1;
                }
            }
        }
        match page.last() {
            Some((key, _)) if page.len() >= PAGE => after = Some(key.id.clone()),
            _ => return Ok(report),
        }
    }
}

/// Reminds the card of one credential now, due or not. Does nothing when nothing is owed.
///
/// # Errors
/// [`DutyError`]; the duty stays on the list then, and is due later.
pub async fn follow_duty(provider: &Provider<'_>, credential: &str) -> Result<(), DutyError> {
    let Some(mut claim) = Claim::take(provider, credential).await? else {
        return Ok(());
    };
    for _ in 0..ROUNDS {
        match claim.follow().await {
            Err(DutyError::Store(StoreError::Conflict(_))) => {
                // The credential was changed meanwhile: what is owed now is done in its place.
                if !claim.renew().await? {
                    return Ok(());
                }
            }
            Err(error) => {
                claim.give_up().await?;
                return Err(error);
            }
            Ok(()) => return Ok(()),
        }
    }
    claim.give_up().await?;
    Err(DutyError::Busy)
}

/// A duty that this worker has for itself.
struct Claim<'a> {
    provider: &'a Provider<'a>,
    credential: &'a str,
    duty: Versioned<OpenDuty>,
}

impl<'a> Claim<'a> {
    async fn take(
        provider: &'a Provider<'a>,
        credential: &'a str,
    ) -> Result<Option<Self>, DutyError> {
        let Some(duty) = provider.store.load::<OpenDuty>(credential).await? else {
            return Ok(None);
        };
        if duty.value.claimed_until > provider.now() {
            return Err(DutyError::Busy);
        }
        let mut claim = Self {
            provider,
            credential,
            duty,
        };
        match claim.extend().await {
            Err(StoreError::Conflict(_)) => Err(DutyError::Busy),
            extended => {
                extended?;
                Ok(Some(claim))
            }
        }
    }

    async fn extend(&mut self) -> Result<(), StoreError> {
        let claimed_until = self.provider.now().after(self.provider.policy.duty_claim);
        self.put(OpenDuty {
            claimed_until,
            ..self.duty.value.clone()
        })
        .await
    }

    async fn put(&mut self, value: OpenDuty) -> Result<(), StoreError> {
        let Versioned { version, .. } = self.duty;
        let batch = Batch::new().update(self.credential, version, value.clone());
        self.provider.store.commit(batch).await?;
        self.duty = Versioned {
            version: version.saturating_add(1),
            value,
        };
        Ok(())
    }

    /// Reads the duty again; says whether there still is one and this worker still has it.
    async fn renew(&mut self) -> Result<bool, DutyError> {
        let ours = self.duty.value.claimed_until;
        match self
            .provider
            .store
            .load::<OpenDuty>(self.credential)
            .await?
        {
            Some(duty) if duty.value.claimed_until == ours => self.duty = duty,
            Some(_) => return Err(DutyError::Busy),
            None => return Ok(false),
        }
        self.extend().await?;
        Ok(true)
    }

    /// Does what is owed now, and takes it off the list.
    async fn follow(&self) -> Result<(), DutyError> {
        let Provider { store, vault, .. } = *self.provider;
        let Subject {
            credential,
            application,
        } = match Subject::load(store, self.credential).await {
            Err(ChangeError::Store(error)) => return Err(error.into()),
            subject => subject?,
        };
        let Versioned { version, value } = credential;
        let mut batch = Batch::new().remove::<OpenDuty>(self.credential, self.duty.version);
        let mut next = value.clone();
        if value.state.is_final() {
            if let Some(sealed) = private_key::destroy(store, vault, self.credential).await? {
                batch = batch.remove::<SealedPrivateKey>(self.credential, sealed.version);
                next.private_key_destroyed = true;
            }
            batch = free_card(store, batch, &application.value).await?;
        }
        let proof = duty::carry_out(self.provider, &value, &self.duty.value.request_id).await?;
        if value.duty != CardDuty::None {
            next.apply(CredentialEvent::CardFollowed)
                .map_err(ChangeError::from)?;
            let Provider { tenant, .. } = *self.provider;
            let step = self.step(&value.iccid, value.duty, proof, next.state.as_str());
            batch = receipt::append(store, vault, tenant, batch, step, &[])
                .await
                .map_err(ChangeError::from)?;
        }
        store
            .commit(batch.update(self.credential, version, next))
            .await?;
        Ok(())
    }

    fn step(&self, card: &Iccid, duty: CardDuty, proof: Proof, state: &str) -> Step {
        let (party, action) = match duty {
            CardDuty::Wipe => (Party::Jlis, "card-wiped"),
            CardDuty::Lock => (Party::Carrier, "card-locked"),
            CardDuty::Unlock => (Party::Carrier, "card-unlocked"),
            CardDuty::Remove => (Party::Carrier, "card-cleared"),
            CardDuty::None => (Party::Jlis, "card-agrees"),
        };
        let subject = format!("credential/{}", self.credential);
        let step = self.provider.step(subject, party).on(card);
        step.says(action, format!("{}, {state}", proof.as_str()))
    }

    /// Leaves the duty to a later attempt.
    async fn give_up(&mut self) -> Result<(), DutyError> {
        let ours = self.duty.value.claimed_until;
        let now = self.provider.now();
        let Some(found) = self
            .provider
            .store
            .load::<OpenDuty>(self.credential)
            .await?
        else {
            return Ok(());
        };
        if found.value.claimed_until != ours {
            return Ok(());
        }
        let is_same = found.value.request_id == self.duty.value.request_id;
        let mut duty = OpenDuty {
            claimed_until: Timestamp(0),
            ..found.value.clone()
        };
        if is_same {
            duty.due_at = now.after(wait(self.provider, duty.attempts).map_err(ChangeError::from)?);
            duty.attempts = duty.attempts.saturating_add(1);
        }
        self.duty = found;
        match self.put(duty).await {
            // Changed at this very moment: the claim ends by itself.
            Err(StoreError::Conflict(_)) => Ok(()),
            put => Ok(put?),
        }
    }
}

/// How long to wait after so many vain attempts: doubling up to a limit, half of it by chance.
fn wait(provider: &Provider<'_>, attempts: u32) -> Result<Duration, EntropyError> {
    let policy = provider.policy;
    let doubled = policy
        .first_retry
        .saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX));
    let longest = doubled.min(policy.longest_retry);
    Ok(longest / 2 + chance(provider.entropy, longest / 2)?)
}

/// A random part of `most`.
fn chance(entropy: &dyn Entropy, most: Duration) -> Result<Duration, EntropyError> {
    let mut random = [0; 2];
    entropy.fill(&mut random)?;
    Ok(most * u32::from(u16::from_be_bytes(random)) / u32::from(u16::MAX))
}
