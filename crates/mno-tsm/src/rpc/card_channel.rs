//! `CardChannel`: the relay between a provider and its security domain.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};
use tsm_core::card::catalogue::ServiceDefinition;
use tsm_core::card::deployment::{Deployment, ServiceState};
use tsm_core::card::lease::Lease;
use tsm_core::error::Reason;
use tsm_core::identity::Iccid;
use tsm_core::ports::{CardLink, LinkError, Script};
use tsm_core::procedure::lease;
use tsm_core::record::{Record, Table};
use tsm_core::time::Timestamp;
use tsm_proto::mno;
use tsm_proto::mno::card_channel_server::CardChannel;
use tsm_server::convert::{iccid, script, service_name, timestamp};
use tsm_server::status::{self, invalid_field};

use crate::authorisation::Method;
use crate::card_work;
use crate::metering::{self, MeteredLink};
use crate::relay::filter;
use crate::rpc;
use crate::state::{Admitted, State};

/// Longest lease that a provider gets at a time, in seconds.
const LONGEST_LEASE_S: u32 = 300;
/// Lease when the provider does not say how long, in seconds.
const USUAL_LEASE_S: u32 = 60;
/// Most bytes of a holder's name.
const MAX_HOLDER: usize = 128;
/// Services on one card that are looked at.
const SERVICES: usize = 256;

pub(crate) struct CardChannelRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl CardChannel for CardChannelRpc {
    async fn acquire_lease(
        &self,
        request: Request<mno::AcquireLeaseRequest>,
    ) -> Result<Response<mno::Lease>, Status> {
        let admitted = self.0.admit(&request, Method::UseChannel).await?;
        let request = request.into_inner();
        let iccid = iccid(&request.iccid)?;
        let holder = holder(&admitted, &request.holder)?;
        let seconds = match request.duration_s {
            0 => USUAL_LEASE_S,
            asked => asked.min(LONGEST_LEASE_S),
        };
        require_service_on_card(&self.0, &admitted, &iccid).await?;
        let duration = Duration::from_secs(seconds.into());
        let (store, clock) = (self.0.store.as_ref(), self.0.clock.as_ref());
        end_lease_of_the_dead(&self.0, &iccid, &holder).await?;
        let lease = lease::acquire(store, clock, &iccid, &holder, duration).await;
        let lease = lease.map_err(|error| status::of(&error))?;
        Ok(Response::new(mno::Lease {
            iccid: iccid.to_string(),
            epoch: lease.epoch,
            expires_at: Some(timestamp(lease.expires_at)),
        }))
    }

    async fn release_lease(
        &self,
        request: Request<mno::ReleaseLeaseRequest>,
    ) -> Result<Response<mno::ReleaseLeaseResponse>, Status> {
        let admitted = self.0.admit(&request, Method::UseChannel).await?;
        let request = request.into_inner();
        let iccid = iccid(&request.iccid)?;
        // Giving back a lease that ended, or never was, changes nothing.
        if own_lease(&self.0, &admitted, &iccid, request.epoch)
            .await?
            .is_some()
        {
            let released = card_work::release(&self.0, &iccid, request.epoch).await;
            released.map_err(|error| status::of(&error))?;
        }
        Ok(Response::new(mno::ReleaseLeaseResponse {}))
    }

    async fn exchange(
        &self,
        request: Request<mno::ExchangeRequest>,
    ) -> Result<Response<mno::ExchangeResponse>, Status> {
        let admitted = self.0.admit(&request, Method::UseChannel).await?;
        let deadline = self.0.deadline(request.metadata());
        let request = request.into_inner();
        let iccid = iccid(&request.iccid)?;
        let script = passed(
            &self.0,
            &admitted,
            &iccid,
            &request.service,
            request.commands,
        )
        .await?;
        let epoch = request.lease_epoch;
        if own_lease(&self.0, &admitted, &iccid, epoch)
            .await?
            .is_none()
        {
            return Err(status::of(&LinkError::StaleLease));
        }
        let state = self.0.clone();
        let (provider, service) = (admitted.caller.tenant, service_name(&request.service)?);
        let relayed = rpc::finish(&self.0, async move {
            let link = MeteredLink::new(&state.link);
            let relayed = relay(&state, &link, &iccid, epoch, script, deadline).await;
            metering::charge(&state, &provider, &iccid, &service, link.traffic()).await;
            relayed
        });
        Ok(Response::new(relayed.await?))
    }
}

/// Plays a script that may pass, and shows it in the relay log.
async fn relay(
    state: &State,
    link: &MeteredLink<'_>,
    iccid: &Iccid,
    epoch: u64,
    script: Script,
    deadline: Timestamp,
) -> Result<mno::ExchangeResponse, Status> {
    let _room = state
        .cards_at_work
        .try_acquire()
        .map_err(|_| status::of(&card_work::Unavailable::Overload))?;
    let answer = link.exchange(iccid, epoch, script.clone(), deadline).await;
    let now = state.clock.now();
    match answer {
        Ok(responses) => {
            state.relay_log.write(now, iccid, &script, &responses);
            let responses = responses.into_iter().map(Into::into).collect();
            Ok(mno::ExchangeResponse {
                responses,
                in_doubt: false,
            })
        }
        Err(error) if error.may_have_run() => {
            state.relay_log.write(now, iccid, &script, &[]);
            Ok(mno::ExchangeResponse {
                responses: Vec::new(),
                in_doubt: true,
            })
        }
        Err(error) => Err(status::of(&error)),
    }
}

