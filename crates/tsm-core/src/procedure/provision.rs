//! Provisioning: from a citizen's signed application to a credential that works.
//!
//! [`accept`] opens an application; [`provision`] works it up to `Active`, and goes on from the
//! stored state when it is called again: every stage can be repeated, and ends with a commit.
//!
//! | Stage | Exchanges with the phone | Ends in state |
//! |---|---|---|
//! | `eligibility` | 0, or 1 for a card that was never read | `SeEligible`, or `Refused` |
//! | `deploy` | 1 | `AppletInstalled`, or `Refused` |
//! | `issue` | 0 | `KeyIssued` |
//! | `personalise` | 1 | `Writing`: key rotated, credential pending, possession proved |
//! | `commit` | 1 | `Written`: read back live |
//! | `activate` | 1 | `Active`: read back selectable, server's copy of the key destroyed |
//!
//! A card in doubt is read before anything is written again. Before `Written` a failure costs
//! nothing but the attempt; from then on it only goes forward.

mod activate;
mod cancel;
mod deploy;
mod error;
mod intake;
mod issue;
mod write;

use crate::audit::{self, Party};
use crate::identity::Caller;
use crate::jpki::application::{
    Application, ApplicationEvent, ApplicationState, CardGuard, PersonGuard, Stage,
};
use crate::jpki::credential::{Credential, CredentialState};
use crate::jpki::pin::Pin;
use crate::jpki::provider::Provider;
use crate::jpki::wrong_state::WrongState;
use crate::ports::{Batch, Store, StoreError, Versioned};
use crate::receipt;
use crate::time::Timestamp;

pub use cancel::{CancelError, cancel};
pub use error::ProvisionError;
pub use intake::{ApplicationError, accept};

/// Hears of every stage that has just ended, and of the application as it is then stored.
pub type Progress<'a> = &'a (dyn Fn(&Application, &Stage) + Send + Sync);

/// A citizen's request that was fulfilled.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The application, `Active`.
    pub application: Application,
    /// Its credential, as it is now.
    pub credential: Credential,
}

/// Works an application up to `Active`. The PIN of the call that gets there is
/// the one on the card; a call for an application that is there already changes
/// nothing.
///
/// One call at a time should work on an application. Of two, one fails with
/// [`ProvisionError::Store`] (a conflict) before anything is done twice.
///
/// # Errors
/// [`ProvisionError`]. After [`ProvisionError::Refused`] the application is over
/// and person and card are free; after all others, calling again goes on.
pub async fn provision(
    provider: &Provider<'_>,
    caller: &Caller,
    application: &str,
    pin: &Pin,
    progress: Progress<'_>,
) -> Result<Provisioned, ProvisionError> {
    let stored = provider.store.load::<Application>(application).await?;
    let application = stored.ok_or(ProvisionError::ApplicationUnknown)?;
    let mut run = Run {
        provider: *provider,
        caller: caller.clone(),
        application,
        pin,
        pin_on_card: false,
        progress,
    };
    loop {
        match run.application.value.state {
            ApplicationState::Approved => run.check_eligibility().await?,
            ApplicationState::SeEligible => run.deploy().await?,
            ApplicationState::AppletInstalled => run.issue().await?,
            ApplicationState::KeyIssued | ApplicationState::Writing => run.write().await?,
            ApplicationState::Written => run.activate().await?,
            ApplicationState::Active => return run.done().await,
            ApplicationState::Refused => return Err(run.refused_before()),
        }
    }
}

/// One run over the stages.
struct Run<'a> {
    provider: Provider<'a>,
    caller: Caller,
    application: Versioned<Application>,
    pin: &'a Pin,
    /// This run has put its PIN on the card.
    pin_on_card: bool,
    progress: Progress<'a>,
}

/// What a stage has done, for its record.
struct Done {
    name: &'static str,
    party: Party,
    exchanges: u32,
    started: Timestamp,
}

