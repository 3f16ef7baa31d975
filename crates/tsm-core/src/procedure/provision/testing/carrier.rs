//! The operator: brings the service into the desired state by magic, under its own rules.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use scp03::keys::StaticKeys;

use super::card::{DOMAIN, INSTANCE, SCP_I};
use super::{Side, World, iccid};
use crate::card::deployment::{Deployment, KeyHandover, KeySetup, ServiceState};
use crate::identity::{Iccid, ServiceName, Tenant};
use crate::ports::{
    Carrier, CarrierError, Eligibility, Entropy, KeyVault, MissingRequirement, ServiceChange,
};
use crate::time::Timestamp;

#[derive(Default)]
pub(crate) struct Operator {
    state: Mutex<State>,
    /// What the card lacks.
    pub(crate) missing: Mutex<Vec<MissingRequirement>>,
    /// What deploying comes up against.
    pub(crate) problem: Mutex<Option<String>>,
    /// Another card for which it seals hand-overs.
    pub(crate) seals_for: Mutex<Option<String>>,
}

#[derive(Default)]
struct State {
    deployment: Option<Deployment>,
    requests: BTreeMap<String, ServiceState>,
    epoch: u64,
    leased: bool,
}

impl Operator {
    pub(super) fn has_lease(&self, epoch: u64) -> bool {
        let state = self.state.lock().unwrap();
        state.leased && state.epoch == epoch
    }

    pub(crate) fn is_leased(&self) -> bool {
        self.state.lock().unwrap().leased
    }

    /// Time goes by.
    pub(crate) fn let_lease_expire(&self) {
        self.state.lock().unwrap().leased = false;
    }

    /// What the card was last read to hold.
    pub(crate) fn observed(&self) -> Option<ServiceState> {
        self.state.lock().unwrap().deployment.as_ref()?.observed
    }
}

/// The operator as the server reaches it.
pub(crate) struct Line<'a>(pub(crate) &'a World);

fn unavailable(reason: &str) -> CarrierError {
    CarrierError::Unavailable {
        reason: reason.to_owned(),
        detail: String::new(),
    }
}

fn refused(reason: &str) -> CarrierError {
    CarrierError::Refused {
        reason: reason.to_owned(),
        detail: String::new(),
    }
}

impl Line<'_> {
    /// Fails as planned, before or after `effect`.
    fn operation<T>(
        &self,
        effect: impl FnOnce() -> Result<T, CarrierError>,
    ) -> Result<T, CarrierError> {
        match self.0.faults.next() {
            Some(Side::Before) => Err(unavailable("OVERLOAD")),
            Some(Side::After) => effect().and_then(|_| Err(unavailable("OVERLOAD"))),
            None => effect(),
        }
    }

    fn change(
        &self,
        request_id: &str,
        service: &ServiceName,
        asked: ServiceState,
    ) -> Result<ServiceChange, CarrierError> {
        let world = self.0;
        let state = &mut *world.operator.state.lock().unwrap();
        if state.leased {
            return Err(unavailable("CARD_BUSY"));
        }
        let deployment = state.deployment.get_or_insert_with(|| Deployment {
            iccid: iccid(),
            service: service.clone(),
            provider: Tenant::new("j-lis").unwrap(),
            desired: ServiceState::Absent,
            observed: None,
            problem: None,
            is_stale: false,
            handover: None,
            key_setup: KeySetup::CarrierTrusted,
            updated_at: Timestamp(0),
        });
        if let Some(known) = state.requests.get(request_id) {
            assert_eq!(*known, asked, "a request id for two requests");
        } else {
            use ServiceState::{Absent, Active, Installed, Suspended};
            let next = match (deployment.desired, asked) {
                (Active, Installed) => Active,
                (_, Absent)
                | (Absent | Installed, Installed)
                | (Installed | Active | Suspended, Active)
                | (Active | Suspended, Suspended) => asked,
                _ => return Err(refused("WRONG_STATE")),
            };
            state.requests.insert(request_id.to_owned(), asked);
            deployment.desired = next;
            deployment.problem = None;
        }
        let away = *world.card.away.lock().unwrap();
        if away && matches!(asked, ServiceState::Installed) {
            return Err(unavailable("CARD_UNREACHABLE"));
        }
        if !away {
            world.converge(deployment);
        }
        Ok(ServiceChange {
            deployment: deployment.clone(),
            security_domain: DOMAIN,
            instance: INSTANCE,
            scp_i: SCP_I,
            exchanges: u32::from(!away),
        })
    }
}

impl World {
    fn converge(&self, deployment: &mut Deployment) {
        let there = !matches!(deployment.observed, None | Some(ServiceState::Absent));
        if deployment.desired == ServiceState::Absent {
            self.card.delete_domain();
        } else if !there {
            if let Some(problem) = self.operator.problem.lock().unwrap().clone() {
                deployment.problem = Some(problem);
                deployment.desired = ServiceState::Absent;
                deployment.observed = Some(ServiceState::Absent);
                return;
            }
            self.create_domain(deployment);
        }
        let observed = deployment.desired;
        self.card.set(
            observed != ServiceState::Installed,
            observed == ServiceState::Suspended,
        );
        deployment.observed = Some(observed);
    }

    fn create_domain(&self, deployment: &mut Deployment) {
        let mut keys = [0; 48];
        self.entropy.fill(&mut keys).unwrap();
        let mut encapsulated_key = [0; 8];
        self.entropy.fill(&mut encapsulated_key).unwrap();
        let [enc, mac, dek] = [&keys[..16], &keys[16..32], &keys[32..]];
        self.card
            .create_domain(0x30, StaticKeys::from_bytes(enc, mac, dek).unwrap());
        let other = self.operator.seals_for.lock().unwrap().clone();
        let sealed_for = other.map_or(iccid(), |other| Iccid::new(&other).unwrap());
        let info = KeyHandover::info(&sealed_for);
        let sealed = self
            .vault
            .hpke_seal(&encapsulated_key, &info, &keys)
            .unwrap();
        deployment.handover = Some(KeyHandover {
            key_version: 0x30,
            encapsulated_key: sealed.0,
            ciphertext: sealed.1,
        });
    }
}

#[async_trait]
impl Carrier for Line<'_> {
    async fn check_eligibility(
        &self,
        _: &Iccid,
        _: &ServiceName,
    ) -> Result<Eligibility, CarrierError> {
        self.operation(|| {
            let missing = self.0.operator.missing.lock().unwrap().clone();
            Ok(Eligibility {
                missing,
                exchanges: 1,
            })
        })
    }

    async fn change_service(
        &self,
        request_id: &str,
        _: &Iccid,
        service: &ServiceName,
        desired: ServiceState,
    ) -> Result<ServiceChange, CarrierError> {
        self.operation(|| self.change(request_id, service, desired))
    }

    async fn acquire_lease(&self, _: &Iccid) -> Result<u64, CarrierError> {
        self.operation(|| {
            let mut state = self.0.operator.state.lock().unwrap();
            state.epoch += u64::from(!state.leased);
            state.leased = true;
            Ok(state.epoch)
        })
    }

    async fn release_lease(&self, _: &Iccid, epoch: u64) -> Result<(), CarrierError> {
        self.operation(|| {
            let mut state = self.0.operator.state.lock().unwrap();
            if state.epoch == epoch {
                state.leased = false;
            }
            Ok(())
        })
    }
}
