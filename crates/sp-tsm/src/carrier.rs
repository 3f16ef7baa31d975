//! The `Carrier` port: the operator's server over gRPC with mutual TLS.

use std::time::Duration;

use async_trait::async_trait;
use globalplatform::aid::Aid;
use tonic::Status;
use tonic::transport::Channel;
use tsm_core::card::deployment::{Deployment, KeyHandover, KeySetup, ServiceState};
use tsm_core::error::{Class, Reason};
use tsm_core::identity::{Iccid, ServiceName, Tenant};
use tsm_core::ports::{Carrier, CarrierError, Eligibility, MissingRequirement, ServiceChange};
use tsm_proto::mno;
use tsm_proto::mno::card_channel_client::CardChannelClient;
use tsm_proto::mno::service_management_client::ServiceManagementClient;
use tsm_proto::types;
use tsm_server::convert::moment;
use tsm_server::status::reason_of;

/// How long one call to the operator may take; it works on a card meanwhile.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a lease is held at most without being renewed, in seconds.
const LEASE_S: u32 = 120;
/// Pause before a lease that could not be given back is given back again.
const RELEASE_PAUSE: Duration = Duration::from_millis(500);

/// The operator's server.
#[derive(Clone, Debug)]
pub struct GrpcCarrier {
    channel: Channel,
    tenant: Tenant,
    /// First parts of the names of lease holders: this server, and its start.
    worker: String,
}

impl GrpcCarrier {
    /// Calls go over `channel`; `tenant` is ours, `worker` is `<server>:<start>`,
    /// greater with every start.
    #[must_use]
    pub fn new(channel: Channel, tenant: Tenant, worker: String) -> Self {
        Self {
            channel,
            tenant,
            worker,
        }
    }

    fn services(&self) -> ServiceManagementClient<Channel> {
        ServiceManagementClient::new(self.channel.clone())
    }

    fn cards(&self) -> CardChannelClient<Channel> {
        CardChannelClient::new(self.channel.clone())
    }
}

fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

#[async_trait]
impl Carrier for GrpcCarrier {
    async fn check_eligibility(
        &self,
        iccid: &Iccid,
        service: &ServiceName,
    ) -> Result<Eligibility, CarrierError> {
        let message = mno::CheckEligibilityRequest {
            iccid: iccid.to_string(),
            service: service.to_string(),
        };
        let answer = self.services().check_eligibility(request(message)).await;
        let answer = answer.map_err(|status| error(&status))?.into_inner();
        let missing = |found: mno::MissingRequirement| MissingRequirement {
            reason: found.reason,
            detail: found.detail,
        };
        Ok(Eligibility {
            missing: answer.missing.into_iter().map(missing).collect(),
            exchanges: answer.exchanges,
        })
    }

    async fn change_service(
        &self,
        request_id: &str,
        iccid: &Iccid,
        service: &ServiceName,
        desired: ServiceState,
    ) -> Result<ServiceChange, CarrierError> {
        let message = request(mno::ChangeServiceRequest {
            request_id: request_id.to_owned(),
            iccid: iccid.to_string(),
            service: service.to_string(),
        });
        let mut services = self.services();
        let answer = match desired {
            ServiceState::Installed => services.deploy_service(message).await,
            ServiceState::Active => services.activate_service(message).await,
            ServiceState::Suspended => services.suspend_service(message).await,
            ServiceState::Absent => services.terminate_service(message).await,
            _ => Err(Status::unimplemented("this state can't be asked for")),
        };
        let answer = answer.map_err(|status| error(&status))?.into_inner();
        change(answer, &self.tenant).map_err(|field| CarrierError::Unavailable {
            reason: Reason::Internal.to_string(),
            detail: format!("the operator's answer has no usable {field}"),
        })
    }

    async fn acquire_lease(&self, iccid: &Iccid) -> Result<u64, CarrierError> {
        let message = mno::AcquireLeaseRequest {
            iccid: iccid.to_string(),
            holder: format!("{}:{}", self.worker, uuid::Uuid::now_v7()),
            duration_s: LEASE_S,
        };
        let mut cards = self.cards();
        match cards.acquire_lease(request(message.clone())).await {
            Ok(answer) => Ok(answer.into_inner().epoch),
            Err(status) => {
                if is_lost(&status) {
                    tokio::spawn(settle_later(cards, message));
                }
                Err(error(&status))
            }
        }
    }

    async fn release_lease(&self, iccid: &Iccid, epoch: u64) -> Result<(), CarrierError> {
        let message = mno::ReleaseLeaseRequest {
            iccid: iccid.to_string(),
            epoch,
        };
        let mut cards = self.cards();
        let answer = cards.release_lease(request(message.clone())).await;
        answer.map(drop).map_err(|status| {
            if is_lost(&status) {
                tokio::spawn(release_later(cards, message));
            }
            error(&status)
        })
    }
}

/// Gives a lease back when the operator is there again: till then the card is busy for everybody. Ends when the
/// operator has answered, or the lease has ended by itself.
async fn release_later(mut cards: CardChannelClient<Channel>, message: mno::ReleaseLeaseRequest) {
    let attempts = async {
        loop {
            match cards.release_lease(request(message.clone())).await {
                Err(status) if is_lost(&status) => tokio::time::sleep(RELEASE_PAUSE).await,
                _ => return,
            }
        }
    };
    let lease = Duration::from_secs(LEASE_S.into());
    let _ = tokio::time::timeout(lease, attempts).await;
}

