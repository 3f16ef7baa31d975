//! The gRPC services, one file each, and what they share.

pub(crate) mod audit;
pub(crate) mod card_channel;
pub(crate) mod catalogue;
pub(crate) mod gateway;
pub(crate) mod service_management;
pub(crate) mod uicc;

use std::sync::Arc;

use tonic::Status;
use tsm_core::ports::StoreError;
use tsm_core::record::{Record, Table};
use tsm_server::serve::Cut;
use tsm_server::{convert, status};

use crate::state::State;

/// How often a decision that lost a race is made again.
const ATTEMPTS: usize = 8;
/// Records read at a time for a page.
const CHUNK: usize = 200;
/// Most records read for one page; a page may be short, with more to come.
const MOST_READ: usize = 5_000;

/// Decides again while others change the same records.
///
/// # Errors
/// The status of the decision, or of the last store error.
async fn decide<T, Deciding>(attempt: impl Fn() -> Deciding) -> Result<T, Status>
where
    Deciding: Future<Output = Result<Result<T, Status>, StoreError>>,
{
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt().await {
            Ok(decided) => return decided,
            Err(StoreError::Conflict(_)) if attempts < ATTEMPTS => {}
            Err(error) => return Err(status::of(&error)),
        }
    }
}

/// Work that goes on when its caller goes away.
async fn finish<T: Send + 'static>(
    state: &Arc<State>,
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    let finished = state.life.finish(work).await;
    finished.unwrap_or_else(|Cut| Err(Status::unavailable("the server is going away")))
}

/// One page of the records that `keep` takes, and the token of the next page.
async fn page<T>(
    state: &State,
    table: Table,
    (size, token): (u32, &str),
    keep: impl Fn(Record) -> Option<T>,
) -> Result<(Vec<T>, String), Status> {
    let size = convert::page_size(size);
    let mut after = convert::page_token(token)?.map(str::to_owned);
    let (mut kept, mut read) = (Vec::new(), 0);
    loop {
        let found = state.store.scan(table, "", after.as_deref(), CHUNK).await;
        let found = found.map_err(|error| status::of(&error))?;
        let is_last = found.len() < CHUNK;
        for (key, found) in found {
            if kept.len() == size {
                return Ok((kept, after.unwrap_or_default()));
            }
            read += 1;
            after = Some(key.id);
            kept.extend(keep(found.value));
        }
        if is_last {
            return Ok((kept, String::new()));
        }
        if read >= MOST_READ {
            return Ok((kept, after.unwrap_or_default()));
        }
    }
}
