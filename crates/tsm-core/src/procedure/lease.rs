//! Leases: one worker per card at a time (architecture.md, section 3).
//!
//! A lease ends by itself. Every holder gets a higher epoch than all before it;
//! the gateway refuses scripts of older epochs, and [`fence`] makes a commit fail
//! when the epoch is not the newest any more.

use std::time::Duration;

use crate::card::lease::Lease;
use crate::error::{Failure, Reason};
use crate::identity::Iccid;
use crate::ports::{Batch, Clock, Store, StoreError};
use crate::time::Timestamp;

/// How often a change that lost a race is decided again.
const ATTEMPTS: usize = 8;

/// Why a lease was not had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// Another worker holds the card.
    #[error("another worker holds the card until {until}")]
    Busy {
        /// When its lease ends, unless it renews it.
        until: Timestamp,
    },
    /// The lease ended, or another worker has a newer one.
    #[error("the lease is not in force any more")]
    Lost,
    /// The store did not do it.
    #[error("the lease could not be stored")]
    Store(#[from] StoreError),
}

impl Failure for LeaseError {
    fn reason(&self) -> Reason {
        match self {
            Self::Busy { .. } | Self::Lost => Reason::CardBusy,
            Self::Store(error) => error.reason(),
        }
    }
}

/// Takes the lease on a card, or extends the one that `holder` has.
///
/// `holder` must name one worker, not a server: two tasks that use the same
/// name get the same lease.
///
/// # Errors
/// [`LeaseError::Busy`] while another holder's lease runs.
pub async fn acquire(
    store: &dyn Store,
    clock: &dyn Clock,
    iccid: &Iccid,
    holder: &str,
    duration: Duration,
) -> Result<Lease, LeaseError> {
    change(store, iccid, |current| {
        let now = clock.now();
        let epoch = match current {
            Some(lease) if lease.expires_at > now && lease.holder != holder => {
                return Err(LeaseError::Busy {
                    until: lease.expires_at,
                });
            }
            Some(lease) if lease.expires_at > now => lease.epoch,
            Some(lease) => lease.epoch.saturating_add(1),
            None => 1,
        };
        Ok(Lease {
            holder: holder.to_owned(),
            epoch,
            expires_at: now.after(duration),
        })
    })
    .await
}

/// Extends the lease of this epoch to `duration` from now. A lease that ended
/// can be extended as long as nobody else took it.
///
/// # Errors
/// [`LeaseError::Lost`] when there is a newer epoch, or none at all.
pub async fn renew(
    store: &dyn Store,
    clock: &dyn Clock,
    iccid: &Iccid,
    epoch: u64,
    duration: Duration,
) -> Result<Lease, LeaseError> {
    change(store, iccid, |current| match current {
        Some(lease) if lease.epoch == epoch => Ok(Lease {
            expires_at: clock.now().after(duration),
            ..lease.clone()
        }),
        _ => Err(LeaseError::Lost),
    })
    .await
}