impl Run<'_> {
    async fn done(&self) -> Result<Provisioned, ProvisionError> {
        let credential = self.credential().await?.value;
        Ok(Provisioned {
            application: self.application.value.clone(),
            credential,
        })
    }

    fn refused_before(&self) -> ProvisionError {
        let reason = self.application.value.refusal.clone().unwrap_or_default();
        ProvisionError::Refused {
            reason,
            detail: "the application is over".to_owned(),
        }
    }

    /// The application's credential.
    async fn credential(&self) -> Result<Versioned<Credential>, ProvisionError> {
        let application = &self.application.value;
        let id = application
            .credential
            .as_deref()
            .ok_or(ProvisionError::NoCredential)?;
        let found = self.provider.store.load::<Credential>(id).await?;
        found.ok_or(ProvisionError::NoCredential)
    }

    /// The credential, when it is in the state that the application's state asks for.
    async fn credential_in(
        &self,
        state: CredentialState,
    ) -> Result<Versioned<Credential>, ProvisionError> {
        let credential = self.credential().await?;
        if credential.value.state == state {
            return Ok(credential);
        }
        let found = credential.value.state.as_str();
        Err(WrongState {
            what: "credential",
            state: found,
            event: "provision",
        }
        .into())
    }

    /// Commits `batch` together with the application's next state, without a stage to record.
    async fn advance(
        &mut self,
        batch: Batch,
        event: ApplicationEvent,
    ) -> Result<(), ProvisionError> {
        let action = event.name();
        let mut next = self.application.value.clone();
        next.apply(event)?;
        self.commit(batch, next, (action, Party::Jlis, false)).await
    }

    /// Commits `batch` together with the end of a stage, and tells of it.
    async fn end_stage(
        &mut self,
        batch: Batch,
        event: ApplicationEvent,
        done: Done,
    ) -> Result<(), ProvisionError> {
        let elapsed = self.provider.now().since(done.started);
        let stage = Stage {
            name: done.name.to_owned(),
            exchanges: done.exchanges,
            micros: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        };
        let mut next = self.application.value.clone();
        next.apply(event)?;
        next.record(&stage);
        // What the operator does to the card, the operator certifies.
        let leaves_a_receipt = done.party == Party::Jlis && next.refusal.is_none();
        let said = (done.name, done.party, leaves_a_receipt);
        self.commit(batch, next, said).await?;
        (self.progress)(&self.application.value, &stage);
        Ok(())
    }

    async fn commit(
        &mut self,
        batch: Batch,
        next: Application,
        (action, party, leaves_a_receipt): (&str, Party, bool),
    ) -> Result<(), ProvisionError> {
        let subject = format!("application/{}", next.id);
        let outcome = next.refusal.as_deref();
        let step = self
            .provider
            .step_by(&self.caller, subject, party)
            .on(&next.iccid)
            .says(action, outcome.unwrap_or(next.state.as_str()));
        let batch = batch.update(next.id.clone(), self.application.version, next.clone());
        let Provider {
            store,
            vault,
            tenant,
            ..
        } = self.provider;
        let batch = if leaves_a_receipt {
            receipt::append(store, vault, tenant, batch, step, &[]).await?
        } else {
            audit::append(store, batch, step).await?
        };
        store.commit(batch).await?;
        let version = self.application.version.saturating_add(1);
        self.application = Versioned {
            version,
            value: next,
        };
        Ok(())
    }

    /// Ends the application without a credential: person and card are free again.
    async fn refuse<T>(
        &mut self,
        done: Done,
        reason: String,
        detail: String,
    ) -> Result<T, ProvisionError> {
        let batch = free_person(self.provider.store, Batch::new(), &self.application.value).await?;
        let batch = free_card(self.provider.store, batch, &self.application.value).await?;
        let event = ApplicationEvent::Refused {
            reason: reason.clone(),
        };
        self.end_stage(batch, event, done).await?;
        Err(ProvisionError::Refused { reason, detail })
    }

    /// Makes the commit hang on the person's place being this application's.
    async fn holding_person(&self, batch: Batch) -> Result<Batch, ProvisionError> {
        let application = &self.application.value;
        let id = PersonGuard::id(&application.person);
        match self.provider.store.load::<PersonGuard>(&id).await? {
            Some(guard) if guard.value.application == application.id => {
                Ok(batch.expecting::<PersonGuard>(id, guard.version))
            }
            _ => Err(ProvisionError::PlaceLost),
        }
    }
}

impl Application {
    /// Adds a finished stage; what a repeated one took is added up.
    fn record(&mut self, stage: &Stage) {
        match self
            .stages
            .iter_mut()
            .find(|known| known.name == stage.name)
        {
            Some(known) => {
                known.exchanges = known.exchanges.saturating_add(stage.exchanges);
                known.micros = known.micros.saturating_add(stage.micros);
            }
            None => self.stages.push(stage.clone()),
        }
    }
}

/// Frees the person's place, if this application holds it.
pub(super) async fn free_person(
    store: &dyn Store,
    batch: Batch,
    application: &Application,
) -> Result<Batch, StoreError> {
    let id = PersonGuard::id(&application.person);
    Ok(match store.load::<PersonGuard>(&id).await? {
        Some(guard) if guard.value.application == application.id => {
            batch.remove::<PersonGuard>(id, guard.version)
        }
        _ => batch,
    })
}

/// Frees the card's place, if this application holds it.
pub(super) async fn free_card(
    store: &dyn Store,
    batch: Batch,
    application: &Application,
) -> Result<Batch, StoreError> {
    let id = application.iccid.as_str();
    Ok(match store.load::<CardGuard>(id).await? {
        Some(guard) if guard.value.application == application.id => {
            batch.remove::<CardGuard>(id, guard.version)
        }
        _ => batch,
    })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