/// The answer to taking a lease was lost: the operator may have given it. Takes it
/// under the same name, which changes nothing if it is ours, and gives it back.
async fn settle_later(mut cards: CardChannelClient<Channel>, message: mno::AcquireLeaseRequest) {
    let attempts = async {
        loop {
            tokio::time::sleep(RELEASE_PAUSE).await;
            match cards.acquire_lease(request(message.clone())).await {
                Ok(lease) => break Some(lease.into_inner()),
                Err(status) if is_lost(&status) => {}
                // Somebody else has it, so it is not ours.
                Err(_) => break None,
            }
        }
    };
    let limit = Duration::from_secs(LEASE_S.into());
    if let Ok(Some(mno::Lease { iccid, epoch, .. })) = tokio::time::timeout(limit, attempts).await {
        release_later(cards, mno::ReleaseLeaseRequest { iccid, epoch }).await;
    }
}

/// Whether it is not known what became of a call: the operator itself did not
/// answer, or told to come back.
fn is_lost(status: &Status) -> bool {
    match reason_of(status).as_deref().and_then(Reason::parse) {
        Some(Reason::CardBusy) => false,
        Some(reason) => reason.class() == Class::Retry,
        None => true,
    }
}

/// What the operator says of the card itself is final. All else (a certificate of
/// ours that expired, a service that is not registered yet) can be mended, and
/// must not cost a citizen the application.
fn error(status: &Status) -> CarrierError {
    let detail = status.message().to_owned();
    let reason = reason_of(status);
    match reason.as_deref().and_then(Reason::parse) {
        Some(known) if ends_the_application(known) => CarrierError::Refused {
            reason: known.to_string(),
            detail,
        },
        _ => CarrierError::Unavailable {
            reason: reason.unwrap_or_else(|| Reason::CarrierUnreachable.to_string()),
            detail,
        },
    }
}

/// Whether a refusal is about the card, or about the state of the service on it.
fn ends_the_application(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CardUnknown
            | Reason::CardLocked
            | Reason::CardRefused
            | Reason::SeProfileNotQualified
            | Reason::SeNotEligible
            | Reason::InsufficientSeMemory
            | Reason::AidConflict
            | Reason::PackageImportMissing
            | Reason::WrongState
            | Reason::TenantForbidden
    )
}

/// The operator's answer; an error names the field that is missing or wrong.
fn change(answer: mno::Deployment, tenant: &Tenant) -> Result<ServiceChange, &'static str> {
    let observed = match answer.observed() {
        mno::ServiceState::Unspecified => None,
        known => Some(state(known).ok_or("observed")?),
    };
    let key_setup = match answer.key_setup() {
        types::KeySetup::CarrierTrusted => KeySetup::CarrierTrusted,
        _ => return Err("key_setup"),
    };
    let handover = answer.handover.as_ref().map(handover).transpose()?;
    Ok(ServiceChange {
        security_domain: Aid::new(&answer.security_domain_aid)
            .map_err(|_| "security_domain_aid")?,
        instance: Aid::new(&answer.instance_aid).map_err(|_| "instance_aid")?,
        scp_i: u8::try_from(answer.scp_i).map_err(|_| "scp_i")?,
        exchanges: answer.exchanges,
        deployment: Deployment {
            iccid: Iccid::new(&answer.iccid).map_err(|_| "iccid")?,
            service: ServiceName::new(&answer.service).map_err(|_| "service")?,
            provider: tenant.clone(),
            desired: state(answer.desired()).ok_or("desired")?,
            observed,
            is_stale: !answer.converged,
            problem: (!answer.problem.is_empty()).then(|| answer.problem.clone()),
            handover,
            key_setup,
            updated_at: moment("updated_at", answer.updated_at).map_err(|_| "updated_at")?,
        },
    })
}

fn handover(handover: &mno::KeyHandover) -> Result<KeyHandover, &'static str> {
    Ok(KeyHandover {
        key_version: u8::try_from(handover.key_version).map_err(|_| "handover.key_version")?,
        encapsulated_key: handover.encapsulated_key.to_vec(),
        ciphertext: handover.ciphertext.to_vec(),
    })
}

fn state(state: mno::ServiceState) -> Option<ServiceState> {
    Some(match state {
        mno::ServiceState::Absent => ServiceState::Absent,
        mno::ServiceState::Installed => ServiceState::Installed,
        mno::ServiceState::Active => ServiceState::Active,
        mno::ServiceState::Suspended => ServiceState::Suspended,
        mno::ServiceState::Unspecified => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsm_server::status::refusal;

    #[test]
    fn what_may_pass_by_itself_is_unavailable() {
        let busy = error(&refusal(Reason::CardBusy, "held"));
        assert!(matches!(busy, CarrierError::Unavailable { reason, .. } if reason == "CARD_BUSY"));
        let down = error(&Status::unavailable("connection refused"));
        assert!(matches!(down, CarrierError::Unavailable { .. }));
    }

    #[test]
    fn what_is_forbidden_is_refused() {
        let refused = error(&refusal(Reason::TenantForbidden, "no"));
        assert!(
            matches!(refused, CarrierError::Refused { reason, .. } if reason == "TENANT_FORBIDDEN")
        );
    }

    #[test]
    fn an_answer_without_its_fields_is_named() {
        let tenant = Tenant::new("j-lis").unwrap();
        assert_eq!(
            change(mno::Deployment::default(), &tenant),
            Err("key_setup")
        );
    }
}
