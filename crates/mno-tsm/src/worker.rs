//! The background worker: brings cards with open work to what is desired.
//!
//! A card is looked at when it attaches, and from time to time while it is.
//! Open is what is not converged and has no problem that only people can solve.
//! What fails is tried again after a growing, jittered pause.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tsm_core::card::deployment::Deployment;
use tsm_core::error::{Class, Failure};
use tsm_core::identity::Iccid;
use tsm_core::ports::StoreError;
use tsm_core::procedure::converge::{self, ConvergeError};
use tsm_core::procedure::lease::LeaseError;
use tsm_core::record::{Record, Table};

use crate::card_work::HeldCard;
use crate::metering::{self, MeteredLink};
use crate::state::State;

/// Pause after the first failure that may pass by itself; doubled with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after a failure that may pass by itself.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause after any other failure: somebody has to look first.
const REFUSED_PAUSE: Duration = Duration::from_secs(600);
/// Services on one card that are looked at.
const SERVICES: usize = 256;

/// What came of looking at a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing is open.
    Done,
    /// Look again after a pause.
    Again(Class),
}

/// Works until the server stops. Cards that attach come in through `arrivals`.
pub async fn run(state: Arc<State>, mut arrivals: mpsc::Receiver<Iccid>) {
    let mut worker = Worker::new(state.clone());
    let mut sweep = tokio::time::interval(state.limits.sweep_interval());
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.life.stopping() => break,
            Some(iccid) = arrivals.recv() => worker.queue(iccid),
            Some(Ok((iccid, outcome))) = worker.working.join_next() => {
                worker.settle(&iccid, outcome);
            }
            Some(Ok(iccid)) = worker.pausing.join_next() => {
                worker.known.remove(&iccid);
                worker.queue(iccid);
            }
            _ = sweep.tick() => worker.sweep(),
        }
        worker.start();
    }
    // Work that has begun is finished; the server cuts it when that takes too long.
    while worker.working.join_next().await.is_some() {}
}

struct Worker {
    state: Arc<State>,
    /// Cards that wait, are worked on, or pause.
    known: HashSet<Iccid>,
    queue: VecDeque<Iccid>,
    failures: HashMap<Iccid, u32>,
    working: JoinSet<(Iccid, Outcome)>,
    pausing: JoinSet<Iccid>,
}

impl Worker {
    fn new(state: Arc<State>) -> Self {
        Self {
            state,
            known: HashSet::new(),
            queue: VecDeque::new(),
            failures: HashMap::new(),
            working: JoinSet::new(),
            pausing: JoinSet::new(),
        }
    }

    fn queue(&mut self, iccid: Iccid) {
        if self.known.insert(iccid.clone()) {
            self.queue.push_back(iccid);
        }
    }

    fn sweep(&mut self) {
        let attached = self.state.attachments.attached();
        self.failures.retain(|iccid, _| self.known.contains(iccid));
        for iccid in attached {
            self.queue(iccid);
        }
    }

    fn start(&mut self) {
        while self.working.len() < self.state.limits.background_cards.max(1) {
            let Some(iccid) = self.queue.pop_front() else {
                return;
            };
            let state = self.state.clone();
            self.working.spawn(async move {
                let outcome = look_at(&state, &iccid).await;
                (iccid, outcome)
            });
        }
    }

    fn settle(&mut self, iccid: &Iccid, outcome: Outcome) {
        let Outcome::Again(class) = outcome else {
            self.known.remove(iccid);
            self.failures.remove(iccid);
            return;
        };
        let failures = self.failures.entry(iccid.clone()).or_default();
        *failures = failures.saturating_add(1);
        let pause = pause(class, *failures, self.jitter());
        let iccid = iccid.clone();
        self.pausing.spawn(async move {
            tokio::time::sleep(pause).await;
            iccid
        });
    }

    fn jitter(&self) -> u8 {
        let mut byte = [0];
        // Without randomness the pause is the longest of its kind.
        self.state
            .entropy
            .fill(&mut byte)
            .map_or(u8::MAX, |()| byte[0])
    }
}

/// Half of the pause is fixed, half is up to `jitter`.
fn pause(class: Class, failures: u32, jitter: u8) -> Duration {
    let full = match class {
        Class::Retry | Class::Conflict => FIRST_PAUSE
            .saturating_mul(
                1_u32
                    .checked_shl(failures.saturating_sub(1))
                    .unwrap_or(u32::MAX),
            )
            .min(LONGEST_PAUSE),
        _ => REFUSED_PAUSE,
    };
    full / 2 + full / 2 * u32::from(jitter) / 255
}

async fn look_at(state: &State, iccid: &Iccid) -> Outcome {
    if !state.attachments.is_attached(iccid) {
        return Outcome::Done;
    }
    match work(state, iccid).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            let (class, reason) = (error.class(), error.reason());
            let busy = matches!(error, ConvergeError::Lease(LeaseError::Busy { .. }));
            if !busy {
                tracing::warn!(?iccid, %reason, error = %error, "open work on a card did not end");
            }
            Outcome::Again(class)
        }
    }
}

async fn work(state: &State, iccid: &Iccid) -> Result<(), ConvergeError> {
    let Some(open) = open_work(state, iccid).await? else {
        return Ok(());
    };
    let deadline = state.clock.now().after(state.limits.call_deadline());
    let held = HeldCard::try_for(state, iccid, deadline).await?;
    let link = MeteredLink::new(&state.link);
    let context = state.context_over(&link);
    let converged = converge::converge(&context, iccid, held.epoch, deadline).await;
    // Of several providers, the one whose service is first.
    metering::charge(state, &open.provider, iccid, &open.service, link.traffic()).await;
    held.release().await;
    let report = converged?;
    tracing::info!(
        ?iccid,
        exchanges = report.exchanges,
        "open work on a card was done"
    );
    Ok(())
}

/// A service on the card that is not as desired, while nobody knows a problem with it.
async fn open_work(state: &State, iccid: &Iccid) -> Result<Option<Deployment>, StoreError> {
    let prefix = format!("{iccid}/");
    let found = state
        .store
        .scan(Table::Deployment, &prefix, None, SERVICES)
        .await?;
    Ok(found.into_iter().find_map(|(_, found)| match found.value {
        Record::Deployment(deployment) if deployment.has_open_work() => Some(deployment),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        assert_eq!(pause(Class::Retry, 1, 255), Duration::from_secs(1));
        assert_eq!(pause(Class::Retry, 4, 255), Duration::from_secs(8));
        assert_eq!(pause(Class::Conflict, 99, 255), LONGEST_PAUSE);
        assert_eq!(pause(Class::Refused, 1, 255), REFUSED_PAUSE);
    }

    #[test]
    fn pauses_are_spread_over_their_second_half() {
        for jitter in [0, 1, 128, 254, 255] {
            let pause = pause(Class::Retry, 3, jitter);
            assert!((Duration::from_secs(2)..=Duration::from_secs(4)).contains(&pause));
        }
    }
}