/// The script, when the provider may send it to the card.
async fn passed(
    state: &State,
    admitted: &Admitted,
    iccid: &Iccid,
    service: &str,
    commands: Vec<tsm_proto::types::ScriptCommand>,
) -> Result<Script, Status> {
    let service = service_name(service)?;
    let store = state.store.as_ref();
    let definition = store.load::<ServiceDefinition>(service.as_str()).await;
    let Some(definition) = definition.map_err(|error| status::of(&error))? else {
        return Err(status::refusal(
            Reason::ServiceUnknown,
            "no such service is registered",
        ));
    };
    let object = format!("service/{service} on card/{iccid}");
    state
        .require(admitted, &definition.value.provider, &object)
        .await?;
    let deployment = store
        .load::<Deployment>(&Deployment::id(iccid, &service))
        .await;
    let deployment = deployment.map_err(|error| status::of(&error))?;
    let Some(deployment) = deployment.filter(|found| is_or_may_be_on_card(&found.value)) else {
        let unknown = "the service is not on this card";
        return Err(status::refusal(Reason::DeploymentUnknown, unknown));
    };
    state
        .require(admitted, &deployment.value.provider, &object)
        .await?;
    let script = script(commands)?;
    if let Err(forbidden) = filter::check(&script, &definition.value.security_domain) {
        let Admitted { caller, method, .. } = admitted;
        let status = state
            .deny(caller, *method, Reason::RelayForbidden, &object)
            .await;
        // The provider may know which command it was; a failure of ours it may not.
        return Err(match status.code() {
            tonic::Code::PermissionDenied => {
                status::refusal(Reason::RelayForbidden, &forbidden.to_string())
            }
            _ => status,
        });
    }
    Ok(script)
}

fn is_or_may_be_on_card(deployment: &Deployment) -> bool {
    deployment.desired != ServiceState::Absent
        || !matches!(deployment.observed, None | Some(ServiceState::Absent))
}

/// The name under which a provider's worker holds a lease; other tenants and
/// this server itself can't have it.
fn holder(admitted: &Admitted, name: &str) -> Result<String, Status> {
    if name.is_empty() || name.len() > MAX_HOLDER || !name.bytes().all(|b| b.is_ascii_graphic()) {
        let problem = "must be 1 to 128 visible ASCII characters";
        return Err(invalid_field("holder", problem));
    }
    Ok(format!("{}/{name}", admitted.caller.tenant))
}

/// Ends the lease that an earlier start of the same server still holds: whoever
/// worked under it died with it.
async fn end_lease_of_the_dead(state: &State, iccid: &Iccid, holder: &str) -> Result<(), Status> {
    let found = state.store.load::<Lease>(iccid.as_str()).await;
    let Some(found) = found.map_err(|error| status::of(&error))? else {
        return Ok(());
    };
    if !is_later_start(&found.value.holder, holder) {
        return Ok(());
    }
    let released = card_work::release(state, iccid, found.value.epoch).await;
    released.map_err(|error| status::of(&error))
}

/// Whether `holder` is the same server as `earlier`, started anew.
fn is_later_start(earlier: &str, holder: &str) -> bool {
    let parts = |name: &str| -> Option<(String, String)> {
        let mut parts = name.splitn(3, ':');
        let (server, start) = (parts.next()?, parts.next()?);
        parts.next().map(|_| (server.to_owned(), start.to_owned()))
    };
    match (parts(earlier), parts(holder)) {
        (Some((server, before)), Some((same, now))) => server == same && before < now,
        _ => false,
    }
}

/// The lease of this epoch, when it is the newest and a worker of the caller's
/// tenant holds it.
async fn own_lease(
    state: &State,
    admitted: &Admitted,
    iccid: &Iccid,
    epoch: u64,
) -> Result<Option<Lease>, Status> {
    let found = state
        .store
        .load::<Lease>(iccid.as_str())
        .await
        .map_err(|e| status::of(&e))?;
    let own = format!("{}/", admitted.caller.tenant);
    Ok(found
        .map(|found| found.value)
        .filter(|lease| lease.epoch == epoch && lease.holder.starts_with(&own)))
}

/// A provider may hold only cards that carry, or shall carry, a service of its own.
async fn require_service_on_card(
    state: &State,
    admitted: &Admitted,
    iccid: &Iccid,
) -> Result<(), Status> {
    let prefix = format!("{iccid}/");
    let found = state
        .store
        .scan(Table::Deployment, &prefix, None, SERVICES)
        .await;
    let own = found
        .map_err(|error| status::of(&error))?
        .iter()
        .any(|(_, found)| {
            matches!(&found.value, Record::Deployment(deployment)
            if is_or_may_be_on_card(deployment)
                && admitted.reach.covers(&deployment.provider))
        });
    if own {
        return Ok(());
    }
    let Admitted { caller, method, .. } = admitted;
    Err(state
        .deny(
            caller,
            *method,
            Reason::TenantForbidden,
            &format!("card/{iccid}"),
        )
        .await)
}

#[cfg(test)]
mod tests {
    use super::is_later_start;

    #[test]
    fn only_a_later_start_of_the_same_server_takes_over() {
        let held = "j-lis/sp-1:0002:a";
        assert!(is_later_start(held, "j-lis/sp-1:0003:b"));
        assert!(!is_later_start(held, "j-lis/sp-1:0002:b"));
        assert!(!is_later_start(held, "j-lis/sp-1:0001:b"));
        assert!(!is_later_start(held, "j-lis/sp-2:0003:b"));
        assert!(!is_later_start(held, "other/sp-1:0003:b"));
        assert!(!is_later_start("j-lis/plain", "j-lis/plain"));
    }
}
