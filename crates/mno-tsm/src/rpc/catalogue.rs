//! `CatalogueService`: applet packages, and services made of them.

mod package;
mod service;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};
use tsm_core::error::Reason;
use tsm_core::jpki::application::RequestOutcome;
use tsm_core::ports::{Batch, StoreError};
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::catalogue_service_server::CatalogueService;
use tsm_server::convert::request_id;
use tsm_server::status;

use crate::authorisation::Method;
use crate::convert;
use crate::rpc;
use crate::state::{Admitted, State};

pub(crate) struct CatalogueRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl CatalogueService for CatalogueRpc {
    async fn register_package(
        &self,
        request: Request<mno::RegisterPackageRequest>,
    ) -> Result<Response<mno::Package>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeCatalogue).await?;
        let request = request.into_inner();
        let id = RequestId::new(&admitted, &request.request_id, &request.cap_file)?;
        let state = self.0.clone();
        let registered = rpc::finish(&self.0, async move {
            package::register(&state, &admitted.caller, &id, request.cap_file).await
        });
        Ok(Response::new(convert::package(&registered.await?)))
    }

    async fn list_packages(
        &self,
        request: Request<mno::ListPackagesRequest>,
    ) -> Result<Response<mno::ListPackagesResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadCatalogue).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let (packages, next_page_token) = self
            .0
            .page(&admitted, Table::Package, at, |record| match record {
                Record::Package(package) => Some(convert::package(&package)),
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListPackagesResponse {
            packages,
            next_page_token,
        }))
    }

    async fn register_service(
        &self,
        request: Request<mno::RegisterServiceRequest>,
    ) -> Result<Response<mno::Service>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeCatalogue).await?;
        let request = request.into_inner();
        let definition = convert::service_definition(request.service)?;
        let id = RequestId::new(
            &admitted,
            &request.request_id,
            &service::digest(&definition),
        )?;
        let registered = service::register(&self.0, &admitted.caller, &id, definition).await?;
        Ok(Response::new(convert::service(&registered)))
    }

    async fn list_services(
        &self,
        request: Request<mno::ListServicesRequest>,
    ) -> Result<Response<mno::ListServicesResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadCatalogue).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let table = Table::ServiceDefinition;
        let (services, next_page_token) = self
            .0
            .page(&admitted, table, at, |record| match record {
                Record::ServiceDefinition(service) => Some(convert::service(&service)),
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListServicesResponse {
            services,
            next_page_token,
        }))
    }
}

/// A request id of a tenant, and the digest of the body that came with it.
struct RequestId {
    key: String,
    body_sha256: [u8; 32],
}

impl RequestId {
    fn new(admitted: &Admitted, id: &str, body: &[u8]) -> Result<Self, Status> {
        Ok(Self {
            key: format!("{}/{}", admitted.caller.tenant, request_id(id)?),
            body_sha256: Sha256::digest(body).into(),
        })
    }

    /// Adds the record of this request to the batch that does what it asks for,
    /// unless it was recorded before.
    async fn record(
        &self,
        state: &State,
        batch: Batch,
        subject: &str,
    ) -> Result<Result<Batch, Status>, StoreError> {
        let Some(found) = state.store.load::<RequestOutcome>(&self.key).await? else {
            let (body_sha256, subject) = (self.body_sha256, subject.to_owned());
            return Ok(Ok(batch.insert(
                self.key.clone(),
                RequestOutcome {
                    body_sha256,
                    subject,
                },
            )));
        };
        let reused = "the request id was used for something else";
        Ok(if found.value.body_sha256 == self.body_sha256 {
            Ok(batch)
        } else {
            Err(status::refusal(Reason::RequestIdReused, reused))
        })
    }
}
