//! What the parts of a running server share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tonic::{Request, Status};
use tsm_core::audit::{self, Party, Step};
use tsm_core::error::Reason;
use tsm_core::identity::{Caller, ServiceName, Tenant};
use tsm_core::jpki::provider::{Policy, Provider};
use tsm_core::ports::{
    Batch, CardLink, Carrier, CertificateAuthority, Clock, Entropy, KeyVault, Store, StoreError,
};
use tsm_server::denials::Denials;
use tsm_server::paging::Pages;
use tsm_server::serve::Life;
use tsm_server::signing::SigningKey;
use tsm_server::{peer, status};

use crate::authorisation::{Method, authorise};
use crate::cms::Verifier;
use crate::key_pool::KeyPool;

/// How often an audit entry is tried again after a race.
const ATTEMPTS: usize = 16;

/// Everything a call works with.
pub struct State {
    pub(crate) tenant: Tenant,
    pub(crate) service: ServiceName,
    pub(crate) verifier: Verifier,
    pub(crate) policy: Policy,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<dyn KeyVault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) link: Arc<dyn CardLink>,
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) authority: Arc<dyn CertificateAuthority>,
    pub(crate) key_pool: Arc<KeyPool>,
    pub(crate) denials: Denials,
    /// What verifies this server's receipts.
    pub(crate) signing_key: SigningKey,
    pub(crate) life: Life,
    /// Room for provisionings.
    pub(crate) provisionings: Arc<Semaphore>,
    /// Applications that are being worked on.
    pub(crate) at_work: Arc<Mutex<BTreeSet<String>>>,
}

impl State {
    /// What the provider's procedures work with.
    pub(crate) fn provider(&self) -> Provider<'_> {
        Provider {
            store: self.store.as_ref(),
            link: self.link.as_ref(),
            carrier: self.carrier.as_ref(),
            vault: self.vault.as_ref(),
            authority: self.authority.as_ref(),
            key_pairs: self.key_pool.as_ref(),
            clock: self.clock.as_ref(),
            entropy: self.entropy.as_ref(),
            policy: &self.policy,
            tenant: &self.tenant,
        }
    }

    /// Who calls, when it may call `method`. A refusal is recorded.
    pub(crate) async fn admit<T>(
        &self,
        request: &Request<T>,
        method: Method,
    ) -> Result<Caller, Status> {
        let caller = peer::caller(request)?;
        match authorise(&self.tenant, &caller, method) {
            Ok(()) => Ok(caller),
            Err(reason) => Err(self.deny(&caller, method, reason).await),
        }
    }

    /// The tables of this server, for a caller.
    pub(crate) fn pages<'a>(&'a self, caller: &'a Caller) -> Pages<'a> {
        Pages {
            store: self.store.as_ref(),
            vault: self.vault.as_ref(),
            reader: &caller.tenant,
        }
    }

    async fn deny(&self, caller: &Caller, method: Method, reason: Reason) -> Status {
        let actor = caller.actor();
        tracing::warn!(actor, method = method.name(), %reason, "a call was refused");
        let denied = status::refusal(reason, "this tenant and role may not do this");
        let now = self.clock.now();
        if !self
            .denials
            .is_recorded(&format!("{actor} {} {reason}", method.name()), now)
        {
            return denied;
        }
        let subject = format!("tenant/{}", caller.tenant);
        let step = Step::by(caller, subject, now, Party::Jlis)
            .answered_by(&self.tenant)
            .says(method.name(), reason.to_string());
        if let Err(error) = self.record(step).await {
            tracing::error!(%error, "a refusal could not be recorded");
        }
        denied
    }

    async fn record(&self, step: Step) -> Result<(), StoreError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let store = self.store.as_ref();
            let batch = audit::append(store, Batch::new(), step.clone()).await?;
            match store.commit(batch).await {
                Err(StoreError::Conflict(_)) if attempts < ATTEMPTS => {}
                done => return done,
            }
        }
    }

    /// Takes an application for one worker; `None` while another has it.
    pub(crate) fn take_application(&self, id: &str) -> Option<AtWork> {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.insert(id.to_owned()).then(|| AtWork {
            all: Arc::clone(&self.at_work),
            id: id.to_owned(),
        })
    }
}

/// An application that one worker has; free again when dropped.
#[derive(Debug)]
pub(crate) struct AtWork {
    all: Arc<Mutex<BTreeSet<String>>>,
    id: String,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}
