//! When a server ends: on SIGTERM or ctrl-c, once more to end at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled at the first SIGTERM or SIGINT. At the second the
/// process ends at once.
///
/// # Errors
/// The operating system's error when no signal can be listened to.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut asked_before = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if asked_before {
                tracing::warn!("asked twice to stop: ending without waiting for open work");
                std::process::exit(130);
            }
            asked_before = true;
            tracing::info!("asked to stop: finishing open work");
            cancelled.cancel();
        }
    });
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cancels_on_sigterm() {
        let token = on_signal().unwrap();
        assert!(!token.is_cancelled());
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
        token.cancelled().await;
    }
}
