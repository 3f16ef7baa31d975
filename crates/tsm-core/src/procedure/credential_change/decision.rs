//! What a change of a credential changes in the records: all of it in one batch.

use crate::audit::Party;
use crate::error::Reason;
use crate::identity::Caller;
use crate::jpki::application::{Application, ApplicationEvent, CardGuard};
use crate::jpki::credential::{Credential, CredentialEvent, OpenDuty};
use crate::jpki::provider::Provider;
use crate::jpki::uuid;
use crate::ports::{Batch, Store, StoreError, Versioned};
use crate::procedure::provision::free_person;
use crate::receipt;
use crate::time::Timestamp;

use super::ChangeError;

/// A credential and the application that it came from, as they are stored.
pub(super) struct Subject {
    pub(super) credential: Versioned<Credential>,
    pub(super) application: Versioned<Application>,
}

impl Subject {
    pub(super) async fn load(store: &dyn Store, credential: &str) -> Result<Self, ChangeError> {
        let credential = store.load::<Credential>(credential).await?;
        let credential = credential.ok_or(ChangeError::CredentialUnknown)?;
        let application = store
            .load::<Application>(&credential.value.application)
            .await?;
        let application = application.ok_or(ChangeError::CredentialUnknown)?;
        Ok(Self {
            credential,
            application,
        })
    }

    /// Something of the credential may have been sent to the card.
    pub(super) fn sent_to_card(&self) -> bool {
        self.application.value.state.may_have_written()
    }

    /// Adds to `batch` everything that `event` changes; without a caller the server decided itself.
    pub(super) async fn decide(
        &self,
        provider: &Provider<'_>,
        mut batch: Batch,
        caller: Option<&Caller>,
        event: CredentialEvent,
    ) -> Result<Batch, ChangeError> {
        let store = provider.store;
        let before = &self.credential.value;
        let action = event.name();
        let mut after = before.clone();
        after.apply(event)?;
        if before.state.is_final() {
            batch = match self.take_card(store, batch).await? {
                Taken::Ours(batch) => batch,
                // Nothing of this credential is on the card any more, and what is there is not ours.
                Taken::ByAnother(batch) => return Ok(batch),
            };
        } else if after.state.is_final() {
            batch = self.end(store, batch).await?;
        }
        let outcome = format!("{}, card: {:?}", after.state.as_str(), after.duty);
        batch = batch.update(before.id.clone(), self.credential.version, after);
        batch = open_duty(provider, batch, &before.id).await?;
        let subject = format!("credential/{}", before.id);
        let step = match caller {
            Some(caller) => provider.step_by(caller, subject, Party::Jlis),
            None => provider.step(subject, Party::Jlis),
        };
        let step = step.on(&before.iccid).says(action, outcome);
        let Provider { vault, tenant, .. } = *provider;
        Ok(receipt::append(store, vault, tenant, batch, step, &[]).await?)
    }

    /// The person is free, and an application that was still open is over.
    async fn end(&self, store: &dyn Store, batch: Batch) -> Result<Batch, ChangeError> {
        let batch = free_person(store, batch, &self.application.value).await?;
        let Versioned { version, value } = &self.application;
        if value.state.is_final() {
            return Ok(batch);
        }
        let mut application = value.clone();
        application.apply(ApplicationEvent::Refused {
            reason: Reason::CredentialRevoked.to_string(),
        })?;
        Ok(batch.update(application.id.clone(), *version, application))
    }

    /// Takes the card's place again, when nobody has it.
    async fn take_card(&self, store: &dyn Store, batch: Batch) -> Result<Taken, StoreError> {
        let application = self.application.value.id.clone();
        let id = self.application.value.iccid.as_str();
        Ok(match store.load::<CardGuard>(id).await? {
            None => Taken::Ours(batch.insert(id, CardGuard { application })),
            Some(guard) if guard.value.application == application => {
                Taken::Ours(batch.expecting::<CardGuard>(id, guard.version))
            }
            Some(guard) => Taken::ByAnother(batch.expecting::<CardGuard>(id, guard.version)),
        })
    }
}

/// Whose the place of a card is.
enum Taken {
    Ours(Batch),
    ByAnother(Batch),
}

/// Puts what is left to do on the list. A worker that is at an older duty keeps its claim, and goes
/// on with this one.
async fn open_duty(
    provider: &Provider<'_>,
    batch: Batch,
    credential: &str,
) -> Result<Batch, ChangeError> {
    let known = provider.store.load::<OpenDuty>(credential).await?;
    let version = known.as_ref().map_or(0, |duty| duty.version);
    let now = provider.now();
    let duty = OpenDuty {
        request_id: uuid::version_7(now, provider.entropy)?,
        attempts: 0,
        due_at: now,
        claimed_until: known.map_or(Timestamp(0), |duty| duty.value.claimed_until),
    };
    Ok(batch.update(credential, version, duty))
}
