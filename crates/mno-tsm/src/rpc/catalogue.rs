//! `CatalogueService`: applet packages, and services made of them.

mod package;
mod service;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::catalogue_service_server::CatalogueService;

use crate::authorisation::Method;
use crate::convert;
use crate::rpc;
use crate::rpc::request_id::RequestId;
use crate::state::State;

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
