//! The `CardLink` port: scripts go through the operator's relay.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tonic::transport::Channel;
use tonic::{ConnectError, Status};
use tsm_core::error::Reason;
use tsm_core::identity::{Iccid, ServiceName};
use tsm_core::ports::{CardLink, Clock, LinkError, Script};
use tsm_core::time::Timestamp;
use tsm_proto::mno::ExchangeRequest;
use tsm_proto::mno::card_channel_client::CardChannelClient;
use tsm_server::convert::script_commands;
use tsm_server::status::reason_of;

/// The answer may need this much longer than the script's own deadline.
const MARGIN: Duration = Duration::from_secs(5);
/// Largest answer taken, in bytes: the responses of one script.
const MAX_ANSWER: usize = 2 << 20;

/// Cards behind the operator's relay, for one service.
pub struct RelayLink {
    channel: Channel,
    service: ServiceName,
    clock: Arc<dyn Clock>,
}

impl RelayLink {
    /// Scripts for the security domain of `service`, over `channel`.
    #[must_use]
    pub fn new(channel: Channel, service: ServiceName, clock: Arc<dyn Clock>) -> Self {
        Self {
            channel,
            service,
            clock,
        }
    }
}

#[async_trait]
impl CardLink for RelayLink {
    async fn exchange(
        &self,
        iccid: &Iccid,
        lease_epoch: u64,
        script: Script,
        deadline: Timestamp,
    ) -> Result<Vec<Vec<u8>>, LinkError> {
        let left = deadline.since(self.clock.now());
        if left.is_zero() {
            return Err(LinkError::Expired);
        }
        let mut request = tonic::Request::new(ExchangeRequest {
            iccid: iccid.to_string(),
            service: self.service.to_string(),
            lease_epoch,
            commands: script_commands(script),
        });
        request.set_timeout(left + MARGIN);
        let mut client =
            CardChannelClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        let answer = client
            .exchange(request)
            .await
            .map_err(|status| error(&status))?
            .into_inner();
        if answer.in_doubt {
            return Err(LinkError::InDoubt);
        }
        Ok(answer.responses.into_iter().map(Into::into).collect())
    }

    /// The operator is another organisation.
    fn is_own(&self) -> bool {
        false
    }
}

/// A script was not sent when the operator says so, or when there was no
/// connection to send it over. Everything else, a connection that broke above
/// all, leaves its effect in doubt.
fn error(status: &Status) -> LinkError {
    let Some(reason) = reason_of(status) else {
        return if never_connected(status) {
            LinkError::NotAttached
        } else {
            LinkError::InDoubt
        };
    };
    match Reason::parse(&reason) {
        Some(Reason::CardUnreachable) => LinkError::NotAttached,
        Some(Reason::ExpiredRequest) => LinkError::Expired,
        Some(Reason::CardBusy) => LinkError::StaleLease,
        Some(Reason::Overload) => LinkError::Overloaded,
        Some(Reason::ChannelLost | Reason::Internal) | None => LinkError::InDoubt,
        Some(_) => LinkError::Refused { reason },
    }
}

/// Whether the transport could not connect at all.
fn never_connected(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsm_server::status::refusal;

    #[tokio::test]
    async fn without_a_connection_nothing_was_sent() {
        struct Noon;
        impl Clock for Noon {
            fn now(&self) -> Timestamp {
                Timestamp(0)
            }
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let channel = Channel::from_shared(address).unwrap().connect_lazy();
        let link = RelayLink::new(channel, ServiceName::new("jpki").unwrap(), Arc::new(Noon));
        let iccid = Iccid::new("8981100000000000017").unwrap();
        let exchange = |deadline| link.exchange(&iccid, 1, Script::default(), Timestamp(deadline));
        assert_eq!(exchange(30_000).await, Err(LinkError::NotAttached));
        assert_eq!(exchange(0).await, Err(LinkError::Expired));
    }

    #[test]
    fn only_the_operator_s_word_says_that_nothing_was_sent() {
        assert_eq!(
            error(&refusal(Reason::CardUnreachable, "")),
            LinkError::NotAttached
        );
        assert_eq!(error(&refusal(Reason::CardBusy, "")), LinkError::StaleLease);
        assert_eq!(
            error(&refusal(Reason::ExpiredRequest, "")),
            LinkError::Expired
        );
        for lost in [
            Status::unavailable("broken pipe"),
            Status::deadline_exceeded("too late"),
            refusal(Reason::ChannelLost, ""),
            refusal(Reason::Internal, ""),
        ] {
            assert_eq!(error(&lost), LinkError::InDoubt, "{lost:?}");
        }
    }

    #[test]
    fn a_refusal_keeps_its_reason() {
        let refused = error(&refusal(Reason::RelayForbidden, ""));
        assert_eq!(
            refused,
            LinkError::Refused {
                reason: "RELAY_FORBIDDEN".to_owned()
            }
        );
    }
}
