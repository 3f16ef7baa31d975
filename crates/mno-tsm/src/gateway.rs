//! Phones that dial in (`proto/tsm/card/v1/gateway.proto`).
//!
//! The ICCID that a device names is only a claim. The first device that claims
//! a card gets it: a wrong one gains nothing, since no answer is believed before
//! the card's keys have vouched for it. While one device has the card, another
//! is a candidate: it takes over only after the card behind it has proved
//! itself ([`proof`]), or when the first one is gone.

pub mod attachments;
pub mod device;
pub mod proof;

use std::time::Duration;

use tokio_stream::Stream;
use tonic::Status;
use tsm_core::card::uicc::Uicc;
use tsm_core::error::Reason;
use tsm_core::identity::{Caller, Iccid};
use tsm_proto::card::{DeviceMessage, Hello};
use tsm_server::{convert, status};

use crate::authorisation::{Method, Reach};
use crate::gateway::attachments::{Entrance, Offer};
use crate::gateway::device::{Device, Outbound};
use crate::state::State;

/// How long a device may take to say which card it carries.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// Serves one device until it goes away, is replaced, or the server stops. A
/// device that is turned away learns the reason as the status of the stream.
pub async fn serve<S>(state: &State, caller: &Caller, reach: &Reach, inbound: S, outbound: Outbound)
where
    S: Stream<Item = Result<DeviceMessage, Status>> + Unpin + Send,
{
    let mut device = Device::new(inbound, outbound.clone(), state.clock.clone());
    if let Err(status) = admit_and_play(state, caller, reach, &mut device).await {
        // A device that is gone already does not hear it.
        let _ = outbound.send(Err(status)).await;
    }
}

async fn admit_and_play<S>(
    state: &State,
    caller: &Caller,
    reach: &Reach,
    device: &mut Device<S>,
) -> Result<(), Status>
where
    S: Stream<Item = Result<DeviceMessage, Status>> + Unpin + Send,
{
    let hello = device.hello(HELLO_LIMIT).await?;
    let card = claimed_card(state, caller, reach, &hello).await?;
    let entrance = enter(state, &card, device).await?;
    tracing::info!(iccid = ?card.iccid, agent = %shown(&hello.agent), "a device attached a card");
    let ended = device.serve(entrance, state.life.stopping()).await;
    tracing::info!(iccid = ?card.iccid, ?ended, "a device detached its card");
    ended.status().map_or(Ok(()), Err)
}

/// The record of the card that the device claims to hold.
async fn claimed_card(
    state: &State,
    caller: &Caller,
    reach: &Reach,
    hello: &Hello,
) -> Result<Uicc, Status> {
    let iccid = convert::iccid(&hello.iccid)?;
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
    if !reach.covers(&found.value.tenant) {
        let subject = format!("card/{iccid}");
        return Err(state
            .deny(caller, Method::Attach, Reason::TenantForbidden, &subject)
            .await);
    }
    Ok(found.value)
}

/// Attaches the device: as the first, or after the card has proved itself.
async fn enter<S>(state: &State, card: &Uicc, device: &mut Device<S>) -> Result<Entrance, Status>
where
    S: Stream<Item = Result<DeviceMessage, Status>> + Unpin + Send,
{
    let candidate = match state.attachments.offer(&card.iccid) {
        Offer::Accepted(entrance) => {
            device.say_attached().await?;
            return Ok(entrance);
        }
        Offer::Candidate(candidate) => candidate,
        Offer::Refused => {
            return Err(status::refusal(
                Reason::Overload,
                "too many devices are attached",
            ));
        }
    };
    device.say_attached().await?;
    match proof::prove(state, card, device).await {
        Ok(()) => {
            tracing::info!(iccid = ?card.iccid, "the card proved itself on another device");
            Ok(candidate.replace())
        }
        // The first device may have gone meanwhile; then this claim is as good as any.
        Err(refused) => candidate.claim().ok_or(refused),
    }
}

/// Text from a device, fit for a log line.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(64)
        .collect()
}

/// Whether a device holds the card now.
#[must_use]
pub fn is_attached(state: &State, iccid: &Iccid) -> bool {
    state.attachments.is_attached(iccid)
}
