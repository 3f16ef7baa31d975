//! Storing what a card shows: always under the lease, never over what somebody
//! else decided meanwhile.

use super::item::Item;
use super::told::Outcome;
use super::worker::Worker;
use super::{Context, ConvergeError};
use crate::audit;
use crate::card::content::CardContent;
use crate::card::deployment::Deployment;
use crate::card::uicc::Uicc;
use crate::error::Failure;
use crate::ledger::{Account, area};
use crate::ports::{Batch, StoreError};
use crate::procedure::converge::request::RequestError;
use crate::procedure::lease;
use crate::receipt;

/// How often a commit that lost a race is decided again.
const ATTEMPTS: usize = 8;

impl Worker<'_> {
    /// Stores a verified reading: the card's content, what it means for every
    /// deployment, and an audit entry.
    pub(super) async fn record(&mut self, content: &CardContent) -> Result<(), ConvergeError> {
        for item in &mut self.items {
            item.observe(content);
        }
        for _ in 0..ATTEMPTS {
            match self.try_record(content).await {
                Err(ConvergeError::Store(StoreError::Conflict(_))) => {
                    self.follow(Some(content)).await?;
                }
                recorded => return recorded,
            }
        }
        self.try_record(content).await
    }

    async fn try_record(&mut self, content: &CardContent) -> Result<(), ConvergeError> {
        let batch = self.store_content(Some(content.clone())).await?;
        let batch = self.post(batch, content).await?;
        self.commit_items(batch, Outcome::ReadBack).await?;
        self.notes.clear();
        self.sent = None;
        Ok(())
    }

    /// A batch that makes `content` the last reading of the card.
    async fn store_content(&self, content: Option<CardContent>) -> Result<Batch, ConvergeError> {
        let id = self.session.iccid.as_str();
        let Some(uicc) = self.context.store.load::<Uicc>(id).await? else {
            return Err(RequestError::CardUnknown.into());
        };
        let value = Uicc {
            content,
            ..uicc.value
        };
        Ok(Batch::new().update(id, uicc.version, value))
    }

    /// What the reading means for the usage ledger.
    async fn post(&self, mut batch: Batch, content: &CardContent) -> Result<Batch, ConvergeError> {
        let Context { store, clock, .. } = self.context;
        for item in &self.items {
            let account = Account {
                payer: item.deployment.provider.clone(),
                payee: self.uicc.issuer.clone(),
            };
            let Deployment { iccid, service, .. } = &item.deployment;
            let names = (&account, iccid, service);
            let presence = item.presence(content);
            batch = area::observe(store, batch, names, presence, clock.now()).await?;
        }
        Ok(batch)
    }

    /// Stores the hand-overs of first keys; to be done before the keys are sent.
    /// The last reading is forgotten with it: whoever goes on after a crash must
    /// see whether the keys are on the card before it makes others.
    /// False when somebody else changed what is desired: plan again.
    pub(super) async fn record_handovers(&mut self) -> Result<bool, ConvergeError> {
        let batch = self.store_content(None).await?;
        match self
            .commit_items(batch, Outcome::Text("first keys sealed to the provider"))
            .await
        {
            Ok(()) => Ok(true),
            Err(ConvergeError::Store(StoreError::Conflict(_))) => {
                self.items.iter_mut().for_each(Item::withdraw_first_keys);
                self.follow(None).await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// A session whose answers cannot be believed is worth a line in the log of the card.
    pub(super) async fn record_failure(&mut self, error: &ConvergeError) {
        let outcome = error.reason().to_string();
        if let Err(failed) = self
            .commit_items(Batch::new(), Outcome::Text(&outcome))
            .await
        {
            tracing::warn!(iccid = ?self.session.iccid, error = %failed, "failure not audited");
        }
    }

    /// Adds the deployments and the audit entries to `batch` and commits it under the lease.
    /// What was read back after changes were sent leaves a receipt.
    async fn commit_items(
        &mut self,
        batch: Batch,
        outcome: Outcome<'_>,
    ) -> Result<(), ConvergeError> {
        let store = self.context.store;
        let now = self.context.clock.now();
        let (iccid, epoch) = (self.session.iccid.clone(), self.session.lease_epoch);
        let mut batch = lease::fence(store, batch, &iccid, epoch).await?;
        for item in &mut self.items {
            item.deployment.updated_at = now;
            let id = Deployment::id(&iccid, &item.deployment.service);
            batch = batch.update(id, item.version, item.deployment.clone());
        }
        let Context { vault, carrier, .. } = self.context;
        for told in self.told(outcome, now) {
            batch = if told.leaves_a_receipt {
                receipt::append(store, vault, carrier, batch, told.step, &[]).await?
            } else {
                audit::append(store, batch, told.step).await?
            };
        }
        store.commit(batch).await?;
        for item in &mut self.items {
            item.version = item.version.saturating_add(1);
        }
        self.is_dirty = false;
        Ok(())
    }

    /// Takes over what others stored meanwhile; it counts more than what we
    /// meant to store, except for what the card shows.
    async fn follow(&mut self, content: Option<&CardContent>) -> Result<(), ConvergeError> {
        let stored = Item::load_all(self.context.store, &self.session.iccid).await?;
        for found in stored {
            let name = &found.deployment.service;
            let known = self
                .items
                .iter_mut()
                .find(|item| item.deployment.service == *name);
            match known {
                Some(known) if known.version == found.version => {}
                Some(known) => {
                    let handover = known.deployment.handover.take();
                    known.version = found.version;
                    known.deployment = Deployment {
                        handover,
                        ..found.deployment
                    };
                    known.is_stuck = false;
                    if let Some(content) = content {
                        known.observe(content);
                    }
                }
                None => self.items.push(found),
            }
        }
        Ok(())
    }
}
