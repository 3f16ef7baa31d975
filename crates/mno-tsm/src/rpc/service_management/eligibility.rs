//! `CheckEligibility`: whether a card can take a service.

use tonic::Status;
use tsm_core::error::{Failure, Reason};
use tsm_core::identity::{Iccid, ServiceName};
use tsm_core::ports::Eligibility;
use tsm_core::procedure::converge;
use tsm_core::time::Timestamp;
use tsm_server::status;

use crate::card_work::HeldCard;
use crate::gateway;
use crate::metering::{self, MeteredLink};
use crate::state::{Admitted, State};

/// An epoch that no lease has: the card is not attached, so nothing will be sent.
const NO_LEASE: u64 = 0;

pub(super) async fn check(
    state: &State,
    admitted: &Admitted,
    iccid: &Iccid,
    service: &ServiceName,
    deadline: Timestamp,
) -> Result<Eligibility, Status> {
    let link = MeteredLink::new(&state.link);
    let (context, caller) = (state.context_over(&link), &admitted.caller);
    let checked = if gateway::is_attached(state, iccid) {
        let held = HeldCard::wait_for(state, iccid, deadline).await;
        let held = held.map_err(|error| status::of(&error))?;
        let epoch = held.epoch;
        let checked =
            converge::check_eligibility(&context, caller, iccid, service, epoch, deadline).await;
        held.release().await;
        checked
    } else {
        converge::check_eligibility(&context, caller, iccid, service, NO_LEASE, deadline).await
    };
    metering::charge(state, &caller.tenant, iccid, service, link.traffic()).await;
    match checked {
        Ok(eligibility) => Ok(eligibility),
        Err(error) if error.reason() == Reason::TenantForbidden => {
            let object = format!("service/{service}");
            Err(state
                .deny(caller, admitted.method, Reason::TenantForbidden, &object)
                .await)
        }
        Err(error) => Err(status::of(&error)),
    }
}
