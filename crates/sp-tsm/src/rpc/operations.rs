//! `OperationsService`: readiness and the audit log.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::record::{Record, Table};
use tsm_proto::mno::{ListAuditEntriesRequest, ListAuditEntriesResponse};
use tsm_proto::sp;
use tsm_proto::sp::operations_service_server::OperationsService;
use tsm_server::convert;

use crate::authorisation::Method;
use crate::state::State;

pub(crate) struct OperationsRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl OperationsService for OperationsRpc {
    async fn get_readiness(
        &self,
        request: Request<sp::GetReadinessRequest>,
    ) -> Result<Response<sp::Readiness>, Status> {
        self.0.admit(&request, Method::ReadReadiness).await?;
        let count = |keys: usize| u32::try_from(keys).unwrap_or(u32::MAX);
        Ok(Response::new(sp::Readiness {
            key_pool_size: count(self.0.key_pool.size()),
            key_pool_target: count(self.0.key_pool.target()),
        }))
    }

    async fn list_audit_entries(
        &self,
        request: Request<ListAuditEntriesRequest>,
    ) -> Result<Response<ListAuditEntriesResponse>, Status> {
        let caller = self.0.admit(&request, Method::ReadAudit).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let (entries, next_page_token) = self
            .0
            .pages(&caller)
            .page_of(
                Table::AuditEntry,
                &request.subject,
                at,
                |record| match record {
                    Record::AuditEntry(entry) => Some(convert::audit_entry(&entry)),
                    _ => None,
                },
            )
            .await?;
        Ok(Response::new(ListAuditEntriesResponse {
            entries,
            next_page_token,
        }))
    }
}
