//! A whole small world for tests: store, operator, card, vault and authority, with faults on order.
//!
//! Every effect on the world is one operation with a number. [`Faults`] fails one of them, before its
//! effect or after it, as a crash of the server or a lost answer would.

mod card;
mod carrier;
mod keys;
mod store;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use futures::executor::block_on;
use sha2::{Digest, Sha256};

use crate::audit::{AuditEntry, AuditHead};
use crate::identity::{Caller, Iccid, Role, ServiceName, Tenant};
use crate::jpki::application::Application;
use crate::jpki::credential::{Credential, KeyAlgorithm};
use crate::jpki::pin::Pin;
use crate::jpki::proofing::SignedApplication;
use crate::jpki::provider::{Policy, Provider};
use crate::ports::{Clock, Entropy, EntropyError, Store};
use crate::record::{Record, Stored};
use crate::time::Timestamp;

use super::{ApplicationError, ProvisionError, Provisioned};

pub(crate) use card::{Card, Link, Tear};
pub(crate) use carrier::{Line, Operator};
pub(crate) use keys::{Authority, Pairs, Vault};
pub(crate) use store::{Faulty, MemoryStore};

/// Where an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It has no effect.
    Before,
    /// It has its effect; the answer is lost.
    After,
}

/// Fails one operation.
#[derive(Default)]
pub(crate) struct Faults {
    count: AtomicUsize,
    plan: Mutex<Option<(usize, Side)>>,
    came: AtomicBool,
}

impl Faults {
    /// Fails the operation with this number, counted from now on.
    pub(crate) fn plan(&self, operation: usize, side: Side) {
        self.count.store(0, Ordering::SeqCst);
        *self.plan.lock().unwrap() = Some((operation, side));
    }

    /// Starts an operation; says how it fails.
    pub(crate) fn next(&self) -> Option<Side> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let mut plan = self.plan.lock().unwrap();
        let side = plan
            .filter(|(operation, _)| *operation == number)
            .map(|(_, side)| side);
        if side.is_some() {
            *plan = None;
            self.came.store(true, Ordering::SeqCst);
        }
        side
    }

    /// A fault that was planned and never came.
    pub(crate) fn is_waiting(&self) -> bool {
        self.plan.lock().unwrap().is_some()
    }

    /// Some operation has failed as planned.
    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }

    /// Nothing fails any more.
    pub(crate) fn clear(&self) {
        *self.plan.lock().unwrap() = None;
    }
}

/// Goes on by a millisecond whenever somebody looks.
pub(crate) struct Ticking(AtomicI64);

impl Ticking {
    pub(crate) fn go_on(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Never the same bytes twice.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            let random: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        Ok(())
    }
}

/// Everything.
pub(crate) struct World {
    pub(crate) faults: Faults,
    pub(crate) clock: Ticking,
    pub(crate) entropy: Counting,
    pub(crate) store: MemoryStore,
    pub(crate) card: Card,
    pub(crate) operator: Operator,
    pub(crate) vault: Vault,
    pub(crate) authority: Authority,
    pub(crate) pairs: Pairs,
    pub(crate) policy: Policy,
    pub(crate) tenant: Tenant,
}

/// The world's parts as ports; faults and the parts that hang together are borrowed.
macro_rules! provider {
    ($world:expr) => {
        Provider {
            store: &$crate::procedure::provision::testing::Faulty($world),
            link: &$crate::procedure::provision::testing::Link($world),
            carrier: &$crate::procedure::provision::testing::Line($world),
            vault: &$world.vault,
            authority: &$world.authority,
            key_pairs: &$world.pairs,
            clock: &$world.clock,
            entropy: &$world.entropy,
            policy: &$world.policy,
            tenant: &$world.tenant,
        }
    };
}
pub(crate) use provider;

pub(crate) fn iccid() -> Iccid {
    Iccid::new("8981100000000000017").unwrap()
}

pub(crate) fn caller() -> Caller {
    Caller::machine(Tenant::new("j-lis").unwrap(), Role::Citizen)
}

pub(crate) fn pin(text: &str) -> Pin {
    Pin::new(text).unwrap()
}

