//! The gRPC services, one file each, and what they share.

mod audit;
pub(crate) mod card_channel;
pub(crate) mod card_profile;
pub(crate) mod catalogue;
pub(crate) mod gateway;
pub(crate) mod import;
pub(crate) mod ledger;
pub(crate) mod request_id;
pub(crate) mod service_management;
pub(crate) mod subscription;
pub(crate) mod tenant;
pub(crate) mod uicc;

use std::sync::Arc;

use tonic::Status;
use tsm_core::ports::StoreError;
use tsm_server::serve::Cut;
use tsm_server::status;

use crate::state::State;

/// How often a decision that lost a race is made again.
const ATTEMPTS: usize = 8;

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
