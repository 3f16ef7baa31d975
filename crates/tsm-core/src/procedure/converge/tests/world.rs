//! A carrier with one card and one service.

use futures::executor::block_on;
use globalplatform::aid::Aid;
use scp03::keys::StaticKeys;
use sha2::{Digest, Sha256};

use crate::audit::AuditEntry;
use crate::card::catalogue::{LoadFilePiece, Package, ServiceDefinition};
use crate::card::deployment::{Deployment, KeyHandover, ServiceState};
use crate::card::lease::Lease;
use crate::card::model::ISD;
use crate::card::uicc::{IssuerKeys, Uicc};
use crate::card_session::fake::{FakeCard, FakeLink, SCP_I, issuer_keys};
use crate::fleet::ServiceRequirements;
use crate::identity::{Caller, Iccid, Role, ServiceName, Tenant};
use crate::ports::{Batch, CardLink, Eligibility, Key, Store};
use crate::procedure::converge::{
    self, ChangeRequest, Context, ConvergeError, ConvergeReport, RequestError,
};
use crate::record::{Record, Stored, Table};
use crate::tenancy::{Contract, ManagementMode};
use crate::testing::{TestClock, TestEntropy, TestStore, TestVault};
use crate::time::Timestamp;

pub(super) const PACKAGE: Aid = Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0, 0x26, 1, 0, 0, 0]);
pub(super) const INSTANCE: Aid = Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0, 0x26, 1, 0, 0, 1]);
pub(super) const DOMAIN: Aid = Aid::from_slice_const(&[0xD3, 0x92, 0xF0, 0, 0x26, 0x53, 1]);
/// More than two pieces of the store, and many blocks.
const LOAD_FILE_BYTES: usize = 7_000;
const DEADLINE: Timestamp = Timestamp(60_000);

pub(super) struct World {
    pub(super) store: TestStore,
    pub(super) link: FakeLink,
    pub(super) clock: TestClock,
    entropy: TestEntropy,
    vault: TestVault,
    carrier: Tenant,
}

pub(super) fn iccid() -> Iccid {
    Iccid::new("8981100000000000017").unwrap()
}

pub(super) fn jpki() -> ServiceName {
    ServiceName::new("jpki").unwrap()
}

pub(super) fn provider() -> Caller {
    Caller::machine(Tenant::new("j-lis").unwrap(), Role::ServiceProvider)
}

fn contract(modes: &[ManagementMode]) -> Contract {
    Contract {
        provider: provider().tenant,
        issuer: Tenant::new("carrier").unwrap(),
        services: vec![jpki()],
        modes: modes.to_vec(),
        valid_from: Timestamp(0),
        valid_until: None,
    }
}

