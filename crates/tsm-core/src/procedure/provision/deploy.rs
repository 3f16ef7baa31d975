//! Stages `eligibility` and `deploy`: the operator checks the card and puts the applet on it.

use crate::audit::Party;
use crate::card::deployment::{Deployment, ServiceState};
use crate::error::Reason;
use crate::jpki::application::{Application, ApplicationEvent};
use crate::jpki::domain_session;
use crate::ports::{Batch, CarrierError, MissingRequirement, ServiceChange};

use super::{Done, ProvisionError, Run};

impl Run<'_> {
    /// Asks the operator whether the card can take the service. Writes nothing to the card.
    pub(super) async fn check_eligibility(&mut self) -> Result<(), ProvisionError> {
        let started = self.provider.now();
        let done = |exchanges| Done {
            name: "eligibility",
            party: Party::Carrier,
            exchanges,
            started,
        };
        let application = &self.application.value;
        let carrier = self.provider.carrier;
        let answer = carrier
            .check_eligibility(&application.iccid, &application.service)
            .await;
        let eligibility = match answer {
            Ok(eligibility) => eligibility,
            Err(CarrierError::Refused { reason, detail }) => {
                return self.refuse(done(0), reason, detail).await;
            }
            Err(error) => return Err(error.into()),
        };
        let done = done(eligibility.exchanges);
        match eligibility.missing.first() {
            None => {
                self.end_stage(Batch::new(), ApplicationEvent::Eligible, done)
                    .await
            }
            Some(first) => {
                let reason = first.reason.clone();
                self.refuse(done, reason, explain(&eligibility.missing))
                    .await
            }
        }
    }

    /// Has the operator install domain and applet, and takes the domain over.
    pub(super) async fn deploy(&mut self) -> Result<(), ProvisionError> {
        let started = self.provider.now();
        let done = |exchanges| Done {
            name: "deploy",
            party: Party::Carrier,
            exchanges,
            started,
        };
        let change = match self.install().await {
            Ok(change) => change,
            Err(CarrierError::Refused { reason, detail }) => {
                return self.refuse(done(0), reason, detail).await;
            }
            Err(error) => return Err(error.into()),
        };
        let deployment = &change.deployment;
        let is_wanted = matches!(
            deployment.desired,
            ServiceState::Installed | ServiceState::Active
        );
        if !(is_wanted && deployment.converged()) {
            return match deployment.problem.clone() {
                Some(problem) => {
                    let detail = "the operator could not install the service".to_owned();
                    self.refuse(done(change.exchanges), problem, detail).await
                }
                None => Err(not_converged(deployment)),
            };
        }
        let key_setup = deployment.key_setup;
        let batch = domain_session::take_over(&self.provider, Batch::new(), &change).await?;
        let event = ApplicationEvent::Deployed { key_setup };
        self.end_stage(batch, event, done(change.exchanges)).await
    }

    /// Has the operator install the service. What an ended credential left locked goes first: it takes no
    /// commands, and is not unlocked for anybody. The card's place is this application's, so nobody else's
    /// credential is there.
    async fn install(&self) -> Result<ServiceChange, CarrierError> {
        let change = self.ask("deploy", ServiceState::Installed).await;
        match change {
            Err(CarrierError::Refused { reason, .. }) if reason == Reason::WrongState.as_str() => {}
            change => return change,
        }
        let cleared = self.ask("clear", ServiceState::Absent).await?;
        if !cleared.deployment.converged() {
            return Ok(cleared);
        }
        let change = self.ask("deploy", ServiceState::Installed).await?;
        let exchanges = change.exchanges.saturating_add(cleared.exchanges);
        Ok(ServiceChange {
            exchanges,
            ..change
        })
    }

    /// Asks the operator for a state of the service; the same work has the same request id in every run.
    pub(super) async fn ask(
        &self,
        work: &str,
        desired: ServiceState,
    ) -> Result<ServiceChange, CarrierError> {
        let Application {
            id, iccid, service, ..
        } = &self.application.value;
        let request_id = format!("{id}-{work}");
        self.provider
            .carrier
            .change_service(&request_id, iccid, service, desired)
            .await
    }
}

/// Why a deployment does not count as done.
pub(super) fn not_converged(deployment: &Deployment) -> ProvisionError {
    let Deployment {
        desired,
        observed,
        problem,
        ..
    } = deployment;
    let problem = problem.as_deref().unwrap_or("no problem reported");
    ProvisionError::NotConverged(format!(
        "desired {desired:?}, observed {observed:?}, {problem}"
    ))
}

fn explain(missing: &[MissingRequirement]) -> String {
    let each: Vec<_> = missing
        .iter()
        .map(|missing| format!("{}: {}", missing.reason, missing.detail))
        .collect();
    each.join("; ")
}
