//! The `CardLink` port over the gateway: a script goes to the device that holds
//! the card, under the newest lease only.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tsm_core::card::lease::Lease;
use tsm_core::identity::Iccid;
use tsm_core::ports::{CardLink, Clock, LinkError, Script, Store};
use tsm_core::time::Timestamp;

use crate::gateway::attachments::{Attachments, Job};

/// Delivers scripts to attached devices.
#[derive(Clone)]
pub struct GatewayLink {
    attachments: Arc<Attachments>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl GatewayLink {
    /// A link to the cards in `attachments`; leases are read from `store`.
    #[must_use]
    pub fn new(
        attachments: Arc<Attachments>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            attachments,
            store,
            clock,
        }
    }

    /// When the lease of this epoch ends, if it is the newest and still runs.
    async fn lease_end(&self, iccid: &Iccid, epoch: u64) -> Result<Timestamp, LinkError> {
        let lease = self
            .store
            .load::<Lease>(iccid.as_str())
            .await
            .map_err(|error| {
                tracing::error!(error = %error, "a lease could not be read");
                LinkError::Overloaded
            })?;
        match lease.map(|lease| lease.value) {
            Some(lease) if lease.epoch == epoch && lease.expires_at > self.clock.now() => {
                Ok(lease.expires_at)
            }
            _ => Err(LinkError::StaleLease),
        }
    }
}

#[async_trait]
impl CardLink for GatewayLink {
    async fn exchange(
        &self,
        iccid: &Iccid,
        lease_epoch: u64,
        script: Script,
        deadline: Timestamp,
    ) -> Result<Vec<Vec<u8>>, LinkError> {
        if !self.attachments.is_attached(iccid) {
            return Err(LinkError::NotAttached);
        }
        // A script must not be started after its lease ended.
        let deadline = deadline.min(self.lease_end(iccid, lease_epoch).await?);
        let (answer, answered) = oneshot::channel();
        self.attachments.send(
            iccid,
            Job {
                script,
                lease_epoch,
                deadline,
                answer,
            },
        )?;
        // No answer at all: the device went away while the script was queued.
        answered.await.unwrap_or(Err(LinkError::NotAttached))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tsm_core::ports::Batch;
    use tsm_store::MemoryStore;

    use super::*;
    use crate::gateway::attachments::{Entrance, Offer};

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(1_000)
        }
    }

    fn iccid() -> Iccid {
        Iccid::new("8981100000000000001").unwrap()
    }

    async fn link(lease: Option<Lease>) -> (GatewayLink, Arc<Attachments>) {
        let (arrivals, _) = mpsc::channel(1);
        let attachments = Attachments::new(8, arrivals);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        if let Some(lease) = lease {
            store
                .commit(Batch::new().insert(iccid().as_str(), lease))
                .await
                .unwrap();
        }
        (
            GatewayLink::new(attachments.clone(), store, Arc::new(Fixed)),
            attachments,
        )
    }

    fn lease(epoch: u64, expires_at: i64) -> Option<Lease> {
        Some(Lease {
            holder: "test".to_owned(),
            epoch,
            expires_at: Timestamp(expires_at),
        })
    }

    fn attach(attachments: &Arc<Attachments>) -> Entrance {
        match attachments.offer(&iccid()) {
            Offer::Accepted(entrance) => entrance,
            other => panic!("{other:?}"),
        }
    }

    async fn exchange(link: &GatewayLink, epoch: u64) -> Result<Vec<Vec<u8>>, LinkError> {
        link.exchange(&iccid(), epoch, Script::default(), Timestamp(9_000))
            .await
    }

    #[tokio::test]
    async fn a_card_that_is_not_attached_is_not_reachable() {
        let (link, _attachments) = link(lease(1, 5_000)).await;
        assert_eq!(exchange(&link, 1).await, Err(LinkError::NotAttached));
    }

    #[tokio::test]
    async fn only_the_newest_lease_that_still_runs_counts() {
        for (lease, epoch) in [
            (None, 1),
            (lease(2, 5_000), 1),
            (lease(2, 5_000), 3),
            (lease(2, 1_000), 2),
        ] {
            let (link, attachments) = link(lease).await;
            let _entrance = attach(&attachments);
            assert_eq!(exchange(&link, epoch).await, Err(LinkError::StaleLease));
        }
    }

    #[tokio::test]
    async fn hands_the_script_to_the_device_until_the_lease_ends() {
        let (link, attachments) = link(lease(2, 5_000)).await;
        let mut entrance = attach(&attachments);
        let device = tokio::spawn(async move {
            let job = entrance.jobs.recv().await.unwrap();
            assert_eq!(job.deadline, Timestamp(5_000));
            job.answer.send(Ok(vec![vec![0x90, 0x00]])).unwrap();
        });
        assert_eq!(exchange(&link, 2).await, Ok(vec![vec![0x90, 0x00]]));
        device.await.unwrap();
    }

    #[tokio::test]
    async fn a_device_that_goes_while_the_script_waits_has_not_got_it() {
        let (link, attachments) = link(lease(2, 5_000)).await;
        let entrance = attach(&attachments);
        let (answer, ()) = tokio::join!(exchange(&link, 2), async {
            tokio::task::yield_now().await;
            drop(entrance);
        });
        assert_eq!(answer, Err(LinkError::NotAttached));
    }
}
