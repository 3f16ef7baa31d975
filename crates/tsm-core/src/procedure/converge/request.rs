//! Changing what is desired: the only way in which a tenant changes a card.
//!
//! | Desired now | Installed | Active | Suspended | Absent |
//! |---|---|---|---|---|
//! | (none) or Absent | Installed | refused | refused | Absent |
//! | Installed | Installed | Active | refused | Absent |
//! | Active | Active | Active | Suspended | Absent |
//! | Suspended | refused | Active | Suspended | Absent |

use sha2::{Digest, Sha256};

use super::{Context, requirements};
use crate::audit::{self, Party, Step};
use crate::card::catalogue::ServiceDefinition;
use crate::card::deployment::{Deployment, KeySetup, ServiceState};
use crate::card::uicc::Uicc;
use crate::error::{Failure, Reason};
use crate::fleet::UnmetRequirement;
use crate::identity::{Caller, Iccid, ServiceName};
use crate::jpki::application::RequestOutcome;
use crate::ports::{Batch, Store, StoreError, Versioned};
use crate::tenancy::{Contract, ContractError, ManagementMode};
use crate::time::Timestamp;

/// How often a change that lost a race is decided again.
const ATTEMPTS: usize = 8;

/// What a tenant asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Chosen by the caller; the same id with the same body desires nothing anew.
    pub request_id: String,
    /// The card.
    pub iccid: Iccid,
    /// The service.
    pub service: ServiceName,
    /// What shall be on the card.
    pub desired: ServiceState,
}

