//! `AuditService` of both servers: audit log, its export, and receipts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tsm_core::audit::Step;
use tsm_core::audit::heads::sign_heads;
use tsm_core::error::Reason;
use tsm_core::identity::Tenant;
use tsm_core::ports::{Clock, KeyVault, Store};
use tsm_core::receipt::{Receipt, ReceiptStatement};
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::audit_service_server::AuditService;

use crate::audit_export;
use crate::convert;
use crate::paging::Pages;
use crate::serve::Life;
use crate::signing::SigningKey;
use crate::status;

/// Parts of an export that wait for a slow reader.
const PARTS: usize = 4;

/// Who reads, and what it may see.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Its tenant.
    pub tenant: Tenant,
    /// Whose steps it may see.
    pub tenants: BTreeSet<Tenant>,
    /// It also sees steps of which nobody knows whose they are: those of earlier versions.
    pub sees_unowned: bool,
}

impl Reader {
    /// Whether it may see a step of these tenants.
    #[must_use]
    pub fn sees(&self, tenants: &[Tenant]) -> bool {
        match tenants {
            [] => self.sees_unowned,
            owners => owners.iter().any(|owner| self.tenants.contains(owner)),
        }
    }

    pub(crate) fn sees_step(&self, step: &Step) -> bool {
        self.sees(&step.tenants)
    }
}

/// What an audit log lies on.
#[derive(Clone)]
pub struct AuditLog {
    /// The records.
    pub store: Arc<dyn Store>,
    /// Signs heads, seals page tokens.
    pub vault: Arc<dyn KeyVault>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The tenant whose server it is.
    pub server: Tenant,
    /// What verifies its signatures.
    pub key: SigningKey,
}

impl AuditLog {
    /// Signs the heads of all chains, now and then, until the server stops.
    pub async fn sign_from_time_to_time(self, life: Life, interval: Duration) {
        loop {
            tokio::select! {
                () = life.stopping() => break,
                () = tokio::time::sleep(interval) => self.sign().await,
            }
        }
        // What was written last is signed too.
        self.sign().await;
    }

    async fn sign(&self) {
        let (store, vault) = (self.store.as_ref(), self.vault.as_ref());
        if let Err(error) = sign_heads(store, vault, &self.server, self.clock.now()).await {
            tracing::error!(%error, "the heads of the audit log were not signed");
        }
    }
}

/// A server that has an audit log.
pub trait AuditHost: Send + Sync + 'static {
    /// Who calls, when it may read the audit log. A refusal is recorded.
    fn admit_reader<T: Sync>(
        &self,
        request: &Request<T>,
    ) -> impl Future<Output = Result<Reader, Status>> + Send;

    /// The log.
    fn audit_log(&self) -> AuditLog;

    /// What ends with the server.
    fn life(&self) -> &Life;
}

/// The service.
#[derive(Debug)]
pub struct AuditRpc<H>(pub Arc<H>);

impl<H: AuditHost> AuditRpc<H> {
    async fn page<T>(
        &self,
        reader: &Reader,
        (table, subject): (Table, &str),
        at: (u32, &str),
        keep: impl Fn(Record) -> Option<T>,
    ) -> Result<(Vec<T>, String), Status> {
        let log = self.0.audit_log();
        let pages = Pages {
            store: log.store.as_ref(),
            vault: log.vault.as_ref(),
            reader: &reader.tenant,
        };
        pages.page_of(table, subject, at, keep).await
    }
}

#[tonic::async_trait]
impl<H: AuditHost> AuditService for AuditRpc<H> {
    type ExportAuditStream = ReceiverStream<Result<mno::ExportAuditResponse, Status>>;

    async fn list_audit_entries(
        &self,
        request: Request<mno::ListAuditEntriesRequest>,
    ) -> Result<Response<mno::ListAuditEntriesResponse>, Status> {
        let reader = self.0.admit_reader(&request).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let rows = (Table::AuditEntry, request.subject.as_str());
        let keep = |record| match record {
            Record::AuditEntry(entry) if reader.sees_step(&entry.step) => {
                Some(convert::audit_entry(&entry))
            }
            _ => None,
        };
        let (entries, next_page_token) = self.page(&reader, rows, at, keep).await?;
        Ok(Response::new(mno::ListAuditEntriesResponse {
            entries,
            next_page_token,
        }))
    }

    async fn export_audit(
        &self,
        request: Request<mno::ExportAuditRequest>,
    ) -> Result<Response<Self::ExportAuditStream>, Status> {
        let reader = self.0.admit_reader(&request).await?;
        let log = self.0.audit_log();
        let (sender, receiver) = mpsc::channel(PARTS);
        self.0.life().spawn(async move {
            let part = |content: Vec<u8>| {
                let content = content.into();
                let sent = sender.send(Ok(mno::ExportAuditResponse { content }));
                async move { sent.await.is_ok() }
            };
            if let Err(error) = audit_export::export(&log, &reader, &part).await {
                let _ = sender.send(Err(error)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_receipt(
        &self,
        request: Request<mno::GetReceiptRequest>,
    ) -> Result<Response<mno::Receipt>, Status> {
        let reader = self.0.admit_reader(&request).await?;
        let id = &request.get_ref().id;
        let unknown =
            || status::refusal(Reason::ReceiptUnknown, "there is no such receipt for you");
        if id.is_empty() || id.len() > 200 {
            return Err(unknown());
        }
        let store = self.0.audit_log().store;
        let store: &dyn Store = store.as_ref();
        let found = store.load::<Receipt>(id).await;
        let found = found.map_err(|error| status::of(&error))?;
        let shown = found.and_then(|found| shown(&reader, id, found.value));
        Ok(Response::new(shown.ok_or_else(unknown)?))
    }

    async fn list_receipts(
        &self,
        request: Request<mno::ListReceiptsRequest>,
    ) -> Result<Response<mno::ListReceiptsResponse>, Status> {
        let reader = self.0.admit_reader(&request).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let rows = (Table::Receipt, request.subject.as_str());
        let keep = |record| match record {
            Record::Receipt(receipt) => {
                let id = ReceiptStatement::parse(&receipt.text).ok()?.id;
                shown(&reader, &id, receipt)
            }
            _ => None,
        };
        let (receipts, next_page_token) = self.page(&reader, rows, at, keep).await?;
        Ok(Response::new(mno::ListReceiptsResponse {
            receipts,
            next_page_token,
        }))
    }

    async fn get_signing_key(
        &self,
        request: Request<mno::GetSigningKeyRequest>,
    ) -> Result<Response<mno::SigningKey>, Status> {
        // Public, for everybody whose certificate the server trusts.
        crate::peer::caller(&request)?;
        let SigningKey {
            public_key,
            certificate,
        } = self.0.audit_log().key;
        Ok(Response::new(mno::SigningKey {
            public_key,
            certificate,
        }))
    }
}

fn shown(reader: &Reader, id: &str, receipt: Receipt) -> Option<mno::Receipt> {
    let statement = ReceiptStatement::parse(&receipt.text).ok()?;
    reader.sees(&statement.tenants).then(|| mno::Receipt {
        id: id.to_owned(),
        text: receipt.text,
        signature: receipt.signature.into(),
    })
}
