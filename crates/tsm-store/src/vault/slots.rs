//! A file of key slots, each overwritten in place.
//!
//! The file is a row of 64-byte slots, so that none spans two sectors. The
//! first holds [`MAGIC`]; the others:
//!
//! | Offset | Bytes | Content |
//! |---|---|---|
//! | 0 | 4 | generation, big endian: how often the slot was filled |
//! | 4 | 1 | 01 while it holds a key, else 00 |
//! | 5 | 3 | zero |
//! | 8 | 32 | the key, or zeros |
//! | 40 | 24 | zero |
//!
//! A [`SlotId`] is `generation ‖ index` (4 bytes each): destroying a key twice
//! can't hit the key that came into its place.
//!
//! Overwriting reaches the medium as far as the file system and the device
//! write in place; copy-on-write file systems do not.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tsm_core::ports::{SlotId, VaultError};
use zeroize::Zeroizing;

use super::failed;
use super::synced_file::{Pending, SyncedFile};
use crate::durable;

const SLOT: usize = 64;
/// Slots by which the file grows: one page.
const GROWTH: u32 = 64;
const MAGIC: &[u8; 16] = b"tsm key slots v1";
const FILLED: u8 = 0x01;

/// The slot file of a vault.
#[derive(Debug)]
pub(super) struct Slots {
    path: PathBuf,
    file: SyncedFile,
    /// Held for every write, never for a sync.
    index: Mutex<Index>,
}

/// What is known of the slots without reading the file.
#[derive(Debug)]
struct Index {
    /// Slots in the file, the first one included.
    count: u32,
    /// Slots that hold no key.
    free: Vec<Place>,
}

/// A slot, and how often it was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    generation: u32,
    index: u32,
}

impl Place {
    fn of(slot: SlotId) -> Self {
        let [a, b, c, d, e, f, g, h] = slot.0.to_be_bytes();
        Self {
            generation: u32::from_be_bytes([a, b, c, d]),
            index: u32::from_be_bytes([e, f, g, h]),
        }
    }

    fn id(self) -> SlotId {
        SlotId(u64::from(self.generation) << 32 | u64::from(self.index))
    }

    /// Offset in the file.
    fn offset(self) -> u64 {
        u64::from(self.index) * SLOT as u64
    }
}

/// One slot as it lies in the file.
struct Content(Zeroizing<[u8; SLOT]>);

impl Content {
    fn empty(generation: u32) -> Self {
        let mut bytes = Zeroizing::new([0; SLOT]);
        let (head, _) = bytes.split_at_mut(4);
        head.copy_from_slice(&generation.to_be_bytes());
        Self(bytes)
    }

    fn filled(generation: u32, key: &[u8; 32]) -> Self {
        let mut content = Self::empty(generation);
        content.0[4] = FILLED;
        let (_, tail) = content.0.split_at_mut(8);
        let (place, _) = tail.split_at_mut(32);
        place.copy_from_slice(key);
        content
    }

    fn generation(&self) -> u32 {
        let [a, b, c, d, ..] = *self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    fn key(&self) -> Option<Zeroizing<[u8; 32]>> {
        let (_, tail) = self.0.split_at(8);
        let key = tail.first_chunk::<32>()?;
        (self.0[4] == FILLED).then(|| Zeroizing::new(*key))
    }
}

impl Slots {
    /// Opens the file, made when it does not exist, for one holder alone.
    pub(super) fn open(path: &Path) -> Result<Self, VaultError> {
        let fail = |error: io::Error| failed(path, error);
        if !path.try_exists().map_err(fail)? {
            create(path).map_err(fail)?;
        }
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(fail)?;
        durable::lock(&file).map_err(|error| match error {
            TryLockError::WouldBlock => failed(path, "the vault is open elsewhere"),
            TryLockError::Error(error) => fail(error),
        })?;
        let index = Mutex::new(Index::survey(path, &file)?);
        Ok(Self {
            path: path.to_owned(),
            file: SyncedFile::new(file),
            index,
        })
    }

    /// Puts a key into a free slot; it is on disk when this returns.
    pub(super) fn fill(&self, key: &[u8; 32]) -> Result<SlotId, VaultError> {
        let (place, write) = self
            .write_key(key)
            .map_err(|error| failed(&self.path, error))?;
        // After a failure the slot is left alone until the file is opened anew.
        self.settle(write)?;
        Ok(place.id())
    }

    /// The key in a slot.
    pub(super) fn read(&self, slot: SlotId) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let place = Place::of(slot);
        if !(1..self.index().count).contains(&place.index) {
            return Err(VaultError::EmptySlot);
        }
        let content = self.content(place)?;
        if content.generation() != place.generation {
            return Err(VaultError::EmptySlot);
        }
        content.key().ok_or(VaultError::EmptySlot)
    }

