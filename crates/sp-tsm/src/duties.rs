//! Reminds cards of what they still owe, also of what was owed before a restart.

use std::sync::Arc;
use std::time::Duration;

use tsm_core::procedure::credential_change::follow_duties;

use crate::state::State;

/// Walks over the list of open duties every `interval`, until the server stops.
pub(crate) async fn run(state: Arc<State>, interval: Duration) {
    loop {
        match follow_duties(&state.provider()).await {
            Ok(report) if report.followed + report.owed > 0 => {
                tracing::info!(
                    followed = report.followed,
                    owed = report.owed,
                    "reminded cards"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the list of duties can not be read"),
        }
        tokio::select! {
            () = state.life.stopping() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}
