//! `ProvisionCredential`: the work goes on when its caller goes away; whoever
//! calls again while it runs is told to come back.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tsm_core::error::Reason;
use tsm_core::identity::Caller;
use tsm_core::jpki::application::{Application, Stage};
use tsm_core::jpki::pin::Pin;
use tsm_core::procedure::provision::provision;
use tsm_proto::sp;
use tsm_server::status;
use zeroize::Zeroizing;

use crate::convert;
use crate::state::State;

/// Messages of one call: every stage, and the end.
const MESSAGES: usize = 64;

type Message = Result<sp::ProvisionProgress, Status>;

/// Starts the work; its progress comes from the stream.
pub(super) fn start(
    state: &Arc<State>,
    caller: Caller,
    request: sp::ProvisionCredentialRequest,
) -> Result<ReceiverStream<Message>, Status> {
    let text = Zeroizing::new(request.pin);
    let pin = Pin::new(&text)
        .map_err(|error| status::refusal(Reason::PinMalformed, &error.to_string()))?;
    let id = request.application_id;
    let Some(at_work) = state.take_application(&id) else {
        let busy = "another call is provisioning this application";
        return Err(status::refusal(Reason::Conflict, busy));
    };
    let Ok(room) = Arc::clone(&state.provisionings).try_acquire_owned() else {
        let full = "too many credentials are being provisioned at the moment";
        return Err(status::refusal(Reason::Overload, full));
    };
    let (sender, receiver) = mpsc::channel(MESSAGES);
    let working = Arc::clone(state);
    state.life.spawn(async move {
        let _held = (at_work, room);
        if let Some(first) = present(&working, &id).await {
            let _ = sender.try_send(Ok(first));
        }
        let last = work(&working, &caller, &id, &pin, &sender).await;
        // The caller may be gone; the result is stored.
        let _ = sender.try_send(last);
    });
    Ok(ReceiverStream::new(receiver))
}

/// The first message: where the application stands before any stage.
async fn present(state: &State, id: &str) -> Option<sp::ProvisionProgress> {
    // A store that fails, fails again in the work itself.
    let application = state.store.load::<Application>(id).await.ok()??;
    Some(sp::ProvisionProgress {
        application: Some(convert::application(&application.value)),
        stage: None,
        credential: None,
    })
}

async fn work(
    state: &State,
    caller: &Caller,
    id: &str,
    pin: &Pin,
    sender: &mpsc::Sender<Message>,
) -> Message {
    let progress = |application: &Application, stage: &Stage| {
        tracing::info!(
            application = id,
            stage = stage.name,
            exchanges = stage.exchanges,
            ms = stage.micros / 1_000,
            "a stage of a provisioning ended"
        );
        let message = sp::ProvisionProgress {
            application: Some(convert::application(application)),
            stage: Some(convert::stage(stage)),
            credential: None,
        };
        let _ = sender.try_send(Ok(message));
    };
    match provision(&state.provider(), caller, id, pin, &progress).await {
        Ok(done) => {
            tracing::info!(
                application = id,
                credential = done.credential.id,
                "provisioned"
            );
            let issuer = state.authority.issuer_certificate();
            Ok(sp::ProvisionProgress {
                application: Some(convert::application(&done.application)),
                stage: None,
                credential: Some(convert::credential(&done.credential, &issuer)),
            })
        }
        Err(error) => {
            let chain = tsm_server::tls::chain(&error);
            tracing::warn!(application = id, error = chain, "provisioning stopped");
            Err(status::of(&error))
        }
    }
}
