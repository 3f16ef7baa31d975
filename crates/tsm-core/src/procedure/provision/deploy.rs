//! Stages `eligibility` and `deploy`: the operator checks the card and puts the applet on it.

use crate::audit::Party;
use crate::card::deployment::{Deployment, ServiceState};
use crate::jpki::application::ApplicationEvent;
use crate::jpki::domain_session;
use crate::ports::{Batch, CarrierError, MissingRequirement};

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
        let application = &self.application.value;
        let request_id = format!("{}-deploy", application.id);
        let answer = self
            .provider
            .carrier
            .change_service(
                &request_id,
                &application.iccid,
                &application.service,
                ServiceState::Installed,
            )
            .await;
        let change = match answer {
            Ok(change) => change,
            Err(CarrierError::Refused { reason, detail }) => {
                return self.refuse(done(0), reason, detail).await;
            }
            Err(error) => return Err(error.into()),
        };
        let deployment = &change.deployment;
        if !(deployment.desired == ServiceState::Installed && deployment.converged()) {
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
