//! Fresh key pairs: the port [`KeyPairs`]. RSA-2048 takes tens of milliseconds
//! to make, so it comes from a pool that background threads fill; P-256 and
//! P-384 are made on the spot. Keys live in memory only and are wiped when
//! dropped; what is not taken by the end of the process is gone.

mod make;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;
use tsm_core::jpki::credential::KeyAlgorithm;
use tsm_core::ports::{KeyPair, KeyPairError, KeyPairs};

use crate::signature::{Hash, PublicKey, Scheme};

/// Refilling waits until nobody took a key for this long, so that it does not
/// take the processor from those who are using the keys.
const QUIET: Duration = Duration::from_secs(2);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Most threads that fill the pool.
const MAX_THREADS: usize = 4;

/// A pool of RSA-2048 key pairs, and a maker of others.
pub struct KeyPool {
    shared: Arc<Shared>,
    target: usize,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    made: Notify,
}

struct State {
    keys: VecDeque<Result<KeyPair, KeyPairError>>,
    /// Keys that threads are making now.
    making: usize,
    /// Calls that found the pool empty.
    waiting: usize,
    /// Before the pool was full for the first time it fills without pause.
    filling: bool,
    last_taken: Option<Instant>,
    stopped: bool,
}

impl KeyPool {
    /// Starts to fill a pool of `target` RSA-2048 keys.
    ///
    /// # Errors
    /// The operating system's, when no thread can be started.
    pub fn start(target: usize) -> std::io::Result<Self> {
        let state = State {
            keys: VecDeque::with_capacity(target),
            making: 0,
            waiting: 0,
            filling: true,
            last_taken: None,
            stopped: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            made: Notify::new(),
        });
        let pool = Self {
            shared: Arc::clone(&shared),
            target,
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for index in 0..cores.min(MAX_THREADS) {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("key-pool-{index}"))
                .spawn(move || shared.fill(target))?;
        }
        Ok(pool)
    }

    /// Keys that are ready now.
    #[must_use]
    pub fn size(&self) -> usize {
        self.shared
            .lock()
            .keys
            .iter()
            .filter(|key| key.is_ok())
            .count()
    }

    /// Keys that it wants to hold.
    #[must_use]
    pub fn target(&self) -> usize {
        self.target
    }

    async fn take_rsa(&self) -> Result<KeyPair, KeyPairError> {
        let mut waiting = None;
        loop {
            // Registered before looking, so that no key is made unheard in between.
            let mut made = pin!(self.shared.made.notified());
            made.as_mut().enable();
            {
                let mut state = self.shared.lock();
                state.last_taken = Some(Instant::now());
                let key = state.keys.pop_front();
                self.shared.work.notify_one();
                if let Some(key) = key {
                    return key;
                }
                if state.stopped {
                    return Err(KeyPairError("the key pool is stopped".into()));
                }
            }
            waiting.get_or_insert_with(|| Waiting::enter(&self.shared));
            made.await;
        }
    }
}

impl Drop for KeyPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        state.keys.clear();
        drop(state);
        self.shared.work.notify_all();
        self.shared.made.notify_waiters();
    }
}

