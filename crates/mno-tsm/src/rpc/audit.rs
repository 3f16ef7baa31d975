//! `AuditService`: who may read the record of everything that changed.

use tonic::{Request, Status};
use tsm_server::audit_service::{AuditHost, AuditLog, Reader};
use tsm_server::serve::Life;

use crate::authorisation::Method;
use crate::state::State;

impl AuditHost for State {
    async fn admit_reader<T: Sync>(&self, request: &Request<T>) -> Result<Reader, Status> {
        let admitted = self.admit(request, Method::ReadAudit).await?;
        let tenant = admitted.caller.tenant;
        Ok(Reader {
            sees_unowned: tenant == self.carrier,
            tenants: admitted.reach.into_tenants(),
            tenant,
        })
    }

    fn audit_log(&self) -> AuditLog {
        AuditLog {
            store: self.store.clone(),
            vault: self.vault.clone(),
            clock: self.clock.clone(),
            server: self.carrier.clone(),
            key: self.signing_key.clone(),
        }
    }

    fn life(&self) -> &Life {
        &self.life
    }
}
