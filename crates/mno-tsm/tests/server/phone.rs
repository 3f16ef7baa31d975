//! A phone under the test's control, and the one thing of a card that the
//! gateway itself asks for: the answer to INITIALIZE UPDATE.

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::initialize_update::InitializeUpdate;
use scp03::{CardChallenge, CardSession, MasterKey, ScpParameters, StaticKeys};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tsm_core::identity::Role;
use tsm_proto::card::card_gateway_client::CardGatewayClient;
use tsm_proto::card::device_message::Message as FromDevice;
use tsm_proto::card::gateway_message::Message as ToDevice;
use tsm_proto::card::{DeviceMessage, GatewayMessage, Hello, Script, ScriptResult};

use crate::world::{ISD, KDD, MASTER, World};

pub struct Phone {
    to: mpsc::Sender<DeviceMessage>,
    from: Streaming<GatewayMessage>,
}

impl Phone {
    /// Dials in and says which card it carries.
    pub async fn dial(world: &World, tenant: &str, iccid: &str) -> Self {
        let channel = world.channel(tenant, Role::Device).await;
        let (to, messages) = mpsc::channel(4);
        let hello = Hello {
            iccid: iccid.to_owned(),
            ..Hello::default()
        };
        to.send(DeviceMessage {
            message: Some(FromDevice::Hello(hello)),
        })
        .await
        .unwrap();
        let messages = ReceiverStream::new(messages);
        let attached = CardGatewayClient::new(channel)
            .attach(messages)
            .await
            .unwrap();
        Self {
            to,
            from: attached.into_inner(),
        }
    }

    /// Dials in and is attached.
    pub async fn attach(world: &World, iccid: &str) -> Self {
        let mut phone = Self::dial(world, "carrier", iccid).await;
        assert!(matches!(
            phone.next().await,
            Ok(Some(ToDevice::Attached(_)))
        ));
        phone
    }

    pub async fn next(&mut self) -> Result<Option<ToDevice>, Status> {
        Ok(self
            .from
            .message()
            .await?
            .and_then(|message| message.message))
    }

    pub async fn script(&mut self) -> Script {
        match self.next().await {
            Ok(Some(ToDevice::Script(script))) => script,
            other => panic!("no script: {other:?}"),
        }
    }

    pub async fn answer(&self, script: &Script, responses: &[Vec<u8>]) {
        let result = ScriptResult {
            script_id: script.script_id.clone(),
            responses: responses.iter().map(|bytes| bytes.clone().into()).collect(),
            card_lost: false,
        };
        self.to
            .send(DeviceMessage {
                message: Some(FromDevice::Result(result)),
            })
            .await
            .unwrap();
    }

    /// Answers the gateway's question whether the card is there, with the keys
    /// of this master key.
    pub async fn prove(&mut self, master: &[u8; 16], counter: u32) {
        let script = self.script().await;
        self.answer(&script, &proof(&script, master, counter)).await;
    }

    pub async fn prove_genuine(&mut self, counter: u32) {
        self.prove(&MASTER, counter).await;
    }
}

/// What a card with the keys of this master key answers to the gateway's question.
pub fn proof(script: &Script, master: &[u8; 16], counter: u32) -> [Vec<u8>; 2] {
    let [_select, question] = script.commands.as_slice() else {
        panic!("not the gateway's question");
    };
    let question = CommandApdu::decode(&question.apdu).unwrap();
    let question = InitializeUpdate::from_apdu(&question).unwrap();
    let keys = StaticKeys::kdf3(&MasterKey::from_bytes(master).unwrap(), &KDD);
    let challenge = CardChallenge::PseudoRandom { counter, aid: &ISD };
    let parameters = ScpParameters::new(0x70).unwrap();
    let opened = CardSession::initialize_update(
        &keys,
        parameters,
        0x30,
        KDD,
        challenge,
        &question.host_challenge,
    );
    let (_, response) = opened.unwrap();
    [vec![0x90, 0x00], response.encode()]
}