    /// Overwrites the key of a slot; that is on disk when this returns.
    pub(super) fn destroy(&self, slot: SlotId) -> Result<(), VaultError> {
        let place = Place::of(slot);
        let (held_key, write) = {
            let index = self.index();
            if !(1..index.count).contains(&place.index) {
                return Ok(());
            }
            let content = self.content(place)?;
            if content.generation() != place.generation {
                // Filled again since: the older key was overwritten then.
                return Ok(());
            }
            // Also when it looks empty: another thread may not have synced yet.
            let write = self
                .write(place, &Content::empty(place.generation))
                .map_err(|error| failed(&self.path, error))?;
            (content.key().is_some(), write)
        };
        self.settle(write)?;
        if held_key && place.generation < u32::MAX {
            self.index().free.push(place);
        }
        Ok(())
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn content(&self, place: Place) -> Result<Content, VaultError> {
        let mut content = Content::empty(0);
        self.file
            .read_at(&mut *content.0, place.offset())
            .map_err(|error| failed(&self.path, error))?;
        Ok(content)
    }

    fn write_key(&self, key: &[u8; 32]) -> io::Result<(Place, Pending)> {
        let mut index = self.index();
        if index.free.is_empty() {
            self.grow(&mut index)?;
        }
        let free = index.free.pop().ok_or(io::ErrorKind::StorageFull)?;
        let place = Place {
            generation: free.generation + 1,
            ..free
        };
        let write = self.write(place, &Content::filled(place.generation, key))?;
        Ok((place, write))
    }

    fn write(&self, place: Place, content: &Content) -> io::Result<Pending> {
        self.file.write_at(&*content.0, place.offset())
    }

    fn settle(&self, write: Pending) -> Result<(), VaultError> {
        self.file
            .settle(write)
            .map_err(|error| failed(&self.path, error))
    }

    /// Appends empty slots, which are on disk when the first of them is.
    fn grow(&self, index: &mut Index) -> io::Result<()> {
        let count = index
            .count
            .checked_add(GROWTH)
            .ok_or(io::ErrorKind::StorageFull)?;
        let _with_the_next_write = self.file.resize(u64::from(count) * SLOT as u64)?;
        let added = (index.count..count).rev();
        index.free.extend(added.map(|index| Place {
            generation: 0,
            index,
        }));
        index.count = count;
        Ok(())
    }
}

impl Index {
    /// Finds the free slots of the file, the lowest last.
    fn survey(path: &Path, file: &File) -> Result<Self, VaultError> {
        let fail = |error: io::Error| failed(path, error);
        let length = file.metadata().map_err(fail)?.len();
        // A part of a slot at the end is what a crash left of growing.
        let count = u32::try_from(length / SLOT as u64)
            .map_err(|_| failed(path, "the file is too large"))?;
        let mut bytes = Zeroizing::new(vec![0; count as usize * SLOT]);
        file.read_exact_at(&mut bytes, 0).map_err(fail)?;
        if !bytes.starts_with(MAGIC) {
            return Err(failed(path, "not a file of key slots"));
        }
        let (slots, _) = bytes.as_chunks::<SLOT>();
        let free = (0..count)
            .zip(slots)
            .skip(1)
            .rev()
            .filter_map(|(index, slot)| {
                let [a, b, c, d, state, ..] = *slot;
                let generation = u32::from_be_bytes([a, b, c, d]);
                let usable = state != FILLED && generation < u32::MAX;
                usable.then_some(Place { generation, index })
            });
        Ok(Self {
            count,
            free: free.collect(),
        })
    }
}

/// Makes a file of empty slots.
fn create(path: &Path) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    bytes.resize(GROWTH as usize * SLOT, 0);
    match durable::create(path, &bytes) {
        // Another process was faster; the lock decides.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> (tempfile::TempDir, Slots) {
        let dir = tempfile::tempdir().unwrap();
        let slots = Slots::open(&dir.path().join("slots")).unwrap();
        (dir, slots)
    }

    fn reopen(slots: Slots) -> Slots {
        let path = slots.path.clone();
        drop(slots);
        Slots::open(&path).unwrap()
    }

    #[test]
    fn keeps_keys_over_reopening() {
        let (_dir, slots) = slots();
        let ids: Vec<_> = (0..100).map(|n| slots.fill(&[n; 32]).unwrap()).collect();
        let slots = reopen(slots);
        for (n, id) in (0..100).zip(&ids) {
            assert_eq!(*slots.read(*id).unwrap(), [n; 32]);
        }
        let fresh = slots.fill(&[200; 32]).unwrap();
        assert!(!ids.contains(&fresh));
    }

