//! `DeployService` to `TerminateService`: change what is desired, then converge.
//!
//! Deploying and activating need the card: when it can't be reached nothing
//! changes. Suspending, resuming and terminating hold at once for the server, and
//! the card follows when it is reached; the answer then is not converged yet.

use tonic::Status;
use tsm_core::card::deployment::{Deployment, ServiceState};
use tsm_core::error::{Class, Failure, Reason};
use tsm_core::identity::Iccid;
use tsm_core::procedure::converge::{self, ChangeRequest, ConvergeReport};
use tsm_core::time::Timestamp;
use tsm_proto::mno;
use tsm_server::convert::{iccid, request_id, service_name};
use tsm_server::status;

use super::shown;
use crate::card_work::HeldCard;
use crate::gateway;
use crate::metering::{self, MeteredLink};
use crate::state::{Admitted, State};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Deploy,
    Activate,
    Suspend,
    Resume,
    Terminate,
}

impl Change {
    fn desired(self) -> ServiceState {
        match self {
            Self::Deploy => ServiceState::Installed,
            Self::Activate | Self::Resume => ServiceState::Active,
            Self::Suspend => ServiceState::Suspended,
            Self::Terminate => ServiceState::Absent,
        }
    }

    /// The request as the domain takes it.
    pub(super) fn request(
        self,
        request: mno::ChangeServiceRequest,
    ) -> Result<ChangeRequest, Status> {
        Ok(ChangeRequest {
            request_id: request_id(&request.request_id)?.to_owned(),
            iccid: iccid(&request.iccid)?,
            service: service_name(&request.service)?,
            desired: self.desired(),
        })
    }

    /// Whether the server may go ahead and the card follow. Activating what is
    /// suspended is resuming.
    fn may_follow_later(self, current: Option<ServiceState>) -> bool {
        match self {
            Self::Suspend | Self::Resume | Self::Terminate => true,
            Self::Activate => current == Some(ServiceState::Suspended),
            Self::Deploy => false,
        }
    }

    /// Only what was active can be resumed; activating is for what was installed.
    fn check(self, current: Option<ServiceState>) -> Result<(), Status> {
        if self == Self::Resume
            && !matches!(
                current,
                Some(ServiceState::Active | ServiceState::Suspended)
            )
        {
            let message = "only a suspended service can be resumed";
            return Err(status::refusal(Reason::WrongState, message));
        }
        Ok(())
    }
}

pub(super) async fn run(
    state: &State,
    admitted: &Admitted,
    change: Change,
    request: &ChangeRequest,
    deadline: Timestamp,
) -> Result<mno::Deployment, Status> {
    let iccid = &request.iccid;
    let id = Deployment::id(iccid, &request.service);
    let found = state
        .store
        .load::<Deployment>(&id)
        .await
        .map_err(|error| status::of(&error))?;
    let current = found.as_ref().map(|found| found.value.desired);
    // Reading the card once more for a request that is done costs the provider nothing.
    let is_charged = !found
        .as_ref()
        .is_some_and(|found| current == Some(request.desired) && found.value.converged());
    if found
        .as_ref()
        .is_none_or(|found| found.value.provider == admitted.caller.tenant)
    {
        change.check(current)?;
    }

    if change.may_follow_later(current) {
        let deployment = desire(state, admitted, request).await?;
        return follow(state, admitted, deployment, is_charged, deadline).await;
    }
    if !gateway::is_attached(state, iccid) {
        // What the card was read back with before stands; the same request again is answered.
        let done =
            found.filter(|found| found.value.desired == request.desired && found.value.converged());
        if done.is_some() {
            let deployment = desire(state, admitted, request).await?;
            return shown(state, admitted, &deployment, 0).await;
        }
        return Err(status::refusal(
            Reason::CardUnreachable,
            "no device holds the card",
        ));
    }
    // The card first, so that no other worker takes up the change in between.
    let held = HeldCard::wait_for(state, iccid, deadline).await;
    let held = held.map_err(|error| status::of(&error))?;
    let link = MeteredLink::new(&state.link);
    let context = state.context_over(&link);
    let changed = match desire(state, admitted, request).await {
        Ok(_) => converge::converge(&context, iccid, held.epoch, deadline)
            .await
            .map_err(|error| status::of(&error)),
        Err(refused) => Err(refused),
    };
    if is_charged {
        let provider = &admitted.caller.tenant;
        metering::charge(state, provider, iccid, &request.service, link.traffic()).await;
    }
    held.release().await;
    let changed = changed?;
    log_converged(iccid, &changed);
    answer(state, admitted, request, &changed).await
}

