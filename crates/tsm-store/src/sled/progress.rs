//! How far the writer is: shared with readers, who must not answer ahead of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tsm_core::ports::StoreError;

/// Groups of batches that were begun and that are on the disk.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    begun: Arc<AtomicU64>,
    state: watch::Sender<State>,
}

#[derive(Clone, Debug)]
enum State {
    /// All groups up to this one are on the disk.
    Durable(u64),
    Failed(String),
    Closed,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            begun: Arc::default(),
            state: watch::Sender::new(State::Durable(0)),
        }
    }
}

impl Progress {
    /// Announces the next group, before the first of its rows is written.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The group is on the disk.
    pub(super) fn durable(&self, group: u64) {
        self.state.send_replace(State::Durable(group));
    }

    /// Nothing is known to be on the disk from now on.
    pub(super) fn stop(&self, reason: impl Into<String>) {
        self.state.send_replace(State::Failed(reason.into()));
    }

    /// Ends the store; returns the failure that it had before.
    pub(super) fn close(&self) -> Option<StoreError> {
        self.state.send_if_modified(|state| {
            let running = matches!(state, State::Durable(_));
            if running {
                *state = State::Closed;
            }
            running
        });
        match &*self.state.borrow() {
            State::Failed(reason) => Some(StoreError::Failed(reason.clone())),
            State::Durable(_) | State::Closed => None,
        }
    }

    /// What a caller is told when there is no writer.
    pub(super) fn failure(&self) -> StoreError {
        StoreError::Failed(match &*self.state.borrow() {
            State::Failed(reason) => reason.clone(),
            State::Durable(_) | State::Closed => "the store is closed".to_owned(),
        })
    }

    /// Waits until what could be read before this call is on the disk.
    pub(super) async fn settled(&self) -> Result<(), StoreError> {
        let begun = self.begun.load(Ordering::SeqCst);
        let reached = |state: &State| match state {
            State::Durable(group) => *group >= begun,
            // What was read before an orderly end was written before it.
            State::Failed(_) | State::Closed => true,
        };
        let mut state = self.state.subscribe();
        let failed = match state.wait_for(reached).await {
            Ok(state) => matches!(&*state, State::Failed(_)),
            Err(_) => true,
        };
        if failed { Err(self.failure()) } else { Ok(()) }
    }
}
