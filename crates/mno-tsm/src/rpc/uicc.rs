//! `UiccService`: the carrier's fleet.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::audit::{self, Party, Step};
use tsm_core::card::counter::KeysetCounter;
use tsm_core::card::uicc::Uicc;
use tsm_core::error::Reason;
use tsm_core::fleet::{ByTenant, CardOfEid, CardOfNumber};
use tsm_core::identity::Caller;
use tsm_core::ports::{Batch, StoreError};
use tsm_core::procedure::converge;
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::uicc_service_server::UiccService;
use tsm_server::convert::iccid;
use tsm_server::status::{self, invalid_field};

use crate::authorisation::Method;
use crate::card_work::HeldCard;
use crate::convert;
use crate::convert::fleet::Wanted;
use crate::gateway;
use crate::rpc;
use crate::state::{Admitted, State};

/// Key sets of one card that are looked at.
const KEYSETS: usize = 64;

pub(crate) struct UiccRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl UiccService for UiccRpc {
    async fn register_uicc(
        &self,
        request: Request<mno::RegisterUiccRequest>,
    ) -> Result<Response<mno::Uicc>, Status> {
        let admitted = self.0.admit(&request, Method::RegisterUicc).await?;
        let issuer = &admitted.caller.tenant;
        let (uicc, counter) = convert::delivered_uicc(request.get_ref(), issuer)?;
        if !admitted.reach.covers(&uicc.tenant) {
            let problem = "is neither the issuer of the card nor one that it hosts";
            return Err(invalid_field("tenant", problem));
        }
        let registered =
            rpc::decide(|| register(&self.0, &admitted.caller, &uicc, counter)).await?;
        Ok(Response::new(shown(&self.0, &registered).await?))
    }

    async fn get_uicc(
        &self,
        request: Request<mno::GetUiccRequest>,
    ) -> Result<Response<mno::Uicc>, Status> {
        let admitted = self.0.admit(&request, Method::ReadUiccs).await?;
        let uicc = within_reach(&self.0, &admitted, &request.get_ref().iccid).await?;
        Ok(Response::new(shown(&self.0, &uicc).await?))
    }

    async fn find_uicc(
        &self,
        request: Request<mno::FindUiccRequest>,
    ) -> Result<Response<mno::Uicc>, Status> {
        let admitted = self.0.admit(&request, Method::ReadUiccs).await?;
        let wanted = convert::fleet::wanted(request.into_inner())?;
        let iccid = iccid_of(&self.0, wanted).await?;
        let uicc = within_reach(&self.0, &admitted, &iccid).await?;
        Ok(Response::new(shown(&self.0, &uicc).await?))
    }

    async fn list_uiccs(
        &self,
        request: Request<mno::ListUiccsRequest>,
    ) -> Result<Response<mno::ListUiccsResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadUiccs).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let pages = self.0.pages(&admitted);
        let tenants = admitted.reach.tenants();
        let (found, next_page_token) = pages.ids_of_tenants(Table::Uicc, tenants, at).await?;
        let mut uiccs = Vec::with_capacity(found.len());
        for (tenant, id) in &found {
            let uicc = self.0.store.load::<Uicc>(id).await;
            match uicc.map_err(|error| status::of(&error))? {
                // Another tenant's since a moment ago.
                Some(uicc) if uicc.value.tenant != *tenant => {}
                Some(uicc) => uiccs.push(shown(&self.0, &uicc.value).await?),
                None => {}
            }
        }
        Ok(Response::new(mno::ListUiccsResponse {
            uiccs,
            next_page_token,
        }))
    }

    async fn audit_uicc(
        &self,
        request: Request<mno::AuditUiccRequest>,
    ) -> Result<Response<mno::Uicc>, Status> {
        let admitted = self.0.admit(&request, Method::AuditUicc).await?;
        let deadline = self.0.deadline(request.metadata());
        let uicc = within_reach(&self.0, &admitted, &request.get_ref().iccid).await?;
        let state = self.0.clone();
        let audited = rpc::finish(&self.0, async move {
            let iccid = &uicc.iccid;
            if !gateway::is_attached(&state, iccid) {
                return Err(status::refusal(
                    Reason::CardUnreachable,
                    "no device holds the card",
                ));
            }
            let held = HeldCard::wait_for(&state, iccid, deadline).await;
            let held = held.map_err(|error| status::of(&error))?;
            let audited = converge::audit(&state.context(), iccid, held.epoch, deadline).await;
            held.release().await;
            let report = audited.map_err(|error| status::of(&error))?;
            shown(
                &state,
                &Uicc {
                    content: Some(report.content),
                    ..uicc
                },
            )
            .await
        });
        Ok(Response::new(audited.await?))
    }
}

