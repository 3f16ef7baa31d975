//! The sequence counters that a script uses: read, reserved before sending,
//! confirmed after verification.

use std::collections::BTreeMap;

use globalplatform::aid::Aid;
use sha2::{Digest, Sha256};

use super::{Leg, SessionError};
use crate::card::counter::KeysetCounter;
use crate::identity::Iccid;
use crate::ports::{Batch, Script, Store, StoreError};

/// Three bytes on the card.
pub(super) const LAST_VALUE: u32 = 0x00FF_FFFF;
/// How often a confirmation that lost a race is tried again.
const ATTEMPTS: usize = 8;

/// The counters of all key sets of a script.
pub(super) struct Counters {
    sets: BTreeMap<(Aid, u8), Set>,
}

struct Set {
    id: String,
    /// Version of the stored record.
    version: u64,
    /// As it was before this script, corrected by what the card showed.
    base: KeysetCounter,
    /// As it is stored now.
    stored: KeysetCounter,
    /// Values that this script takes after `base.sent`.
    taken: u32,
    /// Highest value of this script whose answers verified.
    confirmed: Option<u32>,
}

impl Counters {
    /// Reads the counters of the legs from `first` on. A key set without a record was never used.
    pub(super) async fn load(
        store: &dyn Store,
        iccid: &Iccid,
        legs: &[Leg],
        first: usize,
    ) -> Result<Self, StoreError> {
        let mut sets = BTreeMap::new();
        for leg in legs.iter().skip(first) {
            let key = (leg.counter_owner, leg.key_version);
            if sets.contains_key(&key) {
                continue;
            }
            let id = KeysetCounter::id(iccid, &leg.counter_owner, leg.key_version);
            let found = store.load::<KeysetCounter>(&id).await?;
            let version = found.as_ref().map_or(0, |found| found.version);
            let stored = found.map_or_else(KeysetCounter::default, |found| found.value);
            let base = stored.clone();
            sets.insert(
                key,
                Set {
                    id,
                    version,
                    base,
                    stored,
                    taken: 0,
                    confirmed: None,
                },
            );
        }
        Ok(Self { sets })
    }

    /// The card proved that its counter is at `counter`. Returns the value that
    /// we expected, and how many are to be spent so that no script that was sent
    /// before can be played any more.
    pub(super) fn meet(&mut self, leg: &Leg, counter: u32) -> (u32, u32) {
        let Some(set) = self.sets.get_mut(&(leg.counter_owner, leg.key_version)) else {
            return (counter, 0);
        };
        let expected = set.base.sent;
        set.base.confirmed = counter;
        set.base.sent = expected.max(counter);
        (expected, set.base.sent - counter)
    }

    /// Where the card's counter is at least (`moved`, when it said so), and how
    /// many values that were sent lie above that.
    pub(super) fn gap(&self, leg: &Leg, moved: Option<u32>) -> (u32, u32) {
        match self.sets.get(&(leg.counter_owner, leg.key_version)) {
            Some(set) => {
                let from = moved.unwrap_or(set.base.confirmed);
                (from, set.base.sent.saturating_sub(from))
            }
            None => (moved.unwrap_or(0), 0),
        }
    }

    /// Values were spent up to `counter`, without a session. To be committed at
    /// once. What was in doubt stays so: only a session that reads the card ends that.
    pub(super) fn spent(&mut self, leg: &Leg, counter: u32) -> Batch {
        if let Some(set) = self.sets.get_mut(&(leg.counter_owner, leg.key_version)) {
            set.base.sent = set.base.sent.max(counter);
            set.base.confirmed = counter.min(set.base.sent.saturating_sub(1));
        }
        self.write(|set| set.base.clone())
    }

    /// The next free value of a leg's key set.
    pub(super) fn take(&mut self, index: usize, leg: &Leg) -> Result<u32, SessionError> {
        let set = self.sets.get_mut(&(leg.counter_owner, leg.key_version));
        let value = set.and_then(|set| {
            set.taken = set.taken.checked_add(1)?;
            set.base.sent.checked_add(set.taken)
        });
        value
            .filter(|value| *value <= LAST_VALUE)
            .ok_or(SessionError::CounterExhausted { leg: index })
    }

    /// To be committed before the script is sent.
    pub(super) fn reserve(&mut self, script: &Script) -> Batch {
        let digest = digest(script);
        self.write(|set| KeysetCounter {
            confirmed: set.base.confirmed,
            sent: set.base.sent.saturating_add(set.taken),
            digest: Some(digest),
        })
    }

    /// To be committed when the script surely was not sent.
    pub(super) fn withdraw(mut self) -> Batch {
        self.write(|set| set.base.clone())
    }

    /// The answers under this value of a leg's key set verified.
    pub(super) fn verified(&mut self, leg: &Leg, value: u32) {
        if let Some(set) = self.sets.get_mut(&(leg.counter_owner, leg.key_version)) {
            set.confirmed = Some(value);
        }
    }

    /// Stores what verified. A counter that somebody else raised meanwhile, as
    /// the proof of a device does, makes no difference to that.
    pub(super) async fn confirm(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        if self.sets.values().all(|set| set.confirmed.is_none()) {
            return Ok(());
        }
        let batch = self.write(|set| KeysetCounter {
            confirmed: set.confirmed.unwrap_or(set.stored.confirmed),
            ..set.stored.clone()
        });
        let mut done = store.commit(batch).await;
        for _ in 0..ATTEMPTS {
            match done {
                Err(StoreError::Conflict(_)) => done = self.raise(store).await,
                done => return done,
            }
        }
        done
    }

    /// Raises `confirmed` of the records as they are now, and nothing else. A
    /// record that is gone was forgotten together with its key set.
    async fn raise(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for set in self.sets.values() {
            let found = store.load::<KeysetCounter>(&set.id).await?;
            let (Some(confirmed), Some(found)) = (set.confirmed, found) else {
                continue;
            };
            if confirmed <= found.value.confirmed {
                continue;
            }
            let counter = KeysetCounter {
                confirmed,
                sent: found.value.sent.max(confirmed),
                ..found.value
            };
            batch = batch.update(set.id.clone(), found.version, counter);
        }
        store.commit(batch).await
    }

    fn write(&mut self, next: impl Fn(&Set) -> KeysetCounter) -> Batch {
        let mut batch = Batch::new();
        for set in self.sets.values_mut() {
            let value = next(set);
            if value == set.stored {
                continue;
            }
            batch = batch.update(set.id.clone(), set.version, value.clone());
            set.stored = value;
            set.version = set.version.saturating_add(1);
        }
        batch
    }
}

/// SHA-256 over all commands, each led by its length.
fn digest(script: &Script) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for command in &script.commands {
        hasher.update((command.apdu.len() as u64).to_be_bytes());
        hasher.update(&command.apdu);
    }
    hasher.finalize().into()
}
