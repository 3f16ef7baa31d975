//! The phone against a gateway in the same process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails in a test may panic, outside its test function too"
)]

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scp03::StaticKeys;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tsm_proto::card::card_gateway_server::{CardGateway, CardGatewayServer};
use tsm_proto::card::{
    Attached, DeviceMessage, GatewayMessage, Hello, Script, ScriptResult, device_message,
    gateway_message,
};
use tsm_proto::types::ScriptCommand;
use uicc_sim::faults::{Fault, Faulty};
use uicc_sim::phone::{PhoneConfig, SharedCard, attach};
use uicc_sim::{CardConfig, Uicc};

/// One attachment as the gateway sees it.
struct Attachment {
    hello: Hello,
    to_phone: mpsc::Sender<Result<GatewayMessage, Status>>,
    from_phone: Streaming<DeviceMessage>,
}

impl Attachment {
    async fn play(&mut self, script: Script) -> ScriptResult {
        let message = Some(gateway_message::Message::Script(script));
        self.to_phone
            .send(Ok(GatewayMessage { message }))
            .await
            .unwrap();
        match self.from_phone.next().await.unwrap().unwrap().message {
            Some(device_message::Message::Result(result)) => result,
            other => panic!("no result but {other:?}"),
        }
    }
}

struct Gateway(mpsc::Sender<Attachment>);

#[tonic::async_trait]
impl CardGateway for Gateway {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<GatewayMessage, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<Streaming<DeviceMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let mut from_phone = request.into_inner();
        let Some(device_message::Message::Hello(hello)) = from_phone.next().await.unwrap()?.message
        else {
            return Err(Status::invalid_argument("hello expected"));
        };
        let (to_phone, receiver) = mpsc::channel(4);
        let message = Some(gateway_message::Message::Attached(Attached {}));
        to_phone.send(Ok(GatewayMessage { message })).await.unwrap();
        let attachment = Attachment {
            hello,
            to_phone,
            from_phone,
        };
        self.0.send(attachment).await.unwrap();
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Starts a gateway and a phone with this card; attachments arrive at the receiver.
async fn start(card: SharedCard) -> (mpsc::Receiver<Attachment>, oneshot::Sender<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, attachments) = mpsc::channel(4);
    let server = Server::builder()
        .add_service(CardGatewayServer::new(Gateway(sender)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut config = PhoneConfig::new(endpoint);
    config.first_pause = Duration::from_millis(5);
    config.longest_pause = Duration::from_millis(20);
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    tokio::spawn(attach(config, card, shutdown));
    (attachments, stop)
}

fn card() -> Uicc {
    let keys = StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16]).unwrap();
    Uicc::new(CardConfig {
        kdd: [0; 10],
        memory_bytes: 65_536,
        seed: [0; 32],
        ..CardConfig::new("8981100000000000018", keys)
    })
    .unwrap()
}

fn script(id: &str, epoch: u64, commands: &[&str]) -> Script {
    let command = |hex: &&str| ScriptCommand {
        apdu: hex::decode(hex).unwrap().into(),
        accepted_status_words: Vec::new(),
    };
    Script {
        script_id: id.into(),
        lease_epoch: epoch,
        commands: commands.iter().map(command).collect(),
        deadline: None,
    }
}

const SELECT: &str = "00A4040C08A000000151000000";
const RECOGNITION: &str = "80CA006600";
const UNKNOWN: &str = "00A4040C05A0000000FF";

#[tokio::test]
async fn says_hello_and_plays_scripts_until_a_refusal() {
    let (mut attachments, _stop) = start(Arc::new(Mutex::new(card()))).await;
    let mut gateway = attachments.recv().await.unwrap();
    assert_eq!(gateway.hello.iccid, "8981100000000000018");
    assert_eq!(gateway.hello.atr, uicc_sim::config::DEFAULT_ATR.as_slice());
    let result = gateway.play(script("one", 1, &[SELECT, RECOGNITION])).await;
    assert_eq!(
        (result.script_id.as_str(), result.card_lost),
        ("one", false)
    );
    assert_eq!(result.responses.len(), 2);
    assert!(result.responses[1].ends_with(&[0x90, 0x00]));
    let result = gateway
        .play(script("two", 1, &[SELECT, UNKNOWN, RECOGNITION]))
        .await;
    assert_eq!(result.responses.len(), 2);
    assert_eq!(result.responses[1], [0x6A, 0x82].as_slice());
}

#[tokio::test]
async fn refuses_an_older_epoch_and_a_script_that_comes_too_late() {
    let (mut attachments, _stop) = start(Arc::new(Mutex::new(card()))).await;
    let mut gateway = attachments.recv().await.unwrap();
    assert_eq!(
        gateway
            .play(script("new", 7, &[SELECT]))
            .await
            .responses
            .len(),
        1
    );
    assert!(
        gateway
            .play(script("old", 6, &[SELECT]))
            .await
            .responses
            .is_empty()
    );
    let mut late = script("late", 7, &[SELECT]);
    late.deadline = Some(Default::default());
    let result = gateway.play(late).await;
    assert!(result.responses.is_empty() && !result.card_lost);
}

#[tokio::test]
async fn dials_again_after_the_connection_was_lost() {
    let (mut attachments, stop) = start(Arc::new(Mutex::new(card()))).await;
    for _ in 0..3 {
        let mut gateway = attachments.recv().await.unwrap();
        assert_eq!(
            gateway
                .play(script("s", 1, &[SELECT]))
                .await
                .responses
                .len(),
            1
        );
    }
    drop(stop);
}

#[tokio::test]
async fn reports_a_lost_card_and_switches_it_on_for_the_next_script() {
    let mut faulty = Faulty::new(card());
    faulty.plan(2, Fault::DisappearAfter);
    let (mut attachments, _stop) = start(Arc::new(Mutex::new(faulty))).await;
    let mut gateway = attachments.recv().await.unwrap();
    let result = gateway
        .play(script("torn", 1, &[SELECT, RECOGNITION, RECOGNITION]))
        .await;
    assert!(result.card_lost);
    assert_eq!(result.responses.len(), 1);
    let result = gateway
        .play(script("again", 1, &[SELECT, RECOGNITION]))
        .await;
    assert!(!result.card_lost);
    assert_eq!(result.responses.len(), 2);
}

#[tokio::test]
async fn stops_when_told_to() {
    let (mut attachments, stop) = start(Arc::new(Mutex::new(card()))).await;
    let mut gateway = attachments.recv().await.unwrap();
    stop.send(()).unwrap();
    let ended = gateway.from_phone.next().await;
    assert!(ended.is_none_or(|message| message.is_err()));
    assert!(attachments.try_recv().is_err());
}
