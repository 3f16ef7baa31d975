//! Defining a service of a provider.

use tonic::Status;
use tsm_core::audit::{self, Party, Step};
use tsm_core::card::catalogue::{Package, ServiceDefinition};
use tsm_core::card::deployment::{Deployment, ServiceState};
use tsm_core::error::Reason;
use tsm_core::identity::{Caller, ServiceName};
use tsm_core::ports::{Batch, StoreError};
use tsm_core::record::{Record, Table};
use tsm_server::status::{self, invalid_field};

use super::RequestId;
use crate::rpc;
use crate::state::{State, actor};

/// Deployments read at a time when a service is redefined.
const CHUNK: usize = 500;

/// What a request id stands for: all fields of the definition.
pub(super) fn digest(definition: &ServiceDefinition) -> Vec<u8> {
    // `Debug` shows every field of this type; none of them is secret.
    format!("{definition:?}").into_bytes()
}

/// Defines a service, or redefines it while no card has it.
pub(super) async fn register(
    state: &State,
    caller: &Caller,
    id: &RequestId,
    definition: ServiceDefinition,
) -> Result<ServiceDefinition, Status> {
    check_key(state, &definition)?;
    rpc::decide(|| define(state, caller, id, &definition)).await
}

/// The hand-over must be possible when the first card gets the service.
fn check_key(state: &State, definition: &ServiceDefinition) -> Result<(), Status> {
    let sealed = state
        .vault
        .hpke_seal(&definition.provider_public_key, b"tsm key check", &[]);
    sealed.map(drop).map_err(|error| {
        tracing::info!(error = %error, "a provider's public key is not usable");
        invalid_field(
            "service.provider_public_key",
            "is not a point of the curve P-256",
        )
    })
}

async fn define(
    state: &State,
    caller: &Caller,
    id: &RequestId,
    definition: &ServiceDefinition,
) -> Result<Result<ServiceDefinition, Status>, StoreError> {
    let store = state.store.as_ref();
    let name = definition.name.as_str();
    let batch = match id.record(state, Batch::new(), name).await? {
        Ok(batch) => batch,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(package) = store
        .load::<Package>(&definition.package.to_string())
        .await?
    else {
        let unknown = "the package of the service is not admitted";
        return Ok(Err(status::refusal(Reason::PackageUnknown, unknown)));
    };
    if !package.value.applets.contains(&definition.module) {
        let problem = "is not an applet of the package";
        return Ok(Err(invalid_field("service.module_aid", problem)));
    }
    let found = store.load::<ServiceDefinition>(name).await?;
    let version = found.as_ref().map_or(0, |found| found.version);
    if let Some(found) = found {
        if found.value == *definition {
            store.commit(batch).await?;
            return Ok(Ok(found.value));
        }
        if is_on_a_card(state, &definition.name).await? {
            let deployed = "the service is on cards and can not be redefined";
            return Ok(Err(status::refusal(Reason::WrongState, deployed)));
        }
    }
    let step = Step {
        subject: format!("service/{name}"),
        at: state.clock.now(),
        actor: actor(caller),
        party: Party::Carrier,
        action: format!("define service of {}", definition.provider),
        outcome: if version == 0 { "defined" } else { "redefined" }.to_owned(),
    };
    let batch = batch
        .expecting::<Package>(definition.package.to_string(), package.version)
        .update(name, version, definition.clone());
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(definition.clone()))
}

/// Whether a card has the service, or shall have it.
async fn is_on_a_card(state: &State, service: &ServiceName) -> Result<bool, StoreError> {
    let gone = |deployment: &Deployment| {
        deployment.desired == ServiceState::Absent
            && matches!(deployment.observed, None | Some(ServiceState::Absent))
    };
    let mut after: Option<String> = None;
    loop {
        let found = state
            .store
            .scan(Table::Deployment, "", after.as_deref(), CHUNK)
            .await?;
        let deployed = found.iter().any(|(_, found)| match &found.value {
            Record::Deployment(deployment) => deployment.service == *service && !gone(deployment),
            _ => false,
        });
        match found.last() {
            _ if deployed => return Ok(true),
            Some((key, _)) if found.len() == CHUNK => after = Some(key.id.clone()),
            _ => return Ok(false),
        }
    }
}
