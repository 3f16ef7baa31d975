//! `ApplicationService`: signed applications, and working them up to ACTIVE.

use std::pin::Pin;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tsm_core::error::Reason;
use tsm_core::identity::Caller;
use tsm_core::jpki::application::{Application, RequestOutcome};
use tsm_core::jpki::proofing::SignedApplication;
use tsm_core::procedure::provision::{accept, cancel};
use tsm_core::record::{Record, Table};
use tsm_proto::sp;
use tsm_proto::sp::application_service_server::ApplicationService;
use tsm_server::convert::request_id;
use tsm_server::status;

use super::provisioning;
use crate::authorisation::Method;
use crate::convert;
use crate::rpc;
use crate::state::State;

pub(crate) struct ApplicationRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl ApplicationService for ApplicationRpc {
    async fn submit_application(
        &self,
        request: Request<sp::SubmitApplicationRequest>,
    ) -> Result<Response<sp::Application>, Status> {
        let caller = self.0.admit(&request, Method::Apply).await?;
        let request = request.into_inner();
        request_id(&request.request_id)?;
        let state = self.0.clone();
        let accepted = rpc::finish(&self.0, async move {
            let body_sha256: [u8; 32] = Sha256::digest(&request.cms).into();
            // The same request gets the same answer also when what was signed,
            // or the certificate, has expired since.
            let known = answered(&state, &caller, &request.request_id, body_sha256).await?;
            if let Some(known) = known {
                return Ok(known);
            }
            let signed = verified(&state, &request.cms)?;
            let provider = state.provider();
            accept(
                &provider,
                &caller,
                &request.request_id,
                body_sha256,
                &signed,
            )
            .await
            .map_err(|error| status::of(&error))
        });
        let accepted = accepted.await.inspect_err(|status| {
            let reason = status::reason_of(status).unwrap_or_default();
            tracing::info!(reason, "an application was refused");
        })?;
        tracing::info!(application = accepted.id, iccid = ?accepted.iccid, "an application was accepted");
        Ok(Response::new(convert::application(&accepted)))
    }

    type ProvisionCredentialStream =
        Pin<Box<dyn Stream<Item = Result<sp::ProvisionProgress, Status>> + Send>>;

    async fn provision_credential(
        &self,
        request: Request<sp::ProvisionCredentialRequest>,
    ) -> Result<Response<Self::ProvisionCredentialStream>, Status> {
        let caller = self.0.admit(&request, Method::Provision).await?;
        let progress = provisioning::start(&self.0, caller, request.into_inner())?;
        Ok(Response::new(Box::pin(progress)))
    }

    async fn cancel_application(
        &self,
        request: Request<sp::CancelApplicationRequest>,
    ) -> Result<Response<sp::Application>, Status> {
        let caller = self.0.admit(&request, Method::Cancel).await?;
        let id = request.into_inner().id;
        let Some(_at_work) = self.0.take_application(&id) else {
            let busy = "the application is being provisioned now";
            return Err(status::refusal(Reason::Conflict, busy));
        };
        let cancelled = cancel(&self.0.provider(), &caller, &id).await;
        let cancelled = cancelled.map_err(|error| status::of(&error))?;
        tracing::info!(application = id, "an application was withdrawn");
        Ok(Response::new(convert::application(&cancelled)))
    }

    async fn get_application(
        &self,
        request: Request<sp::GetApplicationRequest>,
    ) -> Result<Response<sp::Application>, Status> {
        self.0.admit(&request, Method::ReadApplication).await?;
        let id = request.into_inner().id;
        let found = self.0.store.load::<Application>(&id).await;
        let found = found.map_err(|error| status::of(&error))?;
        let unknown =
            || status::refusal(Reason::ApplicationUnknown, "there is no such application");
        Ok(Response::new(convert::application(
            &found.ok_or_else(unknown)?.value,
        )))
    }

    async fn list_applications(
        &self,
        request: Request<sp::ListApplicationsRequest>,
    ) -> Result<Response<sp::ListApplicationsResponse>, Status> {
        let caller = self.0.admit(&request, Method::ListApplications).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let (applications, next_page_token) = self
            .0
            .pages(&caller)
            .page(Table::Application, at, |record| match record {
                Record::Application(application) => Some(convert::application(&application)),
                _ => None,
            })
            .await?;
        Ok(Response::new(sp::ListApplicationsResponse {
            applications,
            next_page_token,
        }))
    }
}

/// The application that this request has made before.
async fn answered(
    state: &State,
    caller: &Caller,
    request_id: &str,
    body_sha256: [u8; 32],
) -> Result<Option<Application>, Status> {
    let key = format!("{}/{request_id}", caller.tenant);
    let store = state.store.as_ref();
    let found = store
        .load::<RequestOutcome>(&key)
        .await
        .map_err(|error| status::of(&error))?;
    let Some(found) = found.filter(|found| found.value.body_sha256 == body_sha256) else {
        return Ok(None);
    };
    let application = store.load::<Application>(&found.value.subject).await;
    Ok(application
        .map_err(|error| status::of(&error))?
        .map(|found| found.value))
}

/// What the citizen signed, with the person replaced by a pseudonym.
fn verified(state: &State, cms: &[u8]) -> Result<SignedApplication, Status> {
    let verified = state
        .verifier
        .verify(cms, state.clock.now())
        .map_err(|refusal| status::of(&refusal))?;
    let person = state
        .vault
        .pseudonym(verified.person.danger_text())
        .map_err(|error| status::of(&error))?;
    let form = verified.form;
    if form.service != state.service {
        let unknown = "this server does not provide that service";
        return Err(status::refusal(Reason::ServiceUnknown, unknown));
    }
    Ok(SignedApplication {
        person,
        iccid: form.iccid,
        service: form.service,
        consent_sha256: form.consent_sha256,
        nonce: form.nonce,
        created_at: form.created_at,
        cms_sha256: verified.cms_sha256,
    })
}
