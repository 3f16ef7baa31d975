//! What the parts of a running server share.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};
use tsm_core::audit::{self, Party, Step};
use tsm_core::error::Reason;
use tsm_core::identity::{Caller, Tenant};
use tsm_core::ports::{Batch, CardLink, Clock, Entropy, KeyVault, Store, StoreError};
use tsm_core::procedure::converge;
use tsm_core::record::{Record, Table};
use tsm_core::time::Timestamp;
use tsm_server::denials::Denials;
use tsm_server::serve::Life;
use tsm_server::signing::SigningKey;
use tsm_server::{deadline, paging, peer, status};

use crate::authorisation::{self, Method, Reach};
use crate::card_link::GatewayLink;
use crate::config::Limits;
use crate::gateway::attachments::Attachments;
use crate::relay::log::RelayLog;
use crate::tenants::Tenants;

/// How often an audit entry is tried again after a race.
const ATTEMPTS: usize = 16;

/// Everything a call works with.
pub struct State {
    pub(crate) tenants: Tenants,
    pub(crate) limits: Limits,
    pub(crate) issuer_master: String,
    /// The tenant whose server this is.
    pub(crate) carrier: Tenant,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<dyn KeyVault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) attachments: Arc<Attachments>,
    pub(crate) link: GatewayLink,
    pub(crate) relay_log: RelayLog,
    pub(crate) denials: Denials,
    /// What verifies this server's receipts.
    pub(crate) signing_key: SigningKey,
    pub(crate) life: Life,
    /// Room for calls that work on cards.
    pub(crate) cards_at_work: Semaphore,
    /// Told when a lease was given back.
    pub(crate) lease_released: Notify,
}

/// A caller that may call the method, and how far it reaches.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    pub(crate) method: Method,
    pub(crate) reach: Reach,
}

impl State {
    /// What the carrier's procedures work with.
    pub(crate) fn context(&self) -> converge::Context<'_> {
        converge::Context {
            store: self.store.as_ref(),
            link: &self.link,
            vault: self.vault.as_ref(),
            clock: self.clock.as_ref(),
            entropy: self.entropy.as_ref(),
            issuer_master: &self.issuer_master,
            carrier: &self.carrier,
        }
    }

    /// The same, over another link.
    pub(crate) fn context_over<'a>(&'a self, link: &'a dyn CardLink) -> converge::Context<'a> {
        converge::Context {
            link,
            ..self.context()
        }
    }

    /// When a call has to be done.
    pub(crate) fn deadline(&self, metadata: &MetadataMap) -> Timestamp {
        self.clock
            .now()
            .after(deadline::of(metadata, self.limits.call_deadline()))
    }

    /// Who calls, when it may call `method`. A refusal is recorded.
    pub(crate) async fn admit<T>(
        &self,
        request: &Request<T>,
        method: Method,
    ) -> Result<Admitted, Status> {
        let caller = peer::caller(request)?;
        match authorisation::authorise(&self.tenants.now(), &caller, method) {
            Ok(reach) => Ok(Admitted {
                caller,
                method,
                reach,
            }),
            Err(reason) => Err(self.deny(&caller, method, reason, "").await),
        }
    }

    /// The object of `owner` is within the caller's reach. A refusal is recorded.
    pub(crate) async fn require(
        &self,
        admitted: &Admitted,
        owner: &Tenant,
        object: &str,
    ) -> Result<(), Status> {
        if admitted.reach.covers(owner) {
            return Ok(());
        }
        let Admitted { caller, method, .. } = admitted;
        Err(self
            .deny(caller, *method, Reason::TenantForbidden, object)
            .await)
    }

    /// One page of what `keep` takes from a table; see [`paging::Pages`].
    pub(crate) async fn page<T>(
        &self,
        admitted: &Admitted,
        table: Table,
        at: (u32, &str),
        keep: impl Fn(Record) -> Option<T>,
    ) -> Result<(Vec<T>, String), Status> {
        self.pages(admitted).page(table, at, keep).await
    }

    /// One page of what `keep` takes from a part of a table; see [`paging::Pages`].
    pub(crate) async fn page_of<T>(
        &self,
        admitted: &Admitted,
        part: (Table, &str),
        at: (u32, &str),
        keep: impl Fn(Record) -> Option<T>,
    ) -> Result<(Vec<T>, String), Status> {
        let (table, prefix) = part;
        self.pages(admitted).page_of(table, prefix, at, keep).await
    }

    /// The tables, for a caller.
    pub(crate) fn pages<'a>(&'a self, admitted: &'a Admitted) -> paging::Pages<'a> {
        paging::Pages {
            store: self.store.as_ref(),
            vault: self.vault.as_ref(),
            reader: &admitted.caller.tenant,
        }
    }

    /// Records that a caller was turned away; returns what it is told.
    pub(crate) async fn deny(
        &self,
        caller: &Caller,
        method: Method,
        reason: Reason,
        object: &str,
    ) -> Status {
        let actor = caller.actor();
        tracing::warn!(actor, method = method.name(), object, %reason, "a call was refused");
        let denied = status::refusal(reason, "this tenant and role may not do this");
        let now = self.clock.now();
        if !self
            .denials
            .is_recorded(&format!("{actor} {} {reason}", method.name()), now)
        {
            return denied;
        }
        let action = format!("{} {object}", method.name());
        // What was asked for may be another tenant's: only the carrier reads of it.
        let mut step = Step::new(
            format!("tenant/{}", caller.tenant),
            now,
            &caller.actor(),
            Party::Carrier,
        )
        .answered_by(&self.carrier)
        .says(action.trim_end(), reason.to_string());
        step.person.clone_from(&caller.person);
        if let Err(error) = self.record(step).await {
            tracing::error!(%error, "a refusal could not be recorded");
        }
        denied
    }

    /// What a caller asked for and this server did; the carrier answers for it, and sees it.
    pub(crate) fn step(&self, caller: &Caller, subject: impl Into<String>) -> Step {
        Step::by(caller, subject, self.clock.now(), Party::Carrier).answered_by(&self.carrier)
    }

    /// Adds an entry to the audit log.
    pub(crate) async fn record(&self, step: Step) -> Result<(), StoreError> {
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
}
