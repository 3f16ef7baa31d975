//! The life of a server: serving, finishing open work, letting go of everything.
//!
//! A [`Life`] carries two signals. `stop` asks for an orderly end: nothing new
//! is taken, open calls and background work finish. `cut` ends at once:
//! connections break and background work is dropped where it stands, as in a
//! crash. Everything that outlives a single call is spawned on the `Life`, so
//! that at its end nothing holds the store any more.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::Server;
use tonic::transport::server::Router;

use crate::listener::Listener;
use crate::tls::{self, ServerTls, TlsError};

/// Calls that one connection may have open at a time.
const STREAMS_PER_CONNECTION: u32 = 1_024;
/// Most bytes of all headers of a call.
const HEADER_BYTES: u32 = 16 * 1_024;

/// Why a server stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The transport failed.
    #[error("the server stopped: {0}")]
    Transport(String),
    /// The task of the server was lost, by a panic or the end of the runtime.
    #[error("the server's task was lost")]
    Lost,
}

/// The signals that end a server, and the work that must have ended by then.
#[derive(Clone, Debug, Default)]
pub struct Life {
    stop: CancellationToken,
    cut: CancellationToken,
    tasks: TaskTracker,
}

/// The server was cut before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server is going away")]
pub struct Cut;

impl Life {
    /// A life that ends, in order, when `stop` is cancelled.
    #[must_use]
    pub fn until(stop: CancellationToken) -> Self {
        Self {
            stop,
            ..Self::default()
        }
    }

    /// Asks for an orderly end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends at once.
    pub fn cut(&self) {
        self.stop.cancel();
        self.cut.cancel();
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the end is asked for.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Runs background work, which should end soon after [`stopping`](Self::stopping)
    /// and is dropped when the server is cut.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            let _ = cut.run_until_cancelled(work).await;
        });
    }

    /// Runs work to its end, also when the caller goes away in between.
    ///
    /// # Errors
    /// [`Cut`] when the server is cut before the work is done, or it panicked.
    pub async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Cut> {
        let cut = self.cut.clone();
        let task = self
            .tasks
            .spawn(async move { cut.run_until_cancelled(work).await });
        task.await.ok().flatten().ok_or(Cut)
    }

    /// Serves until the end is asked for, then waits at most `drain` for what
    /// is open, then cuts. When it returns, nothing spawned here runs any more.
    ///
    /// # Errors
    /// [`ServeError::Transport`] when the socket fails.
    pub async fn serve(
        &self,
        listener: Listener,
        router: Router,
        drain: Duration,
    ) -> Result<(), ServeError> {
        let incoming = listener.incoming(self.cut.clone());
        let stop = self.stop.clone().cancelled_owned();
        let serving = router.serve_with_incoming_shutdown(incoming, stop);
        let ending = async {
            let served = serving.await;
            self.stop.cancel();
            self.tasks.close();
            self.tasks.wait().await;
            served
        };
        let cutting = async {
            self.stop.cancelled().await;
            tokio::time::sleep(drain).await;
            tracing::warn!("open work did not end in time and is cut");
            self.cut.cancel();
            std::future::pending::<()>().await;
        };
        let served = tokio::select! {
            served = ending => served,
            () = cutting => Ok(()),
        };
        self.cut.cancel();
        served.map_err(|error| ServeError::Transport(tls::chain(&error)))
    }
}

/// A server builder with our TLS, keep-alive and limits, and a span per call.
///
/// # Errors
/// [`TlsError`] when the TLS files are not usable.
pub fn builder(tls: &ServerTls) -> Result<Server, TlsError> {
    let server = Server::builder()
        .tls_config(tls.load()?)
        .map_err(|error| TlsError::Refused(tls::chain(&error)))?
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_max_header_list_size(HEADER_BYTES)
        .trace_fn(|request| tracing::info_span!("rpc", path = request.uri().path()));
    Ok(tls::keep_alive(server))
}

/// A server that runs in the background. Dropping it cuts it, as a crash would.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    life: Life,
    task: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    /// Takes charge of `task`, which serves on `address` until `life` ends and
    /// lets go of everything before it returns.
    #[must_use]
    pub fn new(address: SocketAddr, life: Life, task: JoinHandle<Result<(), ServeError>>) -> Self {
        Self {
            address,
            life,
            task: Some(task),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// [`ServeError`] when it did not end in order.
    pub async fn ended(&mut self) -> Result<(), ServeError> {
        match self.task.as_mut() {
            Some(task) => {
                let result = task.await.unwrap_or(Err(ServeError::Lost));
                self.task = None;
                result
            }
            None => Ok(()),
        }
    }

    /// Ends it in order; when this returns, the store can be opened again.
    ///
    /// # Errors
    /// [`ServeError`] when it did not end in order.
    pub async fn shutdown(mut self) -> Result<(), ServeError> {
        self.life.stop();
        self.ended().await
    }

    /// Ends it as a crash would; when this returns, the store can be opened again.
    pub async fn kill(mut self) {
        self.life.cut();
        let _ = self.ended().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.life.cut();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn finishes_work_whose_caller_went_away() {
        let life = Life::default();
        let done = Arc::new(tokio::sync::Notify::new());
        let go = Arc::new(tokio::sync::Notify::new());
        let work = {
            let (done, go) = (done.clone(), go.clone());
            async move {
                go.notified().await;
                done.notify_one();
            }
        };
        let call = tokio::spawn({
            let life = life.clone();
            async move { life.finish(work).await }
        });
        tokio::task::yield_now().await;
        call.abort();
        go.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn drops_work_when_cut() {
        let life = Life::default();
        let held = Arc::new(());
        let work = {
            let held = held.clone();
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        };
        life.spawn(work);
        tokio::task::yield_now().await;
        life.cut();
        life.tasks.close();
        life.tasks.wait().await;
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(life.finish(std::future::pending::<()>()).await, Err(Cut));
    }
}