impl ChangeRequest {
    fn body_sha256(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for field in [
            self.iccid.as_str(),
            self.service.as_str(),
            state_name(self.desired),
        ] {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        hasher.finalize().into()
    }
}

/// Why a request changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No such card.
    #[error("no such card is registered")]
    CardUnknown,
    /// No such service.
    #[error("no such service is registered")]
    ServiceUnknown,
    /// The package of the service was never admitted.
    #[error("the package of the service is not registered")]
    PackageUnknown,
    /// The caller's tenant does not manage the service.
    #[error("the service is another tenant's")]
    TenantForbidden,
    /// Not from the state in which the service is desired now.
    #[error("not possible while the service shall be {current}")]
    WrongState {
        /// The state desired now.
        current: &'static str,
    },
    /// The request id was used with another body.
    #[error("the request id was used for something else")]
    RequestIdReused,
    /// The provider has no contract for it.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The card is not what the service demands; the first of what is missing.
    #[error(transparent)]
    Unqualified(#[from] UnmetRequirement),
    /// The store did not do it.
    #[error("the request could not be stored")]
    Store(#[from] StoreError),
}

impl Failure for RequestError {
    fn reason(&self) -> Reason {
        match self {
            Self::CardUnknown => Reason::CardUnknown,
            Self::ServiceUnknown => Reason::ServiceUnknown,
            Self::PackageUnknown => Reason::PackageUnknown,
            Self::TenantForbidden => Reason::TenantForbidden,
            Self::WrongState { .. } => Reason::WrongState,
            Self::RequestIdReused => Reason::RequestIdReused,
            Self::Contract(error) => error.reason(),
            Self::Unqualified(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }
}

/// Makes `request.desired` the desired state of the service on the card. Sends
/// nothing to the card. A request id that was used for the same before is one
/// more attempt while that is still desired: a problem is forgotten, nothing
/// else changes, and the deployment is returned as it is now.
///
/// # Errors
/// [`RequestError`]; nothing changed then.
pub async fn set_desired(
    context: &Context<'_>,
    caller: &Caller,
    request: &ChangeRequest,
) -> Result<Deployment, RequestError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match decide(context, caller, request).await {
            Err(RequestError::Store(StoreError::Conflict(_))) if attempts < ATTEMPTS => {}
            decided => return decided,
        }
    }
}

async fn decide(
    context: &Context<'_>,
    caller: &Caller,
    request: &ChangeRequest,
) -> Result<Deployment, RequestError> {
    let store = context.store;
    let definition = managed_service(store, caller, &request.service).await?;
    let Some(uicc) = store.load::<Uicc>(request.iccid.as_str()).await? else {
        return Err(RequestError::CardUnknown);
    };
    let id = Deployment::id(&request.iccid, &request.service);
    let found = store.load::<Deployment>(&id).await?;
    let request_key = format!("{}/{}", caller.tenant, request.request_id);
    let body_sha256 = request.body_sha256();
    if let Some(outcome) = store.load::<RequestOutcome>(&request_key).await? {
        return match found {
            Some(found) if outcome.value.body_sha256 == body_sha256 => {
                again(context, caller, request, &uicc.value, found).await
            }
            _ => Err(RequestError::RequestIdReused),
        };
    }

    let (version, current) = match found {
        Some(Versioned { version, value }) => (version, value),
        None => (0, fresh(request, &definition, context.clock.now())),
    };
    let desired = next(current.desired, request.desired).ok_or(RequestError::WrongState {
        current: state_name(current.desired),
    })?;
    let now = context.clock.now();
    // What is there may always be locked or taken away.
    if version == 0 || matches!(desired, ServiceState::Installed | ServiceState::Active) {
        require_contract(store, &definition, &uicc.value, now).await?;
    }
    // A service that is there stays, whatever it demands by now.
    if current.desired == ServiceState::Absent && desired != ServiceState::Absent {
        let unmet = requirements::unmet(store, &definition, &uicc.value).await?;
        if let Some(first) = unmet.into_iter().next() {
            return Err(first.into());
        }
    }
    let deployment = Deployment {
        desired,
        is_stale: current.is_stale || desired != current.desired,
        problem: None,
        updated_at: now,
        ..current
    };
    let batch = Batch::new()
        .update(id.clone(), version, deployment.clone())
        .insert(
            request_key,
            RequestOutcome {
                body_sha256,
                subject: id,
            },
        );
    let step = step(caller, request, &uicc.value, now, "accepted");
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(deployment)
}

/// A request that came before. While what it asked for is still desired it is
/// one more attempt: a refusal is a bare status word, which a card can give once
/// and a phone can make up, so that it must not stop the work for ever.
async fn again(
    context: &Context<'_>,
    caller: &Caller,
    request: &ChangeRequest,
    uicc: &Uicc,
    found: Versioned<Deployment>,
) -> Result<Deployment, RequestError> {
    let Versioned { version, value } = found;
    if value.problem.is_none() || value.desired != request.desired {
        return Ok(value);
    }
    let now = context.clock.now();
    let deployment = Deployment {
        problem: None,
        updated_at: now,
        ..value
    };
    let id = Deployment::id(&request.iccid, &request.service);
    let batch = Batch::new().update(id, version, deployment.clone());
    let step = step(caller, request, uicc, now, "to be tried again");
    let store = context.store;
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(deployment)
}

/// What a provider asks for is the provider's to answer for.
fn step(
    caller: &Caller,
    request: &ChangeRequest,
    uicc: &Uicc,
    at: Timestamp,
    outcome: &str,
) -> Step {
    let action = format!("desire {} {}", request.service, state_name(request.desired));
    Step::by(caller, uicc.audit_subject(), at, Party::ServiceProvider)
        .answered_by(&caller.tenant)
        .of(&uicc.tenant)
        .on(&uicc.iccid)
        .says(action, outcome)
}

/// The service, when `caller`'s tenant manages it.
pub(super) async fn managed_service(
    store: &dyn Store,
    caller: &Caller,
    service: &ServiceName,
) -> Result<ServiceDefinition, RequestError> {
    let Some(found) = store.load::<ServiceDefinition>(service.as_str()).await? else {
        return Err(RequestError::ServiceUnknown);
    };
    if found.value.provider != caller.tenant {
        return Err(RequestError::TenantForbidden);
    }
    Ok(found.value)
}

/// The provider may put the service on cards of this issuer, by the carrier's own hand.
pub(super) async fn require_contract(
    store: &dyn Store,
    definition: &ServiceDefinition,
    uicc: &Uicc,
    now: Timestamp,
) -> Result<(), RequestError> {
    let id = Contract::id(&definition.provider, &uicc.issuer);
    let found = store.load::<Contract>(&id).await?;
    let contract = found.ok_or(ContractError::None)?.value;
    Ok(contract.check(&definition.name, ManagementMode::Simple, now)?)
}

fn fresh(request: &ChangeRequest, definition: &ServiceDefinition, now: Timestamp) -> Deployment {
    Deployment {
        iccid: request.iccid.clone(),
        service: request.service.clone(),
        provider: definition.provider.clone(),
        desired: ServiceState::Absent,
        observed: None,
        is_stale: false,
        problem: None,
        handover: None,
        key_setup: KeySetup::CarrierTrusted,
        updated_at: now,
    }
}

/// The desired state after a request; the table of this module.
fn next(current: ServiceState, asked: ServiceState) -> Option<ServiceState> {
    use ServiceState::{Absent, Active, Installed, Suspended};
    match (current, asked) {
        (_, Absent) => Some(Absent),
        (Absent | Installed, Installed) => Some(Installed),
        (Active, Installed) | (Installed | Active | Suspended, Active) => Some(Active),
        (Active | Suspended, Suspended) => Some(Suspended),
        (Absent, Active | Suspended) | (Installed, Suspended) | (Suspended, Installed) => None,
    }
}

/// A state as audit entries and requests spell it.
pub(super) fn state_name(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Absent => "absent",
        ServiceState::Installed => "installed",
        ServiceState::Active => "active",
        ServiceState::Suspended => "suspended",
    }
}
