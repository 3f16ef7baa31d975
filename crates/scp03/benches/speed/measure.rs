//! The fastest of many turns.

use std::time::{Duration, Instant};

/// The fastest turn so far.
#[derive(Clone, Copy)]
pub struct Fastest(f64);

impl Fastest {
    pub const fn new() -> Self {
        Self(f64::INFINITY)
    }

    /// Times one turn of `times` pieces of work.
    pub fn time<T>(&mut self, times: usize, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = work();
        self.record(begin.elapsed(), times);
        result
    }

    fn record(&mut self, elapsed: Duration, times: usize) {
        self.0 = self.0.min(elapsed.as_nanos() as f64 / times as f64);
    }

    /// Nanoseconds for one piece of work.
    pub fn nanos(&self) -> f64 {
        self.0
    }
}
