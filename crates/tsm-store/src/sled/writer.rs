//! The one thread that writes.

use std::io;

use sled::transaction::{TransactionError, TransactionalTree, UnabortableTransactionError};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tsm_core::ports::StoreError;

use super::progress::Progress;
use crate::changes::{Changes, Rows};
use crate::pieces::Head;

/// Batches in one transaction.
const GROUP: usize = 256;

/// What the writer is asked for.
pub(super) enum Message {
    Commit(Job),
    Close,
}

/// A batch, and where its outcome goes.
pub(super) struct Job {
    pub(super) changes: Changes,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
    /// Kept while the batch is in memory, even when its caller has gone.
    pub(super) place: OwnedSemaphorePermit,
}

impl Job {
    fn finish(self, outcome: Result<(), StoreError>) {
        drop(self.place);
        // Nobody waits when the caller was dropped.
        let _nobody = self.done.send(outcome);
    }
}

pub(super) struct Writer<S> {
    rows: sled::Tree,
    sync: S,
    progress: Progress,
}

impl<S: FnMut() -> io::Result<()>> Writer<S> {
    pub(super) fn new(rows: sled::Tree, sync: S, progress: Progress) -> Self {
        Self {
            rows,
            sync,
            progress,
        }
    }

    /// Commits until the queue is closed or the disk fails.
    pub(super) fn run(mut self, mut queue: mpsc::UnboundedReceiver<Message>) {
        while let Some(group) = next_group(&mut queue) {
            if group.is_empty() {
                continue;
            }
            match self.commit(&group) {
                Ok(outcomes) => {
                    for (job, outcome) in group.into_iter().zip(outcomes) {
                        job.finish(outcome);
                    }
                }
                Err(reason) => {
                    tracing::error!(%reason, "the store stops: a commit did not reach the disk");
                    self.progress.stop(&reason);
                    for job in group {
                        job.finish(Err(StoreError::Failed(reason.clone())));
                    }
                    return;
                }
            }
        }
    }

    /// Returns when the group is on the disk, with an outcome for each job.
    fn commit(&mut self, group: &[Job]) -> Result<Vec<Result<(), StoreError>>, String> {
        let number = self.progress.begin();
        let outcomes = self
            .rows
            .transaction(|rows| {
                group
                    .iter()
                    .map(|job| job.changes.apply(&mut InTransaction(rows)))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(Into::into)
            })
            .map_err(|error: TransactionError<()>| match error {
                TransactionError::Storage(error) => error.to_string(),
                TransactionError::Abort(()) => "the transaction was aborted".to_owned(),
            })?;
        let wrote =
            |(job, outcome): (&Job, &Result<_, _>)| outcome.is_ok() && !job.changes.is_read_only();
        if group.iter().zip(&outcomes).any(wrote) {
            self.rows.flush().map_err(|error| error.to_string())?;
            (self.sync)().map_err(|error| error.to_string())?;
        }
        self.progress.durable(number);
        Ok(outcomes)
    }
}

impl<S> Drop for Writer<S> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Readers may be waiting for the group that was begun.
            self.progress.stop("the writer panicked");
        }
    }
}

/// Waits for a batch and takes all that wait behind it; `None` at the end.
fn next_group(queue: &mut mpsc::UnboundedReceiver<Message>) -> Option<Vec<Job>> {
    let mut group = Vec::new();
    let mut next = queue.blocking_recv();
    loop {
        match next {
            Some(Message::Commit(job)) => group.push(job),
            // What was sent before is still taken; nothing more can be sent.
            Some(Message::Close) => queue.close(),
            None => return (!group.is_empty()).then_some(group),
        }
        if group.len() == GROUP {
            return Some(group);
        }
        next = match queue.try_recv() {
            Ok(message) => Some(message),
            Err(_) => return Some(group),
        };
    }
}

struct InTransaction<'a>(&'a TransactionalTree);

impl Rows for InTransaction<'_> {
    type Error = UnabortableTransactionError;

    fn head(&self, raw_key: &[u8]) -> Result<Option<Head>, Self::Error> {
        Ok(self.0.get(raw_key)?.map(|value| Head::of(&value)))
    }

    fn write(&mut self, raw_key: &[u8], value: Option<Vec<u8>>) -> Result<(), Self::Error> {
        match value {
            Some(value) => self.0.insert(raw_key, value)?,
            None => self.0.remove(raw_key)?,
        };
        Ok(())
    }
}