/// The keys in a hand-over; the vault of these tests does not hide them.
pub(super) fn service_keys(handover: &KeyHandover) -> StaticKeys {
    let (enc, rest) = handover.ciphertext.split_at(16);
    let (mac, dek) = rest.split_at(16);
    StaticKeys::from_bytes(enc, mac, dek).unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_memory(100_000)
    }

    pub(super) fn with_memory(free: u32) -> Self {
        let world = Self {
            store: TestStore::default(),
            link: FakeLink::new(FakeCard::new(free)),
            clock: TestClock::at(1_000),
            entropy: TestEntropy::default(),
            vault: TestVault(issuer_keys()),
            carrier: Tenant::new("carrier").unwrap(),
        };
        world.register(free);
        world
    }

    /// Replaces the contract between provider and carrier.
    pub(super) fn agree(&self, modes: &[ManagementMode]) {
        let store: &dyn Store = &self.store;
        let id = "j-lis/carrier";
        let before = block_on(store.load::<Contract>(id)).unwrap().unwrap();
        let batch = Batch::new().update(id, before.version, contract(modes));
        block_on(store.commit(batch)).unwrap();
    }

    fn register(&self, free: u32) {
        let load_file: Vec<u8> = (0..LOAD_FILE_BYTES).map(|i| (i % 251) as u8).collect();
        let sha256: [u8; 32] = Sha256::digest(&load_file).into();
        let mut batch = Batch::new()
            .insert(
                iccid().as_str(),
                Uicc {
                    iccid: iccid(),
                    tenant: Tenant::new("carrier").unwrap(),
                    issuer: Tenant::new("carrier").unwrap(),
                    isd_aid: ISD,
                    isd_key_version: 0x30,
                    scp_i: SCP_I,
                    keys: IssuerKeys::Diversified([0; 10]),
                    profile: None,
                    eid: None,
                    memory_bytes: free,
                    content: None,
                },
            )
            .insert(
                PACKAGE.to_string(),
                Package {
                    aid: PACKAGE,
                    version: (1, 0),
                    applets: vec![INSTANCE],
                    imports: Vec::new(),
                    sha256,
                    length: LOAD_FILE_BYTES as u32,
                },
            )
            .insert("j-lis/carrier", contract(&[ManagementMode::Simple]))
            .insert(
                "jpki",
                ServiceDefinition {
                    name: jpki(),
                    provider: provider().tenant,
                    package: PACKAGE,
                    module: INSTANCE,
                    instance: INSTANCE,
                    security_domain: DOMAIN,
                    quota: 20_000,
                    requirements: ServiceRequirements::default(),
                    provider_public_key: vec![4; 65],
                },
            )
            .insert(
                iccid().as_str(),
                Lease {
                    holder: "test".to_owned(),
                    epoch: 1,
                    expires_at: DEADLINE,
                },
            );
        for (index, piece) in load_file.chunks(LoadFilePiece::SIZE).enumerate() {
            let id = LoadFilePiece::id(&sha256, index);
            batch = batch.insert(
                id,
                LoadFilePiece {
                    bytes: piece.to_vec(),
                },
            );
        }
        block_on(self.store.commit(batch)).unwrap();
    }

    pub(super) fn context(&self) -> Context<'_> {
        self.context_over(&self.link)
    }

    pub(super) fn context_over<'a>(&'a self, link: &'a dyn CardLink) -> Context<'a> {
        Context {
            store: &self.store,
            link,
            vault: &self.vault,
            clock: &self.clock,
            entropy: &self.entropy,
            issuer_master: "isd",
            carrier: &self.carrier,
        }
    }

    pub(super) fn request(
        &self,
        caller: &Caller,
        request_id: &str,
        desired: ServiceState,
    ) -> Result<Deployment, RequestError> {
        let request = ChangeRequest {
            request_id: request_id.to_owned(),
            iccid: iccid(),
            service: jpki(),
            desired,
        };
        block_on(converge::set_desired(&self.context(), caller, &request))
    }

    /// Asks with a request id of its own.
    pub(super) fn desire(&self, desired: ServiceState) -> Deployment {
        self.clock.advance(1);
        let request_id = format!("request-{:?}", self.clock.0);
        self.request(&provider(), &request_id, desired).unwrap()
    }

    pub(super) fn converge(&self) -> Result<ConvergeReport, ConvergeError> {
        block_on(converge::converge(&self.context(), &iccid(), 1, DEADLINE))
    }

    pub(super) fn audit(&self) -> Result<ConvergeReport, ConvergeError> {
        block_on(converge::audit(&self.context(), &iccid(), 1, DEADLINE))
    }

    pub(super) fn check_eligibility(&self) -> Result<Eligibility, ConvergeError> {
        let context = self.context();
        let (caller, iccid, service) = (provider(), iccid(), jpki());
        block_on(converge::check_eligibility(
            &context, &caller, &iccid, &service, 1, DEADLINE,
        ))
    }

    pub(super) fn load<T: Stored>(&self, id: &str) -> T {
        let store: &dyn Store = &self.store;
        block_on(store.load::<T>(id)).unwrap().unwrap().value
    }

    pub(super) fn deployment(&self) -> Deployment {
        self.load(&Deployment::id(&iccid(), &jpki()))
    }

    pub(super) fn uicc(&self) -> Uicc {
        self.load(iccid().as_str())
    }

    pub(super) fn edit_uicc(&self, edit: impl FnOnce(&mut Uicc)) {
        let store: &dyn Store = &self.store;
        let mut found = block_on(store.load::<Uicc>(iccid().as_str()))
            .unwrap()
            .unwrap();
        edit(&mut found.value);
        let batch = Batch::new().update(iccid().as_str(), found.version, found.value);
        block_on(self.store.commit(batch)).unwrap();
    }

    pub(super) fn remove<T: Stored>(&self, id: &str) {
        let found = block_on(self.store.read(&Key::of::<T>(id)))
            .unwrap()
            .unwrap();
        block_on(
            self.store
                .commit(Batch::new().remove::<T>(id, found.version)),
        )
        .unwrap();
    }

    pub(super) fn change_card(&self, change: impl FnOnce(&mut FakeCard)) {
        change(&mut self.link.card.lock().unwrap());
    }

    pub(super) fn card_keys(&self) -> Option<StaticKeys> {
        let card = self.link.card.lock().unwrap();
        card.key_sets.get(&DOMAIN).map(|set| set.keys.clone())
    }

    pub(super) fn executed(&self) -> Vec<u8> {
        self.link.card.lock().unwrap().executed.clone()
    }

    pub(super) fn audit_entries(&self) -> Vec<AuditEntry> {
        let found = block_on(self.store.scan(Table::AuditEntry, "card/", None, 1_000)).unwrap();
        let entries = found.into_iter().map(|(_, found)| match found.value {
            Record::AuditEntry(entry) => entry,
            other => panic!("{other:?}"),
        });
        entries.collect()
    }
}
