//! Working on one card: room for it, and its lease.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tsm_core::card::lease::Lease;
use tsm_core::error::{Failure, Reason};
use tsm_core::identity::Iccid;
use tsm_core::ports::{Batch, Store, StoreError};
use tsm_core::procedure::lease::{self, LeaseError};
use tsm_core::record::{Record, Table};
use tsm_core::time::Timestamp;
use uuid::Uuid;

use crate::state::State;

/// A lease of ours runs so long past the deadline of its work.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// How often a lease that another worker holds is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// What the holders of this server's own leases begin with. No tenant's holder
/// does: those begin with the tenant and a slash.
const OWN: &str = "mno:";
/// Leases read at a time when the server starts.
const PAGE: usize = 500;

/// Why a card can't be worked on now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    /// Too many cards are worked on.
    #[error("too many cards are worked on at the moment")]
    Overload,
    /// The lease was not had in time.
    #[error("the card is not free")]
    Lease(#[from] LeaseError),
}

impl Failure for Unavailable {
    fn reason(&self) -> Reason {
        match self {
            Self::Overload => Reason::Overload,
            Self::Lease(error) => error.reason(),
        }
    }
}

/// A card that this server works on. Call [`release`](Self::release) when done;
/// dropped without it, the lease ends by itself.
pub(crate) struct HeldCard<'a> {
    state: &'a State,
    iccid: Iccid,
    pub(crate) epoch: u64,
    _room: Option<SemaphorePermit<'a>>,
}

impl<'a> HeldCard<'a> {
    /// Takes a card for a call, waiting until `deadline` while another worker holds it.
    pub(crate) async fn wait_for(
        state: &'a State,
        iccid: &Iccid,
        deadline: Timestamp,
    ) -> Result<Self, Unavailable> {
        let room = state
            .cards_at_work
            .try_acquire()
            .map_err(|_| Unavailable::Overload)?;
        let holder = format!("{OWN}{}", Uuid::now_v7());
        loop {
            // Registered before the look, so that a release in between is not missed.
            let released = state.lease_released.notified();
            match take(state, iccid, &holder, deadline).await {
                Ok(epoch) => {
                    return Ok(Self {
                        state,
                        iccid: iccid.clone(),
                        epoch,
                        _room: Some(room),
                    });
                }
                Err(LeaseError::Busy { until }) => {
                    if state.clock.now().after(LOOK_AGAIN) >= deadline {
                        return Err(LeaseError::Busy { until }.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, released).await;
        }
    }

    /// Takes a card for background work, unless another worker holds it.
    pub(crate) async fn try_for(
        state: &'a State,
        iccid: &Iccid,
        deadline: Timestamp,
    ) -> Result<Self, LeaseError> {
        let holder = format!("{OWN}{}", Uuid::now_v7());
        let epoch = take(state, iccid, &holder, deadline).await?;
        Ok(Self {
            state,
            iccid: iccid.clone(),
            epoch,
            _room: None,
        })
    }

    /// Lets others have the card.
    pub(crate) async fn release(self) {
        if let Err(error) = release(self.state, &self.iccid, self.epoch).await {
            tracing::warn!(iccid = ?self.iccid, error = %error, "a lease was not given back");
        }
    }
}

/// Gives a lease back and tells those who wait.
pub(crate) async fn release(state: &State, iccid: &Iccid, epoch: u64) -> Result<(), LeaseError> {
    lease::release(state.store.as_ref(), iccid, epoch).await?;
    state.lease_released.notify_waiters();
    Ok(())
}

async fn take(
    state: &State,
    iccid: &Iccid,
    holder: &str,
    deadline: Timestamp,
) -> Result<u64, LeaseError> {
    let duration = deadline
        .since(state.clock.now())
        .saturating_add(LEASE_MARGIN);
    let (store, clock) = (state.store.as_ref(), state.clock.as_ref());
    Ok(lease::acquire(store, clock, iccid, holder, duration)
        .await?
        .epoch)
}

/// Ends the leases that a server which died on this store still held. Only one
/// server uses an embedded store, so nobody works under them any more.
pub(crate) async fn release_leases_of_the_dead(store: &dyn Store) -> Result<usize, StoreError> {
    let mut released = 0;
    let mut after: Option<String> = None;
    loop {
        let page = store.scan(Table::Lease, "", after.as_deref(), PAGE).await?;
        let mut batch = Batch::new();
        for (key, found) in &page {
            let Record::Lease(lease) = &found.value else {
                continue;
            };
            if lease.holder.starts_with(OWN) && lease.expires_at != Timestamp(0) {
                let ended = Lease {
                    expires_at: Timestamp(0),
                    ..lease.clone()
                };
                batch = batch.update(key.id.clone(), found.version, ended);
                released += 1;
            }
        }
        if !batch.put.is_empty() {
            store.commit(batch).await?;
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => after = Some(key.id.clone()),
            _ => return Ok(released),
        }
    }
}

#[cfg(test)]
mod tests {
    use tsm_store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn ends_only_this_server_s_own_leases() {
        let store = MemoryStore::new();
        let lease = |holder: &str| Lease {
            holder: holder.to_owned(),
            epoch: 4,
            expires_at: Timestamp(9_000),
        };
        let batch = Batch::new()
            .insert("1", lease("mno:x"))
            .insert("2", lease("jlis/mno:x"));
        store.commit(batch).await.unwrap();
        assert_eq!(release_leases_of_the_dead(&store).await.unwrap(), 1);
        assert_eq!(release_leases_of_the_dead(&store).await.unwrap(), 0);
        let store: &dyn Store = &store;
        let ended = store.load::<Lease>("1").await.unwrap().unwrap().value;
        assert_eq!((ended.epoch, ended.expires_at), (4, Timestamp(0)));
        let kept = store.load::<Lease>("2").await.unwrap().unwrap().value;
        assert_eq!(kept.expires_at, Timestamp(9_000));
    }
}
