//! The `CardLink` port: scripts go through the operator's relay.

use std::time::Duration;

use async_trait::async_trait;
use tonic::Status;
use tonic::transport::Channel;
use tsm_core::error::Reason;
use tsm_core::identity::{Iccid, ServiceName};
use tsm_core::ports::{CardLink, Clock, LinkError, Script};
use tsm_core::time::Timestamp;
use tsm_proto::mno::ExchangeRequest;
use tsm_proto::mno::card_channel_client::CardChannelClient;
use tsm_server::convert::script_commands;
use tsm_server::status::reason_of;

use std::sync::Arc;

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
}

/// Only the operator's own word tells that a script was not sent. Everything
/// else, a broken connection above all, leaves its effect in doubt.
fn error(status: &Status) -> LinkError {
    let Some(reason) = reason_of(status) else {
        return LinkError::InDoubt;
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

#[cfg(test)]
mod tests {
    use super::*;
    use tsm_server::status::refusal;

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
