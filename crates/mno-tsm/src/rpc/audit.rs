//! `AuditService`: the record of everything that changed.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::record::{Record, Table};
use tsm_proto::mno::audit_service_server::AuditService;
use tsm_proto::mno::{ListAuditEntriesRequest, ListAuditEntriesResponse};
use tsm_server::convert;

use crate::authorisation::Method;
use crate::state::State;

pub(crate) struct AuditRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl AuditService for AuditRpc {
    async fn list_audit_entries(
        &self,
        request: Request<ListAuditEntriesRequest>,
    ) -> Result<Response<ListAuditEntriesResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadAudit).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let (entries, next_page_token) = self
            .0
            .page(&admitted, Table::AuditEntry, at, |record| match record {
                Record::AuditEntry(entry) => Some(convert::audit_entry(&entry)),
                _ => None,
            })
            .await?;
        Ok(Response::new(ListAuditEntriesResponse {
            entries,
            next_page_token,
        }))
    }
}
