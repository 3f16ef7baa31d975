//! Which device holds which card now, and the queue of scripts for each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tsm_core::identity::Iccid;
use tsm_core::ports::{LinkError, Script};
use tsm_core::time::Timestamp;

/// Scripts that may wait for one card.
const QUEUE: usize = 4;
/// Devices that may try to take over one card at the same time.
const CANDIDATES: usize = 2;

/// The answer to a script: its responses, or why there are none.
pub type Answer = Result<Vec<Vec<u8>>, LinkError>;

/// A script on its way to a device.
pub struct Job {
    /// The commands.
    pub script: Script,
    /// Epoch of the lease under which it was built.
    pub lease_epoch: u64,
    /// Not to be sent after this moment.
    pub deadline: Timestamp,
    /// Where the answer goes. Dropped without one, the script was never sent.
    pub answer: oneshot::Sender<Answer>,
}

/// All attached cards.
#[derive(Debug)]
pub struct Attachments {
    limit: usize,
    cards: Mutex<Cards>,
    arrivals: mpsc::Sender<Iccid>,
}

#[derive(Debug, Default)]
struct Cards {
    next_number: u64,
    live: HashMap<Iccid, Attachment>,
    candidates: HashMap<Iccid, usize>,
}

#[derive(Clone, Debug)]
struct Attachment {
    number: u64,
    jobs: mpsc::Sender<Job>,
    newest_epoch: Arc<AtomicU64>,
    replaced: CancellationToken,
}

/// What a device that claims a card is.
#[derive(Debug)]
pub enum Offer {
    /// The only one; it has the card.
    Accepted(Entrance),
    /// Another device has the card; it must prove itself.
    Candidate(Candidate),
    /// There is no room.
    Refused,
}

/// A device's end of its attachment. The card is free again when it is dropped.
#[derive(Debug)]
pub struct Entrance {
    registry: Arc<Attachments>,
    iccid: Iccid,
    number: u64,
    /// Scripts for the device.
    pub jobs: mpsc::Receiver<Job>,
    newest_epoch: Arc<AtomicU64>,
    /// Cancelled when another device took the card over.
    pub replaced: CancellationToken,
}

/// A device that waits to take over a card.
#[derive(Debug)]
pub struct Candidate {
    registry: Arc<Attachments>,
    iccid: Iccid,
}

impl Attachments {
    /// An empty registry for at most `limit` cards. Every card that becomes
    /// attached is told to `arrivals`, unless that is full.
    #[must_use]
    pub fn new(limit: usize, arrivals: mpsc::Sender<Iccid>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            cards: Mutex::default(),
            arrivals,
        })
    }

    /// Whether a device holds the card.
    #[must_use]
    pub fn is_attached(&self, iccid: &Iccid) -> bool {
        self.lock().live.contains_key(iccid)
    }

    /// Cards that are attached now.
    #[must_use]
    pub fn attached(&self) -> Vec<Iccid> {
        self.lock().live.keys().cloned().collect()
    }

    /// A device says that it holds the card.
    #[must_use]
    pub fn offer(self: &Arc<Self>, iccid: &Iccid) -> Offer {
        let mut cards = self.lock();
        if cards.live.contains_key(iccid) {
            let waiting = cards.candidates.entry(iccid.clone()).or_default();
            if *waiting >= CANDIDATES {
                return Offer::Refused;
            }
            *waiting += 1;
            return Offer::Candidate(Candidate {
                registry: self.clone(),
                iccid: iccid.clone(),
            });
        }
        if cards.live.len() >= self.limit {
            return Offer::Refused;
        }
        Offer::Accepted(self.attach(&mut cards, iccid))
    }

    /// Queues a script for the device that holds the card.
    ///
    /// # Errors
    /// [`LinkError::NotAttached`] and [`LinkError::Overloaded`]; nothing is sent then.
    pub fn send(&self, iccid: &Iccid, job: Job) -> Result<(), LinkError> {
        let attachment = self
            .lock()
            .live
            .get(iccid)
            .cloned()
            .ok_or(LinkError::NotAttached)?;
        attachment
            .newest_epoch
            .fetch_max(job.lease_epoch, Ordering::SeqCst);
        attachment.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => LinkError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => LinkError::NotAttached,
        })
    }

    /// Puts a new attachment in place, and tells the one that was there.
    fn attach(self: &Arc<Self>, cards: &mut Cards, iccid: &Iccid) -> Entrance {
        let (sender, jobs) = mpsc::channel(QUEUE);
        cards.next_number += 1;
        let attachment = Attachment {
            number: cards.next_number,
            jobs: sender,
            newest_epoch: Arc::default(),
            replaced: CancellationToken::new(),
        };
        let entrance = Entrance {
            registry: self.clone(),
            iccid: iccid.clone(),
            number: attachment.number,
            jobs,
            newest_epoch: attachment.newest_epoch.clone(),
            replaced: attachment.replaced.clone(),
        };
        if let Some(old) = cards.live.insert(iccid.clone(), attachment) {
            old.replaced.cancel();
        }
        // A full queue loses nothing: open work is looked for from time to time, too.
        let _ = self.arrivals.try_send(iccid.clone());
        entrance
    }

    fn lock(&self) -> MutexGuard<'_, Cards> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entrance {
    /// Whether a script of this epoch may still be sent: no newer one was queued.
    #[must_use]
    pub fn is_current(&self, lease_epoch: u64) -> bool {
        lease_epoch >= self.newest_epoch.load(Ordering::SeqCst)
    }

    /// Number of the attachment, unique in this process.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        let mut cards = self.registry.lock();
        if cards
            .live
            .get(&self.iccid)
            .is_some_and(|live| live.number == self.number)
        {
            cards.live.remove(&self.iccid);
        }
    }
}

