//! `tsm subscription …` and `tsm card events`.

use serde::Serialize;
use tsm_proto::mno;
use tsm_proto::mno::record_card_event_request::What;

use crate::cli::{Assurance, SubscriptionCommand};
use crate::client::Servers;
use crate::commands::application::new_request_id;
use crate::output::Output;

/// Events of a page.
const PAGE: u32 = 500;

fn assurance(assurance: Assurance) -> mno::HolderAssurance {
    match assurance {
        Assurance::Unverified => mno::HolderAssurance::Unverified,
        Assurance::Remote => mno::HolderAssurance::Remote,
        Assurance::FaceToFace => mno::HolderAssurance::FaceToFace,
    }
}

/// `SUBSCRIPTION_STATE_ACTIVE` as people write it.
fn words(name: &str, prefix: &str) -> String {
    let name = name.strip_prefix(prefix).unwrap_or(name);
    name.to_ascii_lowercase().replace('_', "-")
}

/// A moment of the wire, to the second, in UTC.
fn moment(at: Option<prost_types::Timestamp>) -> String {
    let at = at.and_then(|at| jiff::Timestamp::from_second(at.seconds).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.to_string())
}

/// An event, for people and programs.
#[derive(Debug, Serialize)]
struct EventView {
    iccid: String,
    sequence: u64,
    kind: String,
    at: String,
    actor: String,
    old: String,
    new: String,
}

impl From<mno::CardEvent> for EventView {
    fn from(event: mno::CardEvent) -> Self {
        Self {
            kind: words(event.kind().as_str_name(), "CARD_EVENT_KIND_"),
            at: moment(event.at),
            iccid: event.iccid,
            sequence: event.sequence,
            actor: event.actor,
            old: event.old_value,
            new: event.new_value,
        }
    }
}

impl EventView {
    fn text(&self) -> String {
        let change = match (self.old.as_str(), self.new.as_str()) {
            ("", "") => String::new(),
            ("", new) => format!(": {new}"),
            (old, new) => format!(": {old} → {new}"),
        };
        format!(
            "{:>3}  {}  {}{change}  ({})",
            self.sequence, self.at, self.kind, self.actor
        )
    }
}

/// A subscription, for people and programs.
#[derive(Debug, Serialize)]
struct SubscriptionView {
    iccid: String,
    msisdn: String,
    tenant: String,
    assurance: String,
    device: String,
    state: String,
    since: String,
}

impl From<mno::Subscription> for SubscriptionView {
    fn from(subscription: mno::Subscription) -> Self {
        Self {
            assurance: words(subscription.assurance().as_str_name(), "HOLDER_ASSURANCE_"),
            state: words(subscription.state().as_str_name(), "SUBSCRIPTION_STATE_"),
            since: moment(subscription.since),
            iccid: subscription.iccid,
            msisdn: subscription.msisdn,
            tenant: subscription.tenant,
            device: subscription.device,
        }
    }
}

impl SubscriptionView {
    fn text(&self) -> String {
        let device = match self.device.as_str() {
            "" => "device unknown".to_owned(),
            imei => format!("device {imei}"),
        };
        format!(
            "{}: +{} of {}, {} since {}, holder {}, {device}",
            self.iccid, self.msisdn, self.tenant, self.state, self.since, self.assurance
        )
    }
}

/// `tsm subscription …`.
///
/// # Errors
/// When the server does not answer or refuses.
pub async fn subscription(
    servers: &Servers,
    command: SubscriptionCommand,
    output: Output,
) -> anyhow::Result<()> {
    use mno::SubscriptionState as State;
    let state = |state: State| What::State(state.into());
    let (iccid, what) = match command {
        SubscriptionCommand::Show { iccid } => {
            let request = mno::GetSubscriptionRequest { iccid };
            let found = servers.subscriptions()?.get_subscription(request).await?;
            let view = SubscriptionView::from(found.into_inner());
            return output.print(&view, SubscriptionView::text);
        }
        SubscriptionCommand::Start {
            iccid,
            msisdn,
            assurance: how,
            device,
        } => {
            let start = mno::SubscriptionStart {
                msisdn,
                assurance: assurance(how).into(),
                device: device.unwrap_or_default(),
            };
            (iccid, What::Start(start))
        }
        SubscriptionCommand::Suspend { iccid } => (iccid, state(State::Suspended)),
        SubscriptionCommand::Resume { iccid } => (iccid, state(State::Active)),
        SubscriptionCommand::End { iccid } => (iccid, state(State::Ended)),
        SubscriptionCommand::Number { iccid, msisdn } => (iccid, What::Msisdn(msisdn)),
        SubscriptionCommand::Device { iccid, imei } => (iccid, What::Device(imei)),
        SubscriptionCommand::Assurance {
            iccid,
            assurance: how,
        } => (iccid, What::Assurance(assurance(how).into())),
        SubscriptionCommand::Tenant { iccid, tenant } => (iccid, What::Tenant(tenant)),
        SubscriptionCommand::Swap { iccid, new_iccid } => (iccid, What::NewIccid(new_iccid)),
    };
    let request = mno::RecordCardEventRequest {
        request_id: new_request_id(),
        iccid,
        what: Some(what),
    };
    let event = servers.subscriptions()?.record_card_event(request).await?;
    output.print(&EventView::from(event.into_inner()), EventView::text)
}

/// `tsm card events ICCID`.
///
/// # Errors
/// When the server does not answer or refuses.
pub async fn events(servers: &Servers, iccid: &str, output: Output) -> anyhow::Result<()> {
    let mut subscriptions = servers.subscriptions()?;
    let (mut events, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = mno::ListCardEventsRequest {
            iccid: iccid.to_owned(),
            page_size: PAGE,
            page_token,
        };
        let page = subscriptions.list_card_events(request).await?.into_inner();
        events.extend(page.events.into_iter().map(EventView::from));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    output.print(&events, |events| {
        let lines: Vec<_> = events.iter().map(EventView::text).collect();
        match lines.as_slice() {
            [] => "nothing yet".to_owned(),
            lines => lines.join("\n"),
        }
    })
}
