//! Calls that callgrind counts one by one.

use std::hint::black_box;

/// The calls made so far, in order. Room for all of them is there from the beginning: the state of
/// the heap must be the same before every call.
pub struct Calls {
    done: Vec<(&'static str, u32)>,
    is_warm: bool,
}

impl Calls {
    pub fn new() -> Self {
        Self {
            done: Vec::with_capacity(1 << 12),
            is_warm: false,
        }
    }

    /// From now on calls are counted.
    pub fn warmed_up(&mut self) {
        self.is_warm = true;
    }

    /// Does the work; once warm, inside [`measured_call`]. All cases of one group must take equally
    /// many instructions.
    pub fn call<T>(&mut self, group: &'static str, case: u32, work: impl FnOnce() -> T) -> T {
        if !self.is_warm {
            return black_box(work());
        }
        self.done.push((group, case));
        let result = measured_call(work);
        after_the_call();
        result
    }

    /// One line for each counted call: group, tabulator, case.
    pub fn print(&self) {
        for (group, case) in &self.done {
            println!("{group}\t{case}");
        }
    }
}

/// What callgrind counts: from its beginning to that of [`after_the_call`].
#[inline(never)]
fn measured_call<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[inline(never)]
fn after_the_call() {
    black_box(());
}
