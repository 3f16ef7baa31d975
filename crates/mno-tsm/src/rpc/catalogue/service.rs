//! Defining a service of a provider.

use tonic::Status;
use tsm_core::audit;
use tsm_core::card::catalogue::{Package, ServiceDefinition};
use tsm_core::error::Reason;
use tsm_core::identity::Caller;
use tsm_core::ports::{Batch, StoreError};
use tsm_server::status::{self, invalid_field};

use crate::rpc;
use crate::rpc::request_id::RequestId;
use crate::state::State;

/// What a request id stands for: all fields of the definition.
pub(super) fn digest(definition: &ServiceDefinition) -> Vec<u8> {
    // `Debug` shows every field of this type; none of them is secret.
    format!("{definition:?}").into_bytes()
}

/// Defines a service. The same definition again changes nothing; another one
/// under the same name is refused.
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
    if let Some(found) = found {
        if found.value == *definition {
            store.commit(batch).await?;
            return Ok(Ok(found.value));
        }
        // Cards may have it, or be about to get it, under the old names.
        let defined = "the service is defined otherwise already; give the new one another name";
        return Ok(Err(status::refusal(Reason::AlreadyExists, defined)));
    }
    let action = format!("define service of {}", definition.provider);
    let step = state
        .step(caller, format!("service/{name}"))
        .of(&definition.provider)
        .says(action, "defined");
    let batch = batch
        .expecting::<Package>(definition.package.to_string(), package.version)
        .insert(name, definition.clone());
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(definition.clone()))
}
