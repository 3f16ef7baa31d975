//! The operator's server, as the service provider's domain sees it.

use async_trait::async_trait;

use crate::card::deployment::{Deployment, ServiceState};
use crate::identity::{Iccid, ServiceName};

/// A requirement that a card does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRequirement {
    /// Stable, for example `INSUFFICIENT_SE_MEMORY`.
    pub reason: String,
    /// For people.
    pub detail: String,
}

/// Answer of the eligibility check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Eligibility {
    /// Every requirement that is not met; empty means eligible.
    pub missing: Vec<MissingRequirement>,
    /// Script exchanges with the phone.
    pub exchanges: u32,
}

/// A deployment and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChange {
    /// As the operator has it now.
    pub deployment: Deployment,
    /// Security domain of the service.
    pub security_domain: globalplatform::aid::Aid,
    /// Applet instance of the service.
    pub instance: globalplatform::aid::Aid,
    /// The `i` parameter of SCP03 of the domain.
    pub scp_i: u8,
    /// Script exchanges with the phone.
    pub exchanges: u32,
}

/// Why the operator did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CarrierError {
    /// It refused for good; repeating does not help.
    #[error("the operator refused: {reason}: {detail}")]
    Refused {
        /// Stable reason, for example `TENANT_FORBIDDEN`.
        reason: String,
        /// For people.
        detail: String,
    },
    /// The card, the operator or the link is not available now.
    #[error("not available now: {reason}: {detail}")]
    Unavailable {
        /// Stable reason, for example `CARD_UNREACHABLE`.
        reason: String,
        /// For people.
        detail: String,
    },
}

/// What a provider asks of the operator.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Whether the service can be put on the card. Writes nothing to it.
    ///
    /// # Errors
    /// [`CarrierError`].
    async fn check_eligibility(
        &self,
        iccid: &Iccid,
        service: &ServiceName,
    ) -> Result<Eligibility, CarrierError>;

    /// Makes `desired` the desired state of the service on the card and works
    /// towards it. An unreachable card is no error for `Suspended`, `Active`
    /// after suspension, and `Absent`: the answer then is not converged yet.
    ///
    /// # Errors
    /// [`CarrierError`].
    async fn change_service(
        &self,
        request_id: &str,
        iccid: &Iccid,
        service: &ServiceName,
        desired: ServiceState,
    ) -> Result<ServiceChange, CarrierError>;

    /// Takes, or renews, the lease on a card; returns its epoch.
    ///
    /// # Errors
    /// [`CarrierError::Unavailable`] with `CARD_BUSY` while another worker holds it.
    async fn acquire_lease(&self, iccid: &Iccid) -> Result<u64, CarrierError>;

    /// Gives the lease back.
    ///
    /// # Errors
    /// [`CarrierError`]; the lease expires by itself then.
    async fn release_lease(&self, iccid: &Iccid, epoch: u64) -> Result<(), CarrierError>;
}
