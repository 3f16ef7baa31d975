//! Ports for tests: a store in memory, a clock that stands, numbers that only look random.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use scp03::keys::StaticKeys;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ports::{
    Batch, Clock, Entropy, EntropyError, Key, KeyVault, SealContext, SlotId, Store, StoreError,
    VaultError, Versioned,
};
use crate::record::{Record, Table};
use crate::time::Timestamp;

/// Records in memory. Versions start again after removal, as absence is version 0.
#[derive(Default)]
pub(crate) struct TestStore {
    records: Mutex<BTreeMap<Key, Versioned<Record>>>,
    /// Batches that were committed.
    pub(crate) commits: AtomicU64,
}

#[async_trait]
impl Store for TestStore {
    async fn read(&self, key: &Key) -> Result<Option<Versioned<Record>>, StoreError> {
        Ok(self.records.lock().unwrap().get(key).cloned())
    }

    async fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<Record>)>, StoreError> {
        let start = Key {
            table,
            id: after.unwrap_or("").to_owned(),
        };
        let records = self.records.lock().unwrap();
        let range = records.range((Bound::Excluded(start), Bound::Unbounded));
        let found = range.filter(|(key, _)| key.table == table && key.id.starts_with(prefix));
        Ok(found
            .take(limit)
            .map(|(key, record)| (key.clone(), record.clone()))
            .collect())
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut records = self.records.lock().unwrap();
        let version = |records: &BTreeMap<Key, Versioned<Record>>, key: &Key| {
            records.get(key).map_or(0, |record| record.version)
        };
        for (key, expected) in &batch.expect {
            if version(&records, key) != *expected {
                return Err(StoreError::Conflict(key.clone()));
            }
        }
        for (key, value) in batch.put {
            let version = version(&records, &key) + 1;
            records.insert(key, Versioned { version, value });
        }
        for key in batch.delete {
            records.remove(&key);
        }
        self.commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A clock that is set by hand.
pub(crate) struct TestClock(pub(crate) AtomicI64);

impl TestClock {
    pub(crate) fn at(ms: i64) -> Self {
        Self(AtomicI64::new(ms))
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The digits of SHA-256 over a counter.
#[derive(Default)]
pub(crate) struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            let digest = Sha256::digest(number.to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
        Ok(())
    }
}

/// What stands behind a key that is wrapped under the transport key `maker` of these tests.
pub(crate) const WRAPPED: [u8; 8] = [0xA6; 8];

/// A vault with one set of issuer keys. What it seals is readable by tests.
pub(crate) struct TestVault(pub(crate) StaticKeys);

impl KeyVault for TestVault {
    fn issuer_keys(&self, _: &str, _: &[u8; 10]) -> Result<StaticKeys, VaultError> {
        Ok(self.0.clone())
    }

    fn unwrap_keys(
        &self,
        _: &str,
        transport: &str,
        wrapped: &[Vec<u8>],
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, VaultError> {
        if transport != "maker" {
            return Err(VaultError::NoKey(transport.to_owned()));
        }
        let unwrap = |wrapped: &Vec<u8>| {
            let key = wrapped
                .strip_suffix(&WRAPPED[..])
                .ok_or(VaultError::Unseal)?;
            Ok(Zeroizing::new(key.to_vec()))
        };
        wrapped.iter().map(unwrap).collect()
    }

    fn domain_keys(&self, _: &str, _: u32) -> Result<StaticKeys, VaultError> {
        Err(VaultError::NoKey("domain".to_owned()))
    }

    fn seal(&self, context: &SealContext, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        Ok([context.row.as_bytes(), plaintext].concat())
    }

    fn unseal(
        &self,
        context: &SealContext,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let plaintext = sealed.strip_prefix(context.row.as_bytes());
        let plaintext = plaintext.ok_or(VaultError::Unseal)?;
        Ok(Zeroizing::new(plaintext.to_vec()))
    }

    fn new_slot(&self) -> Result<SlotId, VaultError> {
        Err(VaultError::EmptySlot)
    }

    fn seal_in_slot(&self, _: SlotId, _: &SealContext, _: &[u8]) -> Result<Vec<u8>, VaultError> {
        Err(VaultError::EmptySlot)
    }

    fn unseal_in_slot(
        &self,
        _: SlotId,
        _: &SealContext,
        _: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        Err(VaultError::EmptySlot)
    }

    fn destroy_slot(&self, _: SlotId) -> Result<(), VaultError> {
        Ok(())
    }

    fn hpke_seal(
        &self,
        public_key: &[u8],
        info: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
        Ok(([public_key, info].concat(), plaintext.to_vec()))
    }

    fn hpke_open(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        Err(VaultError::Unseal)
    }

    fn hpke_public_key(&self) -> Result<Vec<u8>, VaultError> {
        Err(VaultError::NoKey("hpke".to_owned()))
    }

    /// Whoever knows the message can make it: good enough to see what was signed.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        Ok(Sha256::digest([b"signed ", message].concat()).to_vec())
    }

    fn signing_public_key(&self) -> Result<Vec<u8>, VaultError> {
        Ok(vec![4; 65])
    }

    fn pseudonym(&self, identifier: &str) -> Result<String, VaultError> {
        Ok(identifier.to_owned())
    }
}
