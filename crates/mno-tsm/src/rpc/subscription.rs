//! `SubscriptionService`: subscriptions on cards, and what happens to cards.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::audit::{self, Party, Step};
use tsm_core::card::uicc::Uicc;
use tsm_core::error::Reason;
use tsm_core::fleet::{CardEvent, Subscription};
use tsm_core::identity::Caller;
use tsm_core::ports::{Batch, StoreError};
use tsm_core::procedure::card_event::{self, Report, ReportError};
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::subscription_service_server::SubscriptionService;
use tsm_server::convert::iccid;
use tsm_server::status;

use crate::authorisation::Method;
use crate::convert::fleet as convert;
use crate::rpc;
use crate::rpc::request_id::RequestId;
use crate::rpc::uicc::within_reach;
use crate::state::State;

pub(crate) struct SubscriptionRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl SubscriptionService for SubscriptionRpc {
    async fn record_card_event(
        &self,
        request: Request<mno::RecordCardEventRequest>,
    ) -> Result<Response<mno::CardEvent>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeSubscriptions).await?;
        let request = request.into_inner();
        let iccid = iccid(&request.iccid)?;
        let report = convert::report(request.what)?;
        // `Debug` shortens numbers, so the digest is of the message's own words.
        let body = format!("{iccid} {}", convert::report_words(&report));
        let id = RequestId::new(&admitted, &request.request_id, body.as_bytes())?;
        let card = within_reach(&self.0, &admitted, iccid.as_str()).await?;
        if let Report::Tenant(tenant) = &report {
            let object = format!("tenant/{tenant}");
            self.0.require(&admitted, tenant, &object).await?;
        }
        if let Report::Move(new) = &report {
            within_reach(&self.0, &admitted, new.as_str()).await?;
        }
        let caller = &admitted.caller;
        let event = rpc::decide(|| record(&self.0, caller, &id, &card, &report)).await?;
        Ok(Response::new(convert::event(&event)))
    }

    async fn get_subscription(
        &self,
        request: Request<mno::GetSubscriptionRequest>,
    ) -> Result<Response<mno::Subscription>, Status> {
        let admitted = self.0.admit(&request, Method::ReadSubscriptions).await?;
        let card = within_reach(&self.0, &admitted, &request.get_ref().iccid).await?;
        let found = self.0.store.load::<Subscription>(card.iccid.as_str()).await;
        let found = found.map_err(|error| status::of(&error))?;
        let found = found.ok_or_else(|| {
            status::refusal(Reason::SubscriptionUnknown, "the card has no subscription")
        })?;
        Ok(Response::new(convert::subscription(
            &found.value,
            &card.tenant,
        )))
    }

    async fn list_card_events(
        &self,
        request: Request<mno::ListCardEventsRequest>,
    ) -> Result<Response<mno::ListCardEventsResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadSubscriptions).await?;
        let request = request.into_inner();
        let card = within_reach(&self.0, &admitted, &request.iccid).await?;
        let at = (request.page_size, request.page_token.as_str());
        let prefix = format!("{}/", card.iccid);
        let part = (Table::CardEvent, prefix.as_str());
        let (events, next_page_token) = self
            .0
            .page_of(&admitted, part, at, |record| match record {
                Record::CardEvent(event) => Some(convert::event(&event)),
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListCardEventsResponse {
            events,
            next_page_token,
        }))
    }
}

/// Records an event, or finds the one that the same request made.
async fn record(
    state: &State,
    caller: &Caller,
    id: &RequestId,
    card: &Uicc,
    report: &Report,
) -> Result<Result<CardEvent, Status>, StoreError> {
    let (store, iccid) = (state.store.as_ref(), &card.iccid);
    match id.outcome(state).await? {
        Err(refused) => return Ok(Err(refused)),
        Ok(Some(made)) => {
            let made = store.load::<CardEvent>(&made).await?;
            let lost = || status::refusal(Reason::Internal, "the event of the request is gone");
            return Ok(made.map(|made| made.value).ok_or_else(lost));
        }
        Ok(None) => {}
    }
    let (now, actor) = (state.clock.now(), caller.actor());
    let made = card_event::report(store, Batch::new(), iccid, report, &actor, now).await;
    let (batch, event) = match made {
        Ok(made) => made,
        Err(ReportError::Store(error)) => return Err(error),
        Err(refused) => return Ok(Err(status::of(&refused))),
    };
    let party = Party::issuer(&card.tenant, &state.carrier);
    let step = Step::by(caller, card.audit_subject(), now, party)
        .answered_by(&card.tenant)
        .of(&card.issuer)
        .on(iccid)
        .says(
            format!("event {}: {}", event.sequence, event.kind.as_str()),
            "recorded",
        );
    let batch = id.insert(batch, &CardEvent::id(iccid, event.sequence));
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(event))
}