impl Candidate {
    /// The card has proved itself: takes it over from whoever has it.
    #[must_use]
    pub fn replace(self) -> Entrance {
        let mut cards = self.registry.lock();
        self.registry.attach(&mut cards, &self.iccid)
    }

    /// Takes the card when nobody has it any more.
    #[must_use]
    pub fn claim(self) -> Option<Entrance> {
        let mut cards = self.registry.lock();
        let free = !cards.live.contains_key(&self.iccid);
        free.then(|| self.registry.attach(&mut cards, &self.iccid))
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        let mut cards = self.registry.lock();
        if let Some(waiting) = cards.candidates.get_mut(&self.iccid) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                cards.candidates.remove(&self.iccid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iccid() -> Iccid {
        Iccid::new("8981100000000000001").unwrap()
    }

    fn registry(limit: usize) -> (Arc<Attachments>, mpsc::Receiver<Iccid>) {
        let (arrivals, arrived) = mpsc::channel(8);
        (Attachments::new(limit, arrivals), arrived)
    }

    fn accepted(offer: Offer) -> Entrance {
        match offer {
            Offer::Accepted(entrance) => entrance,
            other => panic!("{other:?}"),
        }
    }

    fn candidate(offer: Offer) -> Candidate {
        match offer {
            Offer::Candidate(candidate) => candidate,
            other => panic!("{other:?}"),
        }
    }

    fn job(lease_epoch: u64) -> (Job, oneshot::Receiver<Answer>) {
        let (answer, received) = oneshot::channel();
        let deadline = Timestamp(i64::MAX);
        (
            Job {
                script: Script::default(),
                lease_epoch,
                deadline,
                answer,
            },
            received,
        )
    }

    #[test]
    fn the_first_device_has_the_card_until_it_goes() {
        let (registry, mut arrived) = registry(8);
        let entrance = accepted(registry.offer(&iccid()));
        assert!(registry.is_attached(&iccid()));
        assert_eq!(arrived.try_recv().unwrap(), iccid());
        drop(entrance);
        assert!(!registry.is_attached(&iccid()));
        assert_eq!(
            registry.send(&iccid(), job(1).0),
            Err(LinkError::NotAttached)
        );
    }

    #[test]
    fn a_candidate_takes_over_only_when_it_says_so() {
        let (registry, _arrived) = registry(8);
        let first = accepted(registry.offer(&iccid()));
        let second = candidate(registry.offer(&iccid()));
        assert!(!first.replaced.is_cancelled());
        let mut second = second.replace();
        assert!(first.replaced.is_cancelled());
        drop(first);
        assert!(registry.is_attached(&iccid()));
        registry.send(&iccid(), job(1).0).unwrap();
        assert!(second.jobs.try_recv().is_ok());
    }

    #[test]
    fn a_candidate_without_proof_gets_only_a_free_card() {
        let (registry, _arrived) = registry(8);
        let first = accepted(registry.offer(&iccid()));
        assert!(candidate(registry.offer(&iccid())).claim().is_none());
        let second = candidate(registry.offer(&iccid()));
        drop(first);
        assert!(second.claim().is_some());
    }

    #[test]
    fn bounds_attachments_candidates_and_queues() {
        let (registry, _arrived) = registry(1);
        let _first = accepted(registry.offer(&iccid()));
        let other = Iccid::new("8981100000000000002").unwrap();
        assert!(matches!(registry.offer(&other), Offer::Refused));
        let waiting: Vec<_> = (0..CANDIDATES).map(|_| registry.offer(&iccid())).collect();
        assert!(matches!(registry.offer(&iccid()), Offer::Refused));
        drop(waiting);
        assert!(matches!(registry.offer(&iccid()), Offer::Candidate(_)));
        for _ in 0..QUEUE {
            registry.send(&iccid(), job(1).0).unwrap();
        }
        assert_eq!(
            registry.send(&iccid(), job(1).0),
            Err(LinkError::Overloaded)
        );
    }

    #[test]
    fn an_older_epoch_is_not_current_once_a_newer_one_was_queued() {
        let (registry, _arrived) = registry(8);
        let entrance = accepted(registry.offer(&iccid()));
        assert!(entrance.is_current(1));
        registry.send(&iccid(), job(2).0).unwrap();
        assert!(!entrance.is_current(1));
        assert!(entrance.is_current(2));
    }
}