/// The ICCID of the card with a number, or in an eUICC. That there is none is told like that a card
/// is unknown.
async fn iccid_of(state: &State, wanted: Wanted) -> Result<String, Status> {
    let found = match wanted {
        Wanted::Iccid(iccid) => return Ok(iccid),
        Wanted::Msisdn(number) => {
            let found = state.store.load::<CardOfNumber>(number.as_str()).await;
            found.map(|found| found.map(|found| found.value.iccid))
        }
        Wanted::Eid(eid) => {
            let found = state.store.load::<CardOfEid>(eid.as_str()).await;
            found.map(|found| found.map(|found| found.value.iccid))
        }
    };
    let found = found.map_err(|error| status::of(&error))?;
    let unknown = || status::refusal(Reason::CardUnknown, "no such card is registered");
    Ok(found.ok_or_else(unknown)?.to_string())
}

/// The card, when there is one and the caller may see it.
pub(crate) async fn within_reach(
    state: &State,
    admitted: &Admitted,
    text: &str,
) -> Result<Uicc, Status> {
    let iccid = iccid(text)?;
    let found = state
        .store
        .load::<Uicc>(iccid.as_str())
        .await
        .map_err(|e| status::of(&e))?;
    let Some(found) = found else {
        return Err(status::refusal(
            Reason::CardUnknown,
            "no such card is registered",
        ));
    };
    state
        .require(admitted, &found.value.tenant, &format!("card/{iccid}"))
        .await?;
    Ok(found.value)
}

/// The card with what is known of it at this moment.
async fn shown(state: &State, uicc: &Uicc) -> Result<mno::Uicc, Status> {
    let prefix = format!("{}/", uicc.iccid);
    let counters = state
        .store
        .scan(Table::KeysetCounter, &prefix, None, KEYSETS)
        .await;
    let in_doubt = counters.map_err(|error| status::of(&error))?.iter().any(
        |(_, found)| matches!(&found.value, Record::KeysetCounter(counter) if counter.in_doubt()),
    );
    Ok(convert::uicc(
        uicc,
        gateway::is_attached(state, &uicc.iccid),
        in_doubt,
    ))
}

/// Registers a card, or finds it registered with the same content.
async fn register(
    state: &State,
    caller: &Caller,
    uicc: &Uicc,
    counter: u32,
) -> Result<Result<Uicc, Status>, StoreError> {
    let store = state.store.as_ref();
    if let Some(found) = store.load::<Uicc>(uicc.iccid.as_str()).await? {
        let same = Uicc {
            content: None,
            ..found.value.clone()
        } == *uicc;
        let other = "the card is registered with other data";
        return Ok(if same {
            Ok(found.value)
        } else {
            Err(status::refusal(Reason::AlreadyExists, other))
        });
    }
    let counter_id = KeysetCounter::id(&uicc.iccid, &uicc.isd_aid, uicc.isd_key_version);
    let counter = KeysetCounter {
        confirmed: counter,
        sent: counter,
        digest: None,
    };
    let batch = Batch::new()
        .insert(uicc.iccid.as_str(), uicc.clone())
        .insert(
            ByTenant::id(Table::Uicc, &uicc.tenant, uicc.iccid.as_str()),
            ByTenant,
        )
        .insert(counter_id, counter);
    let party = Party::issuer(&uicc.issuer, &state.carrier);
    let step = Step::by(caller, uicc.audit_subject(), state.clock.now(), party)
        .answered_by(&uicc.issuer)
        .of(&uicc.tenant)
        .on(&uicc.iccid)
        .says(format!("register card of {}", uicc.tenant), "registered");
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(uicc.clone()))
}
