//! Intake: a verified application becomes an open one, if person and card are free.
//!
//! Everything that must be unique hangs on a guard record in one batch, so that of two applications
//! at the same moment exactly one is accepted. A refused application changes nothing.

use crate::audit::{self, Party};
use crate::error::{Failure, Reason};
use crate::identity::Caller;
use crate::jpki::application::{
    Application, ApplicationState, CardGuard, PersonGuard, RequestOutcome, SpentNonce,
};
use crate::jpki::proofing::SignedApplication;
use crate::jpki::provider::Provider;
use crate::jpki::uuid;
use crate::ports::{Batch, EntropyError, Store, StoreError};
use crate::procedure::credential_change::{self, ChangeError};

/// How often an application that lost a race is decided again.
const ATTEMPTS: usize = 8;

/// Why an application was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationError {
    /// The request id came before, with another body.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// The person used this nonce before.
    #[error("this application was submitted before")]
    Replayed,
    /// The person has a live credential or an open application.
    #[error("the person has a live credential or an open application")]
    DoubleIssuance,
    /// The card has a live credential or an open application, or still has to follow a change.
    #[error("the card is taken by another application")]
    CardInUse,
    /// An expired credential of the person could not be ended.
    #[error("an expired credential could not be ended")]
    Expiry(#[from] ChangeError),
    /// There was no randomness for a name.
    #[error("the application could not be named")]
    Entropy(#[from] EntropyError),
    /// The store did not do it.
    #[error("the application could not be stored")]
    Store(#[from] StoreError),
}

impl Failure for ApplicationError {
    fn reason(&self) -> Reason {
        match self {
            Self::RequestIdReused => Reason::RequestIdReused,
            Self::Replayed => Reason::ReplayedApplication,
            Self::DoubleIssuance => Reason::DoubleIssuance,
            Self::CardInUse => Reason::CardInUse,
            Self::Expiry(error) => error.reason(),
            Self::Entropy(_) => Reason::Internal,
            Self::Store(error) => error.reason(),
        }
    }
}

/// Accepts a verified application. `request_id` is the caller's, `body_sha256`
/// covers the request without it: the same request gets the same answer again.
///
/// # Errors
/// [`ApplicationError`], decided in the order of its variants; nothing was
/// changed then.
pub async fn accept(
    provider: &Provider<'_>,
    caller: &Caller,
    request_id: &str,
    body_sha256: [u8; 32],
    signed: &SignedApplication,
) -> Result<Application, ApplicationError> {
    let request = format!("{}/{request_id}", caller.tenant);
    let mut lost = None;
    let mut was_refused = false;
    for _ in 0..ATTEMPTS {
        if let Some(known) = answered(provider.store, &request, &body_sha256).await? {
            return Ok(known);
        }
        match check_free(provider, signed).await {
            // The records are read one by one. What took the place came whole, in one commit: read
            // again from the start, they tell this very request, or the first of the reasons.
            Err(
                ApplicationError::Replayed
                | ApplicationError::DoubleIssuance
                | ApplicationError::CardInUse,
            ) if !was_refused => {
                was_refused = true;
                continue;
            }
            Err(ApplicationError::Expiry(ChangeError::Store(StoreError::Conflict(key)))) => {
                lost = Some(key);
                continue;
            }
            checked => checked?,
        }
        let application = open(provider, signed)?;
        let batch = batch(&request, body_sha256, signed, &application);
        let step = provider
            .step_by(
                caller,
                format!("application/{}", application.id),
                Party::Jlis,
            )
            .on(&application.iccid)
            .says("accept", application.state.as_str());
        let batch = audit::append(provider.store, batch, step).await?;
        match provider.store.commit(batch).await {
            Ok(()) => return Ok(application),
            Err(StoreError::Conflict(key)) => lost = Some(key),
            Err(error) => return Err(error.into()),
        }
    }
    Err(lost.map_or(ApplicationError::CardInUse, |key| {
        StoreError::Conflict(key).into()
    }))
}

/// The application that this very request made before.
async fn answered(
    store: &dyn Store,
    request: &str,
    body_sha256: &[u8; 32],
) -> Result<Option<Application>, ApplicationError> {
    let Some(outcome) = store.load::<RequestOutcome>(request).await? else {
        return Ok(None);
    };
    if outcome.value.body_sha256 != *body_sha256 {
        return Err(ApplicationError::RequestIdReused);
    }
    let known = store.load::<Application>(&outcome.value.subject).await?;
    // The id belongs to a request of another kind if it made no application.
    known.map_or(Err(ApplicationError::RequestIdReused), |known| {
        Ok(Some(known.value))
    })
}

async fn check_free(
    provider: &Provider<'_>,
    signed: &SignedApplication,
) -> Result<(), ApplicationError> {
    let store = provider.store;
    let nonce = SpentNonce::id(&signed.person, &signed.nonce);
    if store.load::<SpentNonce>(&nonce).await?.is_some() {
        return Err(ApplicationError::Replayed);
    }
    let person = PersonGuard::id(&signed.person);
    if let Some(guard) = store.load::<PersonGuard>(&person).await? {
        let expired = credential_change::expire_if_due(provider, &guard.value.application).await?;
        if !expired {
            return Err(ApplicationError::DoubleIssuance);
        }
    }
    if store
        .load::<CardGuard>(signed.iccid.as_str())
        .await?
        .is_some()
    {
        return Err(ApplicationError::CardInUse);
    }
    Ok(())
}

fn open(
    provider: &Provider<'_>,
    signed: &SignedApplication,
) -> Result<Application, ApplicationError> {
    let created_at = provider.now();
    Ok(Application {
        id: uuid::version_7(created_at, provider.entropy)?,
        person: signed.person.clone(),
        iccid: signed.iccid.clone(),
        service: signed.service.clone(),
        state: ApplicationState::Approved,
        refusal: None,
        credential: None,
        key_setup: None,
        consent_sha256: signed.consent_sha256,
        cms_sha256: signed.cms_sha256,
        created_at,
        stages: Vec::new(),
    })
}

fn batch(
    request: &str,
    body_sha256: [u8; 32],
    signed: &SignedApplication,
    application: &Application,
) -> Batch {
    let id = || application.id.clone();
    Batch::new()
        .insert(
            request,
            RequestOutcome {
                body_sha256,
                subject: id(),
            },
        )
        .insert(
            SpentNonce::id(&signed.person, &signed.nonce),
            SpentNonce { application: id() },
        )
        .insert(
            PersonGuard::id(&signed.person),
            PersonGuard { application: id() },
        )
        .insert(signed.iccid.as_str(), CardGuard { application: id() })
        .insert(id(), application.clone())
}