pub(crate) fn signed(person: &str, nonce: &str) -> SignedApplication {
    SignedApplication {
        person: person.to_owned(),
        iccid: iccid(),
        service: ServiceName::new("jpki").unwrap(),
        consent_sha256: [0xC0; 32],
        nonce: nonce.to_owned(),
        created_at: Timestamp(1_700_000_000_000),
        cms_sha256: Sha256::digest(nonce).into(),
    }
}

impl World {
    pub(crate) fn new(algorithm: KeyAlgorithm) -> Self {
        Self {
            faults: Faults::default(),
            clock: Ticking(AtomicI64::new(1_700_000_000_000)),
            entropy: Counting::default(),
            store: MemoryStore::default(),
            card: Card::default(),
            operator: Operator::default(),
            vault: Vault::default(),
            authority: Authority::default(),
            pairs: Pairs::default(),
            policy: Policy {
                algorithm,
                ..Policy::default()
            },
            tenant: caller().tenant,
        }
    }

    pub(crate) fn accept(
        &self,
        request_id: &str,
        signed: &SignedApplication,
    ) -> Result<Application, ApplicationError> {
        let body: [u8; 32] = Sha256::digest(&signed.nonce).into();
        block_on(super::accept(
            &provider!(self),
            &caller(),
            request_id,
            body,
            signed,
        ))
    }

    pub(crate) fn accepted(&self) -> Application {
        self.accept("first", &signed("somebody", "n1")).unwrap()
    }

    pub(crate) fn provision(
        &self,
        application: &str,
        text: &str,
    ) -> Result<Provisioned, ProvisionError> {
        let (pin, silent) = (pin(text), |_: &_, _: &_| ());
        block_on(super::provision(
            &provider!(self),
            &caller(),
            application,
            &pin,
            &silent,
        ))
    }

    pub(crate) fn change(
        &self,
        request_id: &str,
        credential: &str,
        change: crate::procedure::credential_change::Change,
    ) -> Result<Credential, crate::procedure::credential_change::ChangeError> {
        use crate::procedure::credential_change;
        let body: [u8; 32] = Sha256::digest(format!("{credential} {change:?}")).into();
        let provider = provider!(self);
        block_on(credential_change::change(
            &provider,
            &caller(),
            request_id,
            body,
            credential,
            change,
        ))
    }

    pub(crate) fn load<T: Stored>(&self, id: &str) -> Option<T> {
        let store: &dyn Store = &self.store;
        block_on(store.load::<T>(id))
            .unwrap()
            .map(|found| found.value)
    }

    pub(crate) fn all<T: Stored>(&self) -> Vec<(String, T)> {
        self.store
            .records(T::TABLE)
            .into_iter()
            .map(|(id, record)| (id, T::try_from(record).ok().unwrap()))
            .collect()
    }

    /// Every audit chain holds, and ends where its head says.
    pub(crate) fn check_audit(&self) {
        for (subject, head) in self.all::<AuditHead>() {
            let mut previous = [0; 32];
            for sequence in 1..=head.sequence {
                let id = AuditEntry::id(&subject, sequence);
                let entry: AuditEntry = self.load(&id).unwrap();
                assert_eq!(
                    (entry.sequence, entry.previous),
                    (sequence, previous),
                    "{id}"
                );
                previous = entry.hash();
            }
            assert_eq!(previous, head.hash);
        }
    }

    /// What was done to a subject, as the audit log tells it.
    pub(crate) fn story(&self, subject: &str) -> Vec<String> {
        let entries = self.all::<AuditEntry>().into_iter().map(|(_, entry)| entry);
        entries
            .filter(|entry| entry.step.subject == subject)
            .map(|entry| entry.step.action)
            .collect()
    }

    /// No record holds these bytes.
    pub(crate) fn check_unstored(&self, secret: &[u8]) {
        let text = |record: &Record| format!("{record:?}");
        let listed = format!("{secret:?}");
        let digits = listed.trim_matches(['[', ']']);
        for record in self.store.everything() {
            assert!(
                !text(&record).contains(digits),
                "a secret in {}",
                text(&record)
            );
        }
    }
}
