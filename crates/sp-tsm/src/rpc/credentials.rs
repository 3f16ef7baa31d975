//! `CredentialService`: reading and changing credentials.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};
use tsm_core::error::Reason;
use tsm_core::jpki::credential::Credential;
use tsm_core::procedure::credential_change::{self, Change};
use tsm_core::record::{Record, Table};
use tsm_proto::sp;
use tsm_proto::sp::credential_service_server::CredentialService;
use tsm_server::convert::request_id;
use tsm_server::status;

use crate::authorisation::Method;
use crate::convert;
use crate::rpc;
use crate::state::State;

pub(crate) struct CredentialRpc(pub(crate) Arc<State>);

impl CredentialRpc {
    async fn change(
        &self,
        request: Request<sp::ChangeCredentialRequest>,
        change: Change,
    ) -> Result<Response<sp::Credential>, Status> {
        let caller = self.0.admit(&request, Method::ChangeCredential).await?;
        let request = request.into_inner();
        request_id(&request.request_id)?;
        let state = self.0.clone();
        let changed = rpc::finish(&self.0, async move {
            let (name, id) = (&request.request_id, &request.id);
            let body_sha256 = Sha256::digest(format!("{change:?} {id}")).into();
            credential_change::change(&state.provider(), &caller, name, body_sha256, id, change)
                .await
                .map_err(|error| status::of(&error))
        });
        let changed = changed.await?;
        tracing::info!(
            credential = changed.id,
            ?change,
            state = ?changed.state,
            card_owes = ?changed.duty,
            "a credential was changed"
        );
        Ok(Response::new(self.message(&changed)))
    }

    fn message(&self, credential: &Credential) -> sp::Credential {
        convert::credential(credential, &self.0.authority.issuer_certificate())
    }
}

#[tonic::async_trait]
impl CredentialService for CredentialRpc {
    async fn get_credential(
        &self,
        request: Request<sp::GetCredentialRequest>,
    ) -> Result<Response<sp::Credential>, Status> {
        self.0.admit(&request, Method::ReadCredential).await?;
        let found = self
            .0
            .store
            .load::<Credential>(&request.into_inner().id)
            .await;
        let found = found.map_err(|error| status::of(&error))?;
        let unknown = || status::refusal(Reason::CredentialUnknown, "there is no such credential");
        Ok(Response::new(
            self.message(&found.ok_or_else(unknown)?.value),
        ))
    }

    async fn list_credentials(
        &self,
        request: Request<sp::ListCredentialsRequest>,
    ) -> Result<Response<sp::ListCredentialsResponse>, Status> {
        let caller = self.0.admit(&request, Method::ListCredentials).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let (credentials, next_page_token) = self
            .0
            .pages(&caller)
            .page(Table::Credential, at, |record| match record {
                Record::Credential(credential) => Some(self.message(&credential)),
                _ => None,
            })
            .await?;
        Ok(Response::new(sp::ListCredentialsResponse {
            credentials,
            next_page_token,
        }))
    }

    async fn suspend_credential(
        &self,
        request: Request<sp::ChangeCredentialRequest>,
    ) -> Result<Response<sp::Credential>, Status> {
        self.change(request, Change::Suspend).await
    }

    async fn resume_credential(
        &self,
        request: Request<sp::ChangeCredentialRequest>,
    ) -> Result<Response<sp::Credential>, Status> {
        self.change(request, Change::Resume).await
    }

    async fn revoke_credential(
        &self,
        request: Request<sp::ChangeCredentialRequest>,
    ) -> Result<Response<sp::Credential>, Status> {
        self.change(request, Change::Revoke).await
    }

    async fn delete_credential(
        &self,
        request: Request<sp::ChangeCredentialRequest>,
    ) -> Result<Response<sp::Credential>, Status> {
        self.change(request, Change::Delete).await
    }
}
