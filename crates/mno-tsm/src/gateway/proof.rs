//! How a card proves itself behind a device that wants to take it over.
//!
//! One extra exchange: SELECT of the issuer's domain and INITIALIZE UPDATE with
//! a fresh challenge; the answer's card challenge and cryptogram must be those of
//! the card's own keys (GlobalPlatform Amendment D, 7.1.1). No session is opened
//! and nothing on the card changes but its sequence counter, which is recorded.

use std::time::Duration;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::select::Select;
use globalplatform::status_word::StatusWord;
use scp03::host::Host;
use scp03::parameters::ScpParameters;
use scp03::security_level::SecurityLevel;
use tokio::sync::oneshot;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tsm_core::card::counter::KeysetCounter;
use tsm_core::card::lease::Lease;
use tsm_core::card::uicc::Uicc;
use tsm_core::error::Reason;
use tsm_core::ports::{Batch, Script, ScriptCommand, StoreError};
use tsm_proto::card::DeviceMessage;
use tsm_server::status;

use crate::gateway::attachments::Job;
use crate::gateway::device::Device;
use crate::state::State;

/// How long the card may take to prove itself.
const LIMIT: Duration = Duration::from_secs(15);
/// How often the record of the counter is tried again after a race.
const ATTEMPTS: usize = 8;

/// Returns when the card behind `device` has proved that it has the card's keys.
///
/// # Errors
/// A status that says why not.
pub async fn prove<S>(state: &State, card: &Uicc, device: &mut Device<S>) -> Result<(), Status>
where
    S: Stream<Item = Result<DeviceMessage, Status>> + Unpin + Send,
{
    let parameters = ScpParameters::new(card.scp_i).map_err(|error| status::internal(&error))?;
    let keys = card
        .issuer_keys(state.vault.as_ref(), &state.issuer_master)
        .map_err(|error| status::of(&error))?;
    let mut challenge = vec![0; parameters.mode().length()];
    state
        .entropy
        .fill(&mut challenge)
        .map_err(|error| status::internal(&error))?;
    let host = Host::start(&keys, card.isd_key_version, parameters.mode(), &challenge)
        .map_err(|error| status::internal(&error))?;

    // A locked card still says who it is: SELECT then answers with a warning.
    let select = command(
        &Select::by_aid(card.isd_aid).to_apdu(),
        &[StatusWord::CARD_LOCKED],
    )?;
    let initialize = command(&host.command(), &[])?;
    let script = Script {
        commands: vec![select, initialize],
    };
    let responses = exchange(state, card, device, script).await?;

    let [_selected, answer] = responses.as_slice() else {
        return Err(not_proved());
    };
    let answer = ResponseApdu::decode(answer).map_err(|_| not_proved())?;
    let aid = card.isd_aid;
    let opened = host
        .receive(&answer, SecurityLevel::Authenticated, Some(aid.as_bytes()))
        .map_err(|_| not_proved())?;
    if let Some(counter) = opened.sequence_counter() {
        record(state, card, counter)
            .await
            .map_err(|error| status::of(&error))?;
    }
    Ok(())
}

fn command(apdu: &CommandApdu, accepted: &[StatusWord]) -> Result<ScriptCommand, Status> {
    let apdu = apdu.encode().map_err(|error| status::internal(&error))?;
    let accepted = [StatusWord::OK]
        .into_iter()
        .chain(accepted.iter().copied())
        .collect();
    Ok(ScriptCommand { apdu, accepted })
}

fn not_proved() -> Status {
    status::refusal(
        Reason::CardBusy,
        "another device holds the card, and it did not prove itself here",
    )
}

async fn exchange<S>(
    state: &State,
    card: &Uicc,
    device: &mut Device<S>,
    script: Script,
) -> Result<Vec<Vec<u8>>, Status>
where
    S: Stream<Item = Result<DeviceMessage, Status>> + Unpin + Send,
{
    // Devices refuse an epoch that is older than one they have seen.
    let lease = state.store.load::<Lease>(card.iccid.as_str()).await;
    let lease_epoch = lease
        .map_err(|e| status::of(&e))?
        .map_or(0, |lease| lease.value.epoch);
    let (answer, answered) = oneshot::channel();
    let job = Job {
        script,
        lease_epoch,
        deadline: state.clock.now().after(LIMIT),
        answer,
    };
    let never = CancellationToken::new();
    let played = tokio::time::timeout(LIMIT, device.play(0, job, &never)).await;
    match played {
        Ok(Ok(())) => answered
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(not_proved),
        Ok(Err(_)) | Err(_) => Err(not_proved()),
    }
}

/// The card has used `counter`: no script may be built for it any more. What
/// was in doubt stays so; only a session that reads the card ends that.
async fn record(state: &State, card: &Uicc, counter: u32) -> Result<(), StoreError> {
    let id = KeysetCounter::id(&card.iccid, &card.isd_aid, card.isd_key_version);
    for _ in 0..ATTEMPTS {
        let found = state.store.load::<KeysetCounter>(&id).await?;
        let (version, mut record) = found.map_or_else(Default::default, |f| (f.version, f.value));
        if !record.in_doubt() {
            record.confirmed = record.confirmed.max(counter);
        }
        record.sent = record.sent.max(counter);
        match state
            .store
            .commit(Batch::new().update(id.clone(), version, record))
            .await
        {
            Err(StoreError::Conflict(_)) => {}
            done => return done,
        }
    }
    tracing::warn!(iccid = ?card.iccid, "the sequence counter is changed by others all the time");
    Ok(())
}