/// Gives the lease of this epoch back. Repeating it, or giving back a lease
/// that someone else has taken over, changes nothing.
///
/// # Errors
/// [`LeaseError::Store`]; the lease ends by itself then.
pub async fn release(store: &dyn Store, iccid: &Iccid, epoch: u64) -> Result<(), LeaseError> {
    let released = change(store, iccid, |current| match current {
        Some(lease) if lease.epoch == epoch => Ok(Lease {
            expires_at: Timestamp(0),
            ..lease.clone()
        }),
        _ => Err(LeaseError::Lost),
    });
    match released.await {
        Ok(_) | Err(LeaseError::Lost) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes `batch` fail unless `epoch` is still the newest when it commits.
///
/// # Errors
/// [`LeaseError::Lost`] when it is not the newest already.
pub async fn fence(
    store: &dyn Store,
    batch: Batch,
    iccid: &Iccid,
    epoch: u64,
) -> Result<Batch, LeaseError> {
    match store.load::<Lease>(iccid.as_str()).await? {
        Some(lease) if lease.value.epoch == epoch => {
            Ok(batch.expecting::<Lease>(iccid.as_str(), lease.version))
        }
        _ => Err(LeaseError::Lost),
    }
}

/// Decides the next lease from the current one and stores it; decides again
/// when another worker was quicker.
async fn change(
    store: &dyn Store,
    iccid: &Iccid,
    decide: impl Fn(Option<&Lease>) -> Result<Lease, LeaseError>,
) -> Result<Lease, LeaseError> {
    let mut last = LeaseError::Lost;
    for _ in 0..ATTEMPTS {
        let current = store.load::<Lease>(iccid.as_str()).await?;
        let version = current.as_ref().map_or(0, |lease| lease.version);
        let next = decide(current.as_ref().map(|lease| &lease.value))?;
        let batch = Batch::new().update(iccid.as_str(), version, next.clone());
        match store.commit(batch).await {
            Ok(()) => return Ok(next),
            Err(error @ StoreError::Conflict(_)) => last = error.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::testing::{TestClock, TestStore};

    const MINUTE: Duration = Duration::from_secs(60);

    fn iccid() -> Iccid {
        Iccid::new("8981100000000000017").unwrap()
    }

    fn take(store: &TestStore, clock: &TestClock, holder: &str) -> Result<Lease, LeaseError> {
        block_on(acquire(store, clock, &iccid(), holder, MINUTE))
    }

    #[test]
    fn one_worker_holds_a_card_at_a_time() {
        let (store, clock) = (TestStore::default(), TestClock::at(0));
        assert_eq!(take(&store, &clock, "one").unwrap().epoch, 1);
        let busy = take(&store, &clock, "two").unwrap_err();
        assert_eq!(
            busy,
            LeaseError::Busy {
                until: Timestamp(60_000)
            }
        );
        assert_eq!(busy.reason(), Reason::CardBusy);
    }

    #[test]
    fn a_holder_extends_its_own_lease_under_the_same_epoch() {
        let (store, clock) = (TestStore::default(), TestClock::at(0));
        take(&store, &clock, "one").unwrap();
        clock.advance(50_000);
        let extended = take(&store, &clock, "one").unwrap();
        assert_eq!(
            (extended.epoch, extended.expires_at),
            (1, Timestamp(110_000))
        );
        let renewed = block_on(renew(&store, &clock, &iccid(), 1, 2 * MINUTE)).unwrap();
        assert_eq!(renewed.expires_at, Timestamp(170_000));
    }

    #[test]
    fn a_lease_that_ended_goes_to_the_next_one_with_a_higher_epoch() {
        let (store, clock) = (TestStore::default(), TestClock::at(0));
        take(&store, &clock, "one").unwrap();
        clock.advance(60_000);
        assert_eq!(take(&store, &clock, "two").unwrap().epoch, 2);
        let late = block_on(renew(&store, &clock, &iccid(), 1, MINUTE)).unwrap_err();
        assert_eq!(late, LeaseError::Lost);
    }

    #[test]
    fn giving_back_makes_room_at_once_and_can_be_repeated() {
        let (store, clock) = (TestStore::default(), TestClock::at(1));
        take(&store, &clock, "one").unwrap();
        block_on(release(&store, &iccid(), 1)).unwrap();
        assert_eq!(take(&store, &clock, "two").unwrap().epoch, 2);
        block_on(release(&store, &iccid(), 1)).unwrap();
        assert!(
            take(&store, &clock, "three").is_err(),
            "an old epoch gives nothing back"
        );
    }

    #[test]
    fn an_old_epoch_commits_nothing() {
        let (store, clock) = (TestStore::default(), TestClock::at(0));
        take(&store, &clock, "one").unwrap();
        let batch = block_on(fence(&store, Batch::new(), &iccid(), 1)).unwrap();
        clock.advance(60_000);
        take(&store, &clock, "two").unwrap();
        let commit = block_on(store.commit(batch));
        assert!(matches!(commit, Err(StoreError::Conflict(_))));
        let fenced = block_on(fence(&store, Batch::new(), &iccid(), 1));
        assert_eq!(fenced.unwrap_err(), LeaseError::Lost);
    }

    #[test]
    fn of_many_workers_exactly_one_wins() {
        let (store, clock) = (TestStore::default(), TestClock::at(0));
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let won = std::thread::scope(|scope| {
            let workers = names.map(|name| scope.spawn(|| take(&store, &clock, name).is_ok()));
            workers.map(|worker| worker.join().unwrap())
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
    }
}