/// Changes what is desired. Another tenant's attempt is recorded.
async fn desire(
    state: &State,
    admitted: &Admitted,
    request: &ChangeRequest,
) -> Result<Deployment, Status> {
    match converge::set_desired(&state.context(), &admitted.caller, request).await {
        Ok(deployment) => Ok(deployment),
        Err(error) if error.reason() == Reason::TenantForbidden => {
            let object = format!("service/{} on card/{}", request.service, request.iccid);
            let Admitted { caller, method, .. } = admitted;
            Err(state
                .deny(caller, *method, Reason::TenantForbidden, &object)
                .await)
        }
        Err(error) => Err(status::of(&error)),
    }
}

/// Brings the card to what is desired now, or leaves that to the background worker.
async fn follow(
    state: &State,
    admitted: &Admitted,
    deployment: Deployment,
    is_charged: bool,
    deadline: Timestamp,
) -> Result<mno::Deployment, Status> {
    let iccid = &deployment.iccid;
    match bring(state, &deployment, is_charged, deadline).await {
        Ok(Some(report)) => {
            log_converged(iccid, &report);
            let found = report
                .deployment(&deployment.service)
                .unwrap_or(&deployment);
            shown(state, admitted, found, report.exchanges).await
        }
        Ok(None) => shown(state, admitted, &deployment, 0).await,
        Err(error) if matches!(error.class(), Class::Retry | Class::Conflict) => {
            tracing::info!(?iccid, reason = %error.reason(), "the card will follow later");
            shown(state, admitted, &deployment, 0).await
        }
        Err(error) => Err(status::of(&error)),
    }
}

fn log_converged(iccid: &Iccid, report: &ConvergeReport) {
    for deployment in &report.deployments {
        tracing::info!(
            ?iccid,
            service = %deployment.service,
            desired = ?deployment.desired,
            observed = ?deployment.observed,
            problem = deployment.problem,
            exchanges = report.exchanges,
            "a card was read back"
        );
    }
}

/// Converges the card when it is attached.
async fn bring(
    state: &State,
    deployment: &Deployment,
    is_charged: bool,
    deadline: Timestamp,
) -> Result<Option<ConvergeReport>, Unfinished> {
    let iccid = &deployment.iccid;
    if !gateway::is_attached(state, iccid) {
        return Ok(None);
    }
    let held = HeldCard::wait_for(state, iccid, deadline).await?;
    let link = MeteredLink::new(&state.link);
    let context = state.context_over(&link);
    let converged = converge::converge(&context, iccid, held.epoch, deadline).await;
    let (provider, service) = (&deployment.provider, &deployment.service);
    if is_charged {
        metering::charge(state, provider, iccid, service, link.traffic()).await;
    }
    held.release().await;
    Ok(Some(converged?))
}

/// Why a card did not follow now.
#[derive(Debug, thiserror::Error)]
enum Unfinished {
    #[error(transparent)]
    Card(#[from] crate::card_work::Unavailable),
    #[error(transparent)]
    Converge(#[from] converge::ConvergeError),
}

impl Failure for Unfinished {
    fn reason(&self) -> Reason {
        match self {
            Self::Card(error) => error.reason(),
            Self::Converge(error) => error.reason(),
        }
    }
}

async fn answer(
    state: &State,
    admitted: &Admitted,
    request: &ChangeRequest,
    report: &ConvergeReport,
) -> Result<mno::Deployment, Status> {
    match report.deployment(&request.service) {
        Some(deployment) => shown(state, admitted, deployment, report.exchanges).await,
        None => {
            let unknown = "the service was never put on this card";
            Err(status::refusal(Reason::DeploymentUnknown, unknown))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_must_be_there_to_deploy_and_activate() {
        assert!(!Change::Deploy.may_follow_later(None));
        assert!(!Change::Activate.may_follow_later(Some(ServiceState::Installed)));
        assert!(Change::Activate.may_follow_later(Some(ServiceState::Suspended)));
        for change in [Change::Suspend, Change::Resume, Change::Terminate] {
            assert!(change.may_follow_later(Some(ServiceState::Active)));
        }
    }

    #[test]
    fn only_what_was_active_can_be_resumed() {
        assert!(Change::Resume.check(Some(ServiceState::Suspended)).is_ok());
        assert!(Change::Resume.check(Some(ServiceState::Active)).is_ok());
        assert!(Change::Resume.check(Some(ServiceState::Installed)).is_err());
        assert!(Change::Resume.check(None).is_err());
        assert!(
            Change::Activate
                .check(Some(ServiceState::Installed))
                .is_ok()
        );
    }
}
