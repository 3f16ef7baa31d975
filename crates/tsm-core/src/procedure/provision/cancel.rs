//! Withdrawing an application that has no credential yet: person and card are free again.
//!
//! What the operator may have put on the card stays there, without a credential, for the next
//! application. From the moment a credential is set aside, revoking that is the way.

use crate::audit::{self, Party};
use crate::error::{Failure, Reason};
use crate::identity::Caller;
use crate::jpki::application::{Application, ApplicationEvent, ApplicationState};
use crate::jpki::provider::Provider;
use crate::jpki::wrong_state::WrongState;
use crate::ports::{Batch, StoreError};

use super::{free_card, free_person};

/// How often a withdrawal that lost a race is decided again.
const ATTEMPTS: usize = 8;

/// Why an application was not withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// There is no such application.
    #[error("there is no such application")]
    ApplicationUnknown,
    /// It has a credential already, or ended otherwise.
    #[error("the application can not be withdrawn any more; revoke its credential instead")]
    WrongState(#[from] WrongState),
    /// The store did not do it.
    #[error("the withdrawal could not be stored")]
    Store(#[from] StoreError),
}

impl Failure for CancelError {
    fn reason(&self) -> Reason {
        match self {
            Self::ApplicationUnknown => Reason::ApplicationUnknown,
            Self::WrongState(_) => Reason::WrongState,
            Self::Store(error) => error.reason(),
        }
    }
}

/// Ends an application that has no credential. Repeating it changes nothing.
///
/// # Errors
/// [`CancelError`]; nothing was changed then.
pub async fn cancel(
    provider: &Provider<'_>,
    caller: &Caller,
    application: &str,
) -> Result<Application, CancelError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match decide(provider, caller, application).await {
            Err(CancelError::Store(StoreError::Conflict(_))) if attempts < ATTEMPTS => {}
            decided => return decided,
        }
    }
}

async fn decide(
    provider: &Provider<'_>,
    caller: &Caller,
    id: &str,
) -> Result<Application, CancelError> {
    let store = provider.store;
    let found = store.load::<Application>(id).await?;
    let found = found.ok_or(CancelError::ApplicationUnknown)?;
    let mut application = found.value;
    let reason = Reason::ApplicationCancelled.as_str();
    if application.refusal.as_deref() == Some(reason) {
        return Ok(application);
    }
    if application.credential.is_some() || application.state == ApplicationState::Refused {
        return Err(WrongState {
            what: "application",
            state: application.state.as_str(),
            event: "cancel",
        }
        .into());
    }
    application.apply(ApplicationEvent::Refused {
        reason: reason.to_owned(),
    })?;
    let batch = free_person(store, Batch::new(), &application).await?;
    let batch = free_card(store, batch, &application).await?;
    let batch = batch.update(id, found.version, application.clone());
    let step = provider
        .step_by(caller, format!("application/{id}"), Party::User)
        .on(&application.iccid)
        .says("cancel", reason);
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(application)
}
