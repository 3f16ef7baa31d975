//! A file that several threads overwrite in place, and that says when a write
//! is on the disk: those that wait share a sync.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

type Sync = fn(&File) -> io::Result<()>;

/// See the module.
#[derive(Debug)]
pub(super) struct SyncedFile {
    file: File,
    sync: Sync,
    /// Number of writes made.
    written: AtomicU64,
    synced: Mutex<Synced>,
}

#[derive(Debug)]
enum Synced {
    /// This many writes are on the disk.
    UpTo(u64),
    /// The kernel reports a failure to one caller only, and forgets what it
    /// could not write: what the file holds is known after it was opened anew.
    Failed,
}

/// A write that may not be on the disk yet.
#[derive(Debug)]
#[must_use = "the write may not be on the disk"]
pub(super) struct Pending(u64);

impl SyncedFile {
    pub(super) fn new(file: File) -> Self {
        Self::with_sync(file, File::sync_data)
    }

    fn with_sync(file: File, sync: Sync) -> Self {
        Self {
            file,
            sync,
            written: AtomicU64::new(0),
            synced: Mutex::new(Synced::UpTo(0)),
        }
    }

    pub(super) fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<Pending> {
        self.file.write_all_at(bytes, offset)?;
        Ok(self.next())
    }

    /// Cuts the file, or fills it up with zeros.
    pub(super) fn resize(&self, length: u64) -> io::Result<Pending> {
        self.file.set_len(length)?;
        Ok(self.next())
    }

    /// Returns when the write is on the disk.
    pub(super) fn settle(&self, Pending(number): Pending) -> io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        match *synced {
            Synced::Failed => return Err(io::Error::other("an earlier sync failed")),
            Synced::UpTo(done) if done >= number => return Ok(()),
            Synced::UpTo(_) => {}
        }
        // Those were made before the sync starts, so it covers them.
        let covered = self.written.load(Ordering::SeqCst);
        let outcome = (self.sync)(&self.file);
        *synced = match outcome {
            Ok(()) => Synced::UpTo(covered),
            Err(_) => Synced::Failed,
        };
        outcome
    }

    fn next(&self) -> Pending {
        Pending(self.written.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_made_before_a_sync_share_it() {
        static SYNCS: AtomicU64 = AtomicU64::new(0);
        let file = SyncedFile::with_sync(tempfile::tempfile().unwrap(), |_| {
            SYNCS.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let pending = [0, 8, 16].map(|offset| file.write_at(b"12345678", offset).unwrap());
        for write in pending {
            file.settle(write).unwrap();
        }
        assert_eq!(SYNCS.load(Ordering::SeqCst), 1);
        let later = file.resize(64).unwrap();
        file.settle(later).unwrap();
        assert_eq!(SYNCS.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn nothing_is_believed_after_a_failed_sync() {
        static HEALTHY: AtomicU64 = AtomicU64::new(0);
        let file = SyncedFile::with_sync(tempfile::tempfile().unwrap(), |_| {
            match HEALTHY.fetch_add(1, Ordering::SeqCst) {
                1 => Err(io::Error::other("the disk is gone")),
                _ => Ok(()),
            }
        });
        let first = file.write_at(b"1", 0).unwrap();
        file.settle(first).unwrap();
        let [second, third] = [1, 2].map(|offset| file.write_at(b"1", offset).unwrap());
        assert!(file.settle(second).is_err());
        assert!(file.settle(third).is_err());
        let fourth = file.write_at(b"1", 3).unwrap();
        assert!(file.settle(fourth).is_err());
    }
}