    #[test]
    fn a_destroyed_key_is_gone_from_the_file() {
        let (_dir, slots) = slots();
        let key = [0xC3; 32];
        let other = slots.fill(&[0x5A; 32]).unwrap();
        let id = slots.fill(&key).unwrap();
        let on_disk = |slots: &Slots| {
            let bytes = std::fs::read(&slots.path).unwrap();
            bytes.windows(32).any(|window| window == key)
        };
        assert!(on_disk(&slots));
        slots.destroy(id).unwrap();
        assert!(!on_disk(&slots));
        assert_eq!(slots.read(id), Err(VaultError::EmptySlot));
        let slots = reopen(slots);
        assert_eq!(slots.read(id), Err(VaultError::EmptySlot));
        assert_eq!(*slots.read(other).unwrap(), [0x5A; 32]);
    }

    #[test]
    fn destroying_twice_spares_the_key_that_came_after() {
        let (_dir, slots) = slots();
        let first = slots.fill(&[1; 32]).unwrap();
        slots.destroy(first).unwrap();
        slots.destroy(first).unwrap();
        let second = slots.fill(&[2; 32]).unwrap();
        assert_eq!(
            Place::of(first).index,
            Place::of(second).index,
            "the slot is used again"
        );
        slots.destroy(first).unwrap();
        assert_eq!(*slots.read(second).unwrap(), [2; 32]);
        assert_eq!(slots.read(first), Err(VaultError::EmptySlot));
        let third = slots.fill(&[3; 32]).unwrap();
        assert_ne!(Place::of(second).index, Place::of(third).index);
    }

    #[test]
    fn slots_that_never_were_are_empty() {
        let (_dir, slots) = slots();
        for id in [0, 1, u64::MAX, u64::from(u32::MAX), 1 << 32] {
            assert_eq!(slots.read(SlotId(id)), Err(VaultError::EmptySlot));
            slots.destroy(SlotId(id)).unwrap();
        }
    }

    #[test]
    fn a_worn_out_slot_is_not_filled_again() {
        let (_dir, slots) = slots();
        let place = Place {
            generation: u32::MAX - 1,
            index: 1,
        };
        let worn = slots.write(place, &Content::empty(place.generation));
        slots.settle(worn.unwrap()).unwrap();
        let slots = reopen(slots);
        let last = slots.fill(&[1; 32]).unwrap();
        assert_eq!(
            Place::of(last),
            Place {
                generation: u32::MAX,
                index: 1
            }
        );
        slots.destroy(last).unwrap();
        assert_ne!(Place::of(slots.fill(&[2; 32]).unwrap()).index, 1);
        let slots = reopen(slots);
        assert_ne!(Place::of(slots.fill(&[3; 32]).unwrap()).index, 1);
    }

    #[test]
    fn a_crash_while_growing_does_no_harm() {
        let (_dir, slots) = slots();
        let id = slots.fill(&[1; 32]).unwrap();
        let length = std::fs::metadata(&slots.path).unwrap().len();
        let torn = slots.file.resize(length + 17).unwrap();
        slots.settle(torn).unwrap();
        let slots = reopen(slots);
        assert_eq!(*slots.read(id).unwrap(), [1; 32]);
        let many: Vec<_> = (0..200).map(|_| slots.fill(&[2; 32]).unwrap()).collect();
        assert!(many.iter().all(|id| *slots.read(*id).unwrap() == [2; 32]));
        assert_eq!(
            std::fs::metadata(&slots.path).unwrap().len() % SLOT as u64,
            0
        );
    }

    #[test]
    fn is_open_only_once() {
        let (_dir, slots) = slots();
        let second = Slots::open(&slots.path);
        assert!(matches!(second, Err(VaultError::Storage(text)) if text.contains("elsewhere")));
    }

    #[test]
    fn refuses_a_file_of_another_kind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("slots");
        std::fs::write(&path, [b'x'; 4_096]).unwrap();
        assert!(Slots::open(&path).is_err());
    }

    #[test]
    fn finds_the_free_slots_of_a_large_file() {
        let (_dir, slots) = slots();
        let id = slots.fill(&[1; 32]).unwrap();
        let large = slots.file.resize(100_000 * SLOT as u64).unwrap();
        slots.settle(large).unwrap();
        let slots = reopen(slots);
        assert_eq!(slots.index().free.len(), 100_000 - 2);
        assert_eq!(*slots.read(id).unwrap(), [1; 32]);
        assert_eq!(*slots.read(slots.fill(&[2; 32]).unwrap()).unwrap(), [2; 32]);
    }
}