/// Counts a call that waits, also when it is given up.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn enter(shared: &'a Shared) -> Self {
        shared.lock().waiting += 1;
        shared.work.notify_all();
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes keys until the pool is dropped.
    fn fill(&self, target: usize) {
        let mut state = self.lock();
        while !state.stopped {
            let Some(wait) = state.wait_before_making(target) else {
                state.making += 1;
                drop(state);
                let key = make::rsa_2048();
                let failed = key.is_err();
                state = self.lock();
                state.making -= 1;
                state.keys.push_back(key);
                state.filling &= state.keys.len() < target;
                self.made.notify_one();
                if failed {
                    tracing::error!("no RSA key could be made");
                    state = self.wait(state, PAUSE);
                }
                continue;
            };
            state = self.wait(state, wait);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.work
            .wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl State {
    /// How long to wait before the next key; `None` when it is wanted now.
    fn wait_before_making(&self, target: usize) -> Option<Duration> {
        const LONG: Duration = Duration::from_secs(3_600);
        let coming = self.keys.len() + self.making;
        if coming < self.waiting {
            return None;
        }
        if coming >= target {
            return Some(LONG);
        }
        let quiet_for = self.last_taken.map_or(QUIET, |taken| taken.elapsed());
        if self.filling || coming == 0 || quiet_for >= QUIET {
            return None;
        }
        Some(QUIET - quiet_for)
    }
}

#[async_trait]
impl KeyPairs for KeyPool {
    async fn take(&self, algorithm: KeyAlgorithm) -> Result<KeyPair, KeyPairError> {
        match algorithm {
            KeyAlgorithm::Rsa2048 => self.take_rsa().await,
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => make::ec(algorithm),
            _ => Err(KeyPairError("this algorithm is not made here".into())),
        }
    }

    fn verify(
        &self,
        algorithm: KeyAlgorithm,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let der;
        let (scheme, signature) = match (algorithm, make::field_bytes(algorithm)) {
            (KeyAlgorithm::Rsa2048, _) => (Scheme::Pkcs1(Hash::Sha256), signature),
            (_, Some(field_bytes)) => {
                let Some(encoded) = make::ecdsa_der(signature, field_bytes) else {
                    return false;
                };
                der = encoded;
                (Scheme::Ecdsa(Hash::Sha256), der.as_slice())
            }
            _ => return false,
        };
        PublicKey::parse(public_key).is_ok_and(|key| key.verify(scheme, message, signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use tsm_core::ports::PrivateKeyParts;

    async fn full(pool: &KeyPool) {
        while pool.size() < pool.target() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn fills_and_gives_each_key_once() {
        let pool = KeyPool::start(2).expect("pool");
        full(&pool).await;
        let one = pool.take(KeyAlgorithm::Rsa2048).await.expect("key");
        let two = pool.take(KeyAlgorithm::Rsa2048).await.expect("key");
        assert_ne!(one.public_key, two.public_key);
    }

    #[tokio::test]
    async fn serves_more_calls_than_it_holds() {
        let pool = KeyPool::start(1).expect("pool");
        let take = || pool.take(KeyAlgorithm::Rsa2048);
        let (a, b, c, d) = tokio::join!(take(), take(), take(), take());
        assert!([a, b, c, d].iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_pool_of_none_makes_keys_when_asked() {
        let pool = KeyPool::start(0).expect("pool");
        assert_eq!(pool.size(), 0);
        assert!(pool.take(KeyAlgorithm::Rsa2048).await.is_ok());
    }

    #[tokio::test]
    async fn gives_primes_and_scalars_of_full_length() {
        let pool = KeyPool::start(0).expect("pool");
        let lengths = |parts: &PrivateKeyParts| match parts {
            PrivateKeyParts::Rsa { p, q } => (p.len(), q.len()),
            PrivateKeyParts::Ec { scalar } => (scalar.len(), 0),
        };
        for (algorithm, expected) in [
            (KeyAlgorithm::Rsa2048, (128, 128)),
            (KeyAlgorithm::P256, (32, 0)),
            (KeyAlgorithm::P384, (48, 0)),
        ] {
            let key = pool.take(algorithm).await.expect("key");
            assert_eq!(lengths(&key.private), expected);
            assert!(PublicKey::parse(&key.public_key).is_ok());
        }
    }

    #[tokio::test]
    async fn verifies_raw_ecdsa_over_sha256() {
        let pool = KeyPool::start(0).expect("pool");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("pair");
        let signature = pair
            .sign(&SystemRandom::new(), b"message")
            .expect("signature");
        let public = aws_lc_rs::encoding::AsDer::as_der(pair.public_key()).expect("DER");
        let verify = |message: &[u8], signature: &[u8]| {
            pool.verify(KeyAlgorithm::P256, public.as_ref(), message, signature)
        };
        assert!(verify(b"message", signature.as_ref()));
        assert!(!verify(b"massage", signature.as_ref()));
        assert!(!verify(b"message", &signature.as_ref()[1..]));
        assert!(!verify(b"message", &[0; 64]));
        assert!(!verify(b"message", &[]));
    }

    #[tokio::test]
    async fn refills_what_was_taken() {
        let pool = KeyPool::start(1).expect("pool");
        full(&pool).await;
        pool.take(KeyAlgorithm::Rsa2048).await.expect("key");
        full(&pool).await;
    }
}
