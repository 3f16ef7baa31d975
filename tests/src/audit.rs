//! The audit logs of both servers.

use tsm::client::Servers;
use tsm::output::Output;
use tsm_proto::mno::{AuditEntry, ListAuditEntriesRequest};

use crate::calls::Clients;

/// Every hash chain of both logs fits.
///
/// # Errors
/// The entry that does not fit.
pub async fn ensure_chains_fit(servers: &Servers) -> anyhow::Result<()> {
    tsm::commands::audit::verify(servers, Output::new(true)).await
}

/// All entries of the operator's log.
///
/// # Errors
/// When it can't be read.
pub async fn carrier_entries(clients: &Clients) -> anyhow::Result<Vec<AuditEntry>> {
    let mut client = clients.carrier_audit.clone();
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAuditEntriesRequest {
            page_size: 200,
            page_token,
            subject: String::new(),
        };
        let page = client.list_audit_entries(request).await?.into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return Ok(entries);
        }
        page_token = page.next_page_token;
    }
}

/// All entries of the provider's log.
///
/// # Errors
/// When it can't be read.
pub async fn provider_entries(clients: &Clients) -> anyhow::Result<Vec<AuditEntry>> {
    let mut client = clients.operations.clone();
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAuditEntriesRequest {
            page_size: 200,
            page_token,
            subject: String::new(),
        };
        let page = client.list_audit_entries(request).await?.into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return Ok(entries);
        }
        page_token = page.next_page_token;
    }
}
