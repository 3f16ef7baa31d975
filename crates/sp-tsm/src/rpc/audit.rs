//! `AuditService`: who may read the record of everything that changed.

use std::collections::BTreeSet;

use tonic::{Request, Status};
use tsm_server::audit_service::{AuditHost, AuditLog, Reader};
use tsm_server::serve::Life;

use crate::authorisation::Method;
use crate::state::State;

impl AuditHost for State {
    /// Only the provider's own people get here, and they see everything.
    async fn admit_reader<T: Sync>(&self, request: &Request<T>) -> Result<Reader, Status> {
        let caller = self.admit(request, Method::ReadAudit).await?;
        Ok(Reader {
            tenants: BTreeSet::from([caller.tenant.clone()]),
            tenant: caller.tenant,
            sees_unowned: true,
        })
    }

    fn audit_log(&self) -> AuditLog {
        AuditLog {
            store: self.store.clone(),
            vault: self.vault.clone(),
            clock: self.clock.clone(),
            server: self.tenant.clone(),
            key: self.signing_key.clone(),
        }
    }

    fn life(&self) -> &Life {
        &self.life
    }
}
