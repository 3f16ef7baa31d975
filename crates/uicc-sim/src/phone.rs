//! The phone: dials the operator's gateway (`tsm.card.v1.CardGateway.Attach`), says which card it carries, and plays the
//! scripts that come.
//!
//! A connection that fails or ends is dialled again after a pause that grows with every failure. The phone keeps nothing
//! but the highest lease epoch: scripts under an older one are answered without playing a single command, and so are
//! scripts whose time is over.

pub mod script;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tsm_proto::card::card_gateway_client::CardGatewayClient;
use tsm_proto::card::{
    DeviceMessage, Hello, Script, ScriptResult, device_message, gateway_message,
};

use crate::contacts::CardContacts;

/// Results that wait for the network at most.
const OUTGOING: usize = 4;

/// How to reach the gateway.
#[derive(Debug, Clone)]
pub struct PhoneConfig {
    /// The gateway; with TLS from [`tsm_server::tls::ClientTls::endpoint`].
    pub gateway: Endpoint,
    /// Name and version of the phone's program, for support.
    pub agent: String,
    /// The pause after the first failure.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl PhoneConfig {
    /// The usual pauses: half a second to half a minute.
    #[must_use]
    pub fn new(gateway: Endpoint) -> Self {
        Self {
            gateway,
            agent: concat!("uicc-sim/", env!("CARGO_PKG_VERSION")).into(),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// A card in a phone, shared with whoever wants to look at it.
pub type SharedCard = Arc<Mutex<dyn CardContacts>>;

/// Keeps the card attached until `shutdown` is done. A script that is being played then ends on the card, but its answer
/// stays with the phone.
pub async fn attach(config: PhoneConfig, card: SharedCard, shutdown: impl Future<Output = ()>) {
    let mut phone = Phone {
        config,
        card,
        epoch: 0,
        card_lost: false,
    };
    tokio::select! {
        () = shutdown => {}
        () = phone.stay_attached() => {}
    }
}

struct Phone {
    config: PhoneConfig,
    card: SharedCard,
    /// Highest lease epoch seen.
    epoch: u64,
    /// The card has to be switched on again before the next script.
    card_lost: bool,
}

impl Phone {
    async fn stay_attached(&mut self) {
        let mut failures = 0;
        loop {
            let mut attached = false;
            match self.connection(&mut attached).await {
                Ok(()) => tracing::debug!("gateway closed the attachment"),
                Err(status) => tracing::info!(%status, "attachment ended"),
            }
            failures = if attached { 1 } else { failures + 1 };
            tokio::time::sleep(self.pause(failures)).await;
        }
    }

    /// Half the full pause for this many failures, and up to the other half by chance: cards that lost the same gateway
    /// do not all come back at once. The chance comes from the card's number, so that a run can be repeated.
    fn pause(&self, failures: u32) -> Duration {
        let doubled = 1u32 << failures.saturating_sub(1).min(16);
        let full = self.config.first_pause.saturating_mul(doubled);
        let full = full.min(self.config.longest_pause);
        let number = self.locked(|card| card.iccid());
        let spread = number.bytes().fold(failures, |sum, byte| {
            sum.wrapping_mul(16_777_619) ^ u32::from(byte)
        });
        full / 2 + (full / 2).mul_f64(f64::from(spread % 1000) / 1000.0)
    }

    /// One connection from hello to its end.
    async fn connection(&mut self, attached: &mut bool) -> Result<(), tonic::Status> {
        let unavailable = |error: tonic::transport::Error| {
            tonic::Status::unavailable(format!("gateway not reached: {error:?}"))
        };
        let channel = self.config.gateway.connect().await.map_err(unavailable)?;
        let (sender, receiver) = mpsc::channel(OUTGOING);
        send(&sender, device_message::Message::Hello(self.hello())).await?;
        let mut client = CardGatewayClient::new(channel);
        let mut incoming = client
            .attach(ReceiverStream::new(receiver))
            .await?
            .into_inner();
        while let Some(message) = incoming.message().await? {
            match message.message {
                Some(gateway_message::Message::Attached(_)) => {
                    *attached = true;
                    tracing::info!("attached");
                }
                Some(gateway_message::Message::Script(script)) => {
                    let result = self.play(script).await;
                    send(&sender, device_message::Message::Result(result)).await?;
                }
                None => tracing::warn!("message of an unknown kind"),
            }
        }
        Ok(())
    }

    fn hello(&self) -> Hello {
        self.locked(|card| Hello {
            iccid: card.iccid(),
            atr: card.atr().into(),
            agent: self.config.agent.clone(),
        })
    }

    async fn play(&mut self, script: Script) -> ScriptResult {
        let script_id = script.script_id.clone();
        let unplayed = ScriptResult {
            script_id: script_id.clone(),
            responses: Vec::new(),
            card_lost: false,
        };
        if script.lease_epoch < self.epoch || is_over(&script) {
            tracing::warn!(script_id, "script refused: old epoch, or too late");
            return unplayed;
        }
        self.epoch = script.lease_epoch;
        let (card, switch_on) = (Arc::clone(&self.card), self.card_lost);
        // The card computes and writes to its file: not on the runtime's threads.
        let played = tokio::task::spawn_blocking(move || {
            let mut card = card.lock().unwrap_or_else(PoisonError::into_inner);
            if switch_on {
                card.reset();
            }
            script::play(&mut *card, &script.commands)
        });
        let Ok(played) = played.await else {
            return ScriptResult {
                card_lost: true,
                ..unplayed
            };
        };
        self.card_lost = played.card_lost;
        ScriptResult {
            script_id,
            responses: played.responses.into_iter().map(Into::into).collect(),
            card_lost: played.card_lost,
        }
    }

    fn locked<T>(&self, look: impl FnOnce(&dyn CardContacts) -> T) -> T {
        look(&*self.card.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn send(
    sender: &mpsc::Sender<DeviceMessage>,
    message: device_message::Message,
) -> Result<(), tonic::Status> {
    let message = DeviceMessage {
        message: Some(message),
    };
    let gone = |_| tonic::Status::unavailable("the gateway does not listen any more");
    sender.send(message).await.map_err(gone)
}

/// Whether the script's deadline has passed.
fn is_over(script: &Script) -> bool {
    let Some(deadline) = script.deadline else {
        return false;
    };
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let deadline = (deadline.seconds, deadline.nanos);
    deadline
        < (
            i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            now.subsec_nanos() as i32,
        )
}
