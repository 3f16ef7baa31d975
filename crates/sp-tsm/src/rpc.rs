//! The gRPC services, one file each, and what they share.

pub(crate) mod applications;
mod audit;
pub(crate) mod credentials;
pub(crate) mod operations;
mod provisioning;
pub(crate) mod verification;

use std::sync::Arc;

use tonic::Status;
use tsm_server::serve::Cut;

use crate::state::State;

/// Work that goes on when its caller goes away.
async fn finish<T: Send + 'static>(
    state: &Arc<State>,
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    let finished = state.life.finish(work).await;
    finished.unwrap_or_else(|Cut| Err(Status::unavailable("the server is going away")))
}
