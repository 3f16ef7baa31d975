//! `CardGateway`: devices attach here.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tsm_proto::card::card_gateway_server::CardGateway;
use tsm_proto::card::{DeviceMessage, GatewayMessage};

use crate::authorisation::Method;
use crate::gateway;
use crate::state::State;

/// Messages that may wait on their way to one device.
const OUTBOUND: usize = 4;

pub(crate) struct GatewayRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl CardGateway for GatewayRpc {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<GatewayMessage, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<Streaming<DeviceMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let admitted = self.0.admit(&request, Method::Attach).await?;
        let inbound = request.into_inner();
        let (outbound, messages) = mpsc::channel(OUTBOUND);
        let state = self.0.clone();
        self.0.life.spawn(async move {
            gateway::serve(&state, &admitted.caller, &admitted.reach, inbound, outbound).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}
