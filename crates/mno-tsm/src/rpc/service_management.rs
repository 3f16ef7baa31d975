//! `ServiceManagement`: what a provider may ask for a card.

mod change;
mod eligibility;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::card::catalogue::ServiceDefinition;
use tsm_core::card::deployment::Deployment;
use tsm_core::card::uicc::Uicc;
use tsm_core::error::Reason;
use tsm_core::identity::Tenant;
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::service_management_server::ServiceManagement;
use tsm_server::convert::{iccid, service_name};
use tsm_server::status;

use crate::authorisation::Method;
use crate::convert;
use crate::rpc;
use crate::state::{Admitted, State};
use change::Change;

pub(crate) struct ServiceManagementRpc(pub(crate) Arc<State>);

impl ServiceManagementRpc {
    async fn change(
        &self,
        request: Request<mno::ChangeServiceRequest>,
        change: Change,
    ) -> Result<Response<mno::Deployment>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeService).await?;
        let deadline = self.0.deadline(request.metadata());
        let request = change.request(request.into_inner())?;
        let state = self.0.clone();
        let changed = rpc::finish(&self.0, async move {
            change::run(&state, &admitted, change, &request, deadline).await
        });
        Ok(Response::new(changed.await?))
    }
}

#[tonic::async_trait]
impl ServiceManagement for ServiceManagementRpc {
    async fn check_eligibility(
        &self,
        request: Request<mno::CheckEligibilityRequest>,
    ) -> Result<Response<mno::CheckEligibilityResponse>, Status> {
        let admitted = self.0.admit(&request, Method::CheckEligibility).await?;
        let deadline = self.0.deadline(request.metadata());
        let (iccid, service) = (
            iccid(&request.get_ref().iccid)?,
            service_name(&request.get_ref().service)?,
        );
        let state = self.0.clone();
        let checked = rpc::finish(&self.0, async move {
            eligibility::check(&state, &admitted, &iccid, &service, deadline).await
        });
        Ok(Response::new(convert::eligibility(checked.await?)))
    }

    async fn deploy_service(
        &self,
        request: Request<mno::ChangeServiceRequest>,
    ) -> Result<Response<mno::Deployment>, Status> {
        self.change(request, Change::Deploy).await
    }

    async fn activate_service(
        &self,
        request: Request<mno::ChangeServiceRequest>,
    ) -> Result<Response<mno::Deployment>, Status> {
        self.change(request, Change::Activate).await
    }

    async fn suspend_service(
        &self,
        request: Request<mno::ChangeServiceRequest>,
    ) -> Result<Response<mno::Deployment>, Status> {
        self.change(request, Change::Suspend).await
    }

    async fn resume_service(
        &self,
        request: Request<mno::ChangeServiceRequest>,
    ) -> Result<Response<mno::Deployment>, Status> {
        self.change(request, Change::Resume).await
    }

    async fn terminate_service(
        &self,
        request: Request<mno::ChangeServiceRequest>,
    ) -> Result<Response<mno::Deployment>, Status> {
        self.change(request, Change::Terminate).await
    }

    async fn get_deployment(
        &self,
        request: Request<mno::GetDeploymentRequest>,
    ) -> Result<Response<mno::Deployment>, Status> {
        let admitted = self.0.admit(&request, Method::ReadDeployments).await?;
        let (iccid, service) = (
            iccid(&request.get_ref().iccid)?,
            service_name(&request.get_ref().service)?,
        );
        let id = Deployment::id(&iccid, &service);
        let found = self
            .0
            .store
            .load::<Deployment>(&id)
            .await
            .map_err(|e| status::of(&e))?;
        let Some(found) = found else {
            let unknown = "the service was never put on this card";
            return Err(status::refusal(Reason::DeploymentUnknown, unknown));
        };
        let uicc = card_of(&self.0, &found.value).await?;
        let owner = owner(&admitted, &found.value, &uicc);
        self.0
            .require(&admitted, owner, &format!("deployment/{id}"))
            .await?;
        Ok(Response::new(
            shown(&self.0, &admitted, &found.value, 0).await?,
        ))
    }

    async fn list_deployments(
        &self,
        request: Request<mno::ListDeploymentsRequest>,
    ) -> Result<Response<mno::ListDeploymentsResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadDeployments).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let reach = &admitted.reach;
        let (found, next_page_token) = self
            .0
            .page(&admitted, Table::Deployment, at, |record| match record {
                Record::Deployment(found)
                    if !reach.is_provider || reach.covers(&found.provider) =>
                {
                    Some(found)
                }
                _ => None,
            })
            .await?;
        let mut deployments = Vec::with_capacity(found.len());
        for deployment in &found {
            let uicc = card_of(&self.0, deployment).await?;
            if reach.covers(owner(&admitted, deployment, &uicc)) {
                deployments.push(shown(&self.0, &admitted, deployment, 0).await?);
            }
        }
        Ok(Response::new(mno::ListDeploymentsResponse {
            deployments,
            next_page_token,
        }))
    }
}

/// Whose a deployment is: its provider's for providers, else that of the card's holder.
fn owner<'a>(admitted: &Admitted, deployment: &'a Deployment, uicc: &'a Uicc) -> &'a Tenant {
    if admitted.reach.is_provider {
        &deployment.provider
    } else {
        &uicc.tenant
    }
}

/// The card of a deployment.
async fn card_of(state: &State, deployment: &Deployment) -> Result<Uicc, Status> {
    let found = state.store.load::<Uicc>(deployment.iccid.as_str()).await;
    let unknown = || status::refusal(Reason::CardUnknown, "no such card is registered");
    let found = found.map_err(|error| status::of(&error))?;
    found.map(|found| found.value).ok_or_else(unknown)
}

/// A deployment for the caller, with what the catalogue and the fleet add to it.
async fn shown(
    state: &State,
    admitted: &Admitted,
    deployment: &Deployment,
    exchanges: u32,
) -> Result<mno::Deployment, Status> {
    let store = state.store.as_ref();
    let service = deployment.service.as_str();
    let definition = store
        .load::<ServiceDefinition>(service)
        .await
        .map_err(|error| status::of(&error))?;
    let Some(definition) = definition else {
        return Err(status::refusal(
            Reason::ServiceUnknown,
            "no such service is registered",
        ));
    };
    let uicc = card_of(state, deployment).await?;
    let for_provider = admitted.reach.is_provider;
    let (definition, scp_i) = (&definition.value, uicc.scp_i);
    Ok(convert::deployment(
        deployment,
        definition,
        scp_i,
        exchanges,
        for_provider,
    ))
}
