//! Ending a thread that waits for a socket.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells readers to stop, from any thread: sockets they wait for are closed, pauses end. A command that the card is
/// executing is finished first.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<Inner>, Condvar)>);

#[derive(Debug, Default)]
struct Inner {
    stopped: bool,
    next: u64,
    open: BTreeMap<u64, TcpStream>,
}

/// A socket that [`Stop`] closes; forgotten when dropped.
#[derive(Debug)]
pub(super) struct Watched {
    stop: Stop,
    number: u64,
}

impl Stop {
    /// Nothing is stopped yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops, for good.
    pub fn stop(&self) {
        let mut inner = self.inner();
        inner.stopped = true;
        for stream in inner.open.values() {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.0.1.notify_all();
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.inner().stopped
    }

    /// Waits so long, or until it is stopped.
    pub(super) fn pause(&self, time: Duration) {
        let waiting = |inner: &mut Inner| !inner.stopped;
        // What a poisoned lock guards is whole at any time.
        drop(self.0.1.wait_timeout_while(self.inner(), time, waiting));
    }

    /// Has this socket closed when it is stopped, at once if it was stopped before.
    ///
    /// # Errors
    /// What the system says when it has no second handle for the socket.
    pub(super) fn watch(&self, stream: &TcpStream) -> std::io::Result<Watched> {
        let stream = stream.try_clone()?;
        let mut inner = self.inner();
        if inner.stopped {
            stream.shutdown(Shutdown::Both)?;
        }
        let number = inner.next;
        inner.next += 1;
        inner.open.insert(number, stream);
        Ok(Watched {
            stop: self.clone(),
            number,
        })
    }

    /// How many sockets are open.
    pub(super) fn open(&self) -> usize {
        self.inner().open.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.inner().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (one, listener.accept().unwrap().0)
    }

    #[test]
    fn closes_the_sockets_it_watches() {
        let stop = Stop::new();
        let (mut one, _other) = connected();
        let watched = stop.watch(&one).unwrap();
        assert_eq!((stop.open(), stop.is_stopped()), (1, false));
        stop.stop();
        assert!(stop.is_stopped());
        assert_eq!(one.read(&mut [0]).unwrap(), 0);
        drop(watched);
        assert_eq!(stop.open(), 0);
        let (mut late, _other) = connected();
        let _watched = stop.watch(&late).unwrap();
        assert_eq!(late.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_pause_ends_when_it_is_stopped() {
        let stop = Stop::new();
        let waiting = stop.clone();
        let thread = std::thread::spawn(move || waiting.pause(Duration::from_secs(3600)));
        stop.stop();
        thread.join().unwrap();
        stop.pause(Duration::from_secs(3600));
    }
}
