//! One device's stream: a script out, its responses in, one at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tsm_core::error::Reason;
use tsm_core::ports::{Clock, LinkError, Script};
use tsm_proto::card::device_message::Message as FromDevice;
use tsm_proto::card::gateway_message::Message as ToDevice;
use tsm_proto::card::{Attached, DeviceMessage, GatewayMessage, Hello, ScriptResult};
use tsm_server::{convert, status};

use crate::gateway::attachments::{Answer, Entrance, Job};

/// What goes to the device.
pub type Outbound = mpsc::Sender<Result<GatewayMessage, Status>>;

/// How long the way out may be blocked before the device counts as gone.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// How long after its deadline a script's answer may come: it may have been
/// started at the last moment.
const ANSWER_GRACE: Duration = Duration::from_secs(10);
/// Longest response APDU: 65536 bytes and a status word.
const MAX_RESPONSE: usize = 65_538;

/// Why a device's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The device went away.
    Gone,
    /// Another device took the card over.
    Replaced,
    /// A script got no answer in time.
    Silent,
    /// The device said something that it must not say.
    Misbehaved(&'static str),
    /// The server stops.
    Stopping,
}

impl Ended {
    /// What the device is told; nothing when it is not there to hear it.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        match self {
            Self::Gone => None,
            Self::Replaced => Some(status::refusal(
                Reason::CardBusy,
                "the card proved itself on another device",
            )),
            Self::Silent => Some(status::refusal(
                Reason::ChannelLost,
                "a script got no answer in time",
            )),
            Self::Misbehaved(what) => Some(status::refusal(Reason::InvalidArgument, what)),
            Self::Stopping => Some(Status::unavailable("the server stops; attach again")),
        }
    }
}

/// One device and its stream.
pub struct Device<S> {
    inbound: S,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    scripts: u64,
}

/// Answers a script that was sent; dropped without an answer, it is in doubt.
struct InFlight(Option<oneshot::Sender<Answer>>);

impl InFlight {
    fn answer(mut self, answer: Answer) {
        if let Some(sender) = self.0.take() {
            // Nobody waits any more when the caller was dropped.
            let _ = sender.send(answer);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(Err(LinkError::InDoubt));
        }
    }
}

impl<S> Device<S>
where
    S: Stream<Item = Result<DeviceMessage, Status>> + Unpin + Send,
{
    /// A device that has just connected.
    #[must_use]
    pub fn new(inbound: S, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self {
            inbound,
            outbound,
            clock,
            scripts: 0,
        }
    }

    /// Waits for the first message.
    ///
    /// # Errors
    /// A status when none comes in time, or it is no `hello`.
    pub async fn hello(&mut self, limit: Duration) -> Result<Hello, Status> {
        let wrong = || status::invalid_field("hello", "must be the first message");
        match tokio::time::timeout(limit, self.inbound.next()).await {
            Ok(Some(Ok(DeviceMessage {
                message: Some(FromDevice::Hello(hello)),
            }))) => Ok(hello),
            Ok(Some(Err(status))) => Err(status),
            Ok(_) => Err(wrong()),
            Err(_) => Err(Status::deadline_exceeded("no hello came")),
        }
    }

    /// Tells the device that scripts may follow.
    ///
    /// # Errors
    /// A status when the device is gone.
    pub async fn say_attached(&mut self) -> Result<(), Status> {
        let said = self.send(ToDevice::Attached(Attached {})).await;
        said.map_err(|_| Status::cancelled("the device is gone"))
    }

    /// Plays what is queued, until the device goes away or has to.
    pub async fn serve(
        &mut self,
        mut entrance: Entrance,
        stopping: impl Future<Output = ()>,
    ) -> Ended {
        tokio::pin!(stopping);
        let replaced = entrance.replaced.clone();
        loop {
            let job = tokio::select! {
                biased;
                () = replaced.cancelled() => return Ended::Replaced,
                () = &mut stopping => return Ended::Stopping,
                message = self.inbound.next() => return match message {
                    Some(Ok(_)) => Ended::Misbehaved("a result without a script"),
                    Some(Err(_)) | None => Ended::Gone,
                },
                job = entrance.jobs.recv() => job,
            };
            let Some(job) = job else {
                return Ended::Replaced;
            };
            if !entrance.is_current(job.lease_epoch) {
                let _ = job.answer.send(Err(LinkError::StaleLease));
                continue;
            }
            if let Err(ended) = self.play(entrance.number(), job, &replaced).await {
                return ended;
            }
        }
    }

    /// Plays one script and answers its job.
    ///
    /// # Errors
    /// [`Ended`] when the device can't be used any more; the job is answered then, too.
    pub async fn play(
        &mut self,
        attachment: u64,
        job: Job,
        replaced: &CancellationToken,
    ) -> Result<(), Ended> {
        let now = self.clock.now();
        if job.deadline <= now {
            let _ = job.answer.send(Err(LinkError::Expired));
            return Ok(());
        }
        self.scripts += 1;
        let script_id = format!("{attachment}-{}", self.scripts);
        let script = on_the_wire(&script_id, job.lease_epoch, job.deadline, &job.script);
        if self.send(ToDevice::Script(script)).await.is_err() {
            let _ = job.answer.send(Err(LinkError::NotAttached));
            return Err(Ended::Gone);
        }
        let in_flight = InFlight(Some(job.answer));
        let limit = job.deadline.since(now).saturating_add(ANSWER_GRACE);
        let received = tokio::select! {
            biased;
            () = replaced.cancelled() => return Err(Ended::Replaced),
            received = tokio::time::timeout(limit, self.inbound.next()) => received,
        };
        let result = match received {
            Err(_) => return Err(Ended::Silent),
            Ok(None | Some(Err(_))) => return Err(Ended::Gone),
            Ok(Some(Ok(DeviceMessage {
                message: Some(FromDevice::Result(result)),
            }))) => result,
            Ok(Some(Ok(_))) => return Err(Ended::Misbehaved("a message that is no result")),
        };
        let responses =
            check(result, &script_id, job.script.commands.len()).map_err(Ended::Misbehaved)?;
        in_flight.answer(Ok(responses));
        Ok(())
    }

    async fn send(&mut self, message: ToDevice) -> Result<(), Ended> {
        let message = Ok(GatewayMessage {
            message: Some(message),
        });
        match tokio::time::timeout(SEND_LIMIT, self.outbound.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Ended::Gone),
        }
    }
}

fn on_the_wire(
    script_id: &str,
    lease_epoch: u64,
    deadline: tsm_core::time::Timestamp,
    script: &Script,
) -> tsm_proto::card::Script {
    tsm_proto::card::Script {
        script_id: script_id.to_owned(),
        lease_epoch,
        commands: convert::script_commands(script.clone()),
        deadline: Some(convert::timestamp(deadline)),
    }
}

/// The responses of a result, when it can be one of this script.
fn check(
    result: ScriptResult,
    script_id: &str,
    commands: usize,
) -> Result<Vec<Vec<u8>>, &'static str> {
    if result.script_id != script_id {
        return Err("the result of another script");
    }
    if result.responses.len() > commands {
        return Err("more responses than commands");
    }
    if result
        .responses
        .iter()
        .any(|response| !(2..=MAX_RESPONSE).contains(&response.len()))
    {
        return Err("a response of impossible length");
    }
    Ok(result.responses.into_iter().map(Vec::from).collect())
}

#[cfg(test)]
mod tests {
    use tokio_stream::wrappers::ReceiverStream;
    use tsm_core::identity::Iccid;
    use tsm_core::ports::ScriptCommand;
    use tsm_core::time::Timestamp;

    use super::*;
    use crate::gateway::attachments::{Attachments, Offer};

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(1_000)
        }
    }

    /// The phone's end of an in-memory stream, and the gateway's in a task.
    struct Phone {
        to_gateway: mpsc::Sender<Result<DeviceMessage, Status>>,
        from_gateway: mpsc::Receiver<Result<GatewayMessage, Status>>,
        registry: Arc<Attachments>,
        served: tokio::task::JoinHandle<Ended>,
    }

    fn iccid() -> Iccid {
        Iccid::new("8981100000000000001").unwrap()
    }

    fn phone() -> Phone {
        let (arrivals, _) = mpsc::channel(1);
        let registry = Attachments::new(8, arrivals);
        let (to_gateway, inbound) = mpsc::channel(4);
        let (outbound, from_gateway) = mpsc::channel(4);
        let Offer::Accepted(entrance) = registry.offer(&iccid()) else {
            panic!("not accepted")
        };
        let served = tokio::spawn(async move {
            let inbound = ReceiverStream::new(inbound);
            let mut device = Device::new(inbound, outbound, Arc::new(Fixed));
            device.serve(entrance, std::future::pending()).await
        });
        Phone {
            to_gateway,
            from_gateway,
            registry,
            served,
        }
    }

    impl Phone {
        fn queue(&self, lease_epoch: u64, deadline: i64) -> oneshot::Receiver<Answer> {
            let (answer, received) = oneshot::channel();
            let command = ScriptCommand {
                apdu: vec![0x00, 0xA4, 0x04, 0x00],
                accepted: vec![],
            };
            let script = Script {
                commands: vec![command; 2],
            };
            let job = Job {
                script,
                lease_epoch,
                deadline: Timestamp(deadline),
                answer,
            };
            self.registry.send(&iccid(), job).unwrap();
            received
        }

        async fn script(&mut self) -> tsm_proto::card::Script {
            match self
                .from_gateway
                .recv()
                .await
                .unwrap()
                .unwrap()
                .message
                .unwrap()
            {
                ToDevice::Script(script) => script,
                other => panic!("{other:?}"),
            }
        }

        async fn answer(&self, script_id: &str, responses: &[&[u8]]) {
            let result = ScriptResult {
                script_id: script_id.to_owned(),
                responses: responses
                    .iter()
                    .map(|bytes| bytes.to_vec().into())
                    .collect(),
                card_lost: false,
            };
            let message = DeviceMessage {
                message: Some(FromDevice::Result(result)),
            };
            self.to_gateway.send(Ok(message)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn hands_scripts_out_and_answers_in() {
        let mut phone = phone();
        let answer = phone.queue(1, 5_000);
        let script = phone.script().await;
        assert_eq!(script.commands.len(), 2);
        assert_eq!(script.lease_epoch, 1);
        phone
            .answer(&script.script_id, &[&[0x90, 0x00], &[0x6A, 0x82]])
            .await;
        let responses = answer.await.unwrap().unwrap();
        assert_eq!(responses, [vec![0x90, 0x00], vec![0x6A, 0x82]]);
        // The card went away after the first command: fewer responses.
        let answer = phone.queue(1, 5_000);
        let script = phone.script().await;
        phone.answer(&script.script_id, &[&[0x90, 0x00]]).await;
        assert_eq!(answer.await.unwrap().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_phone_that_disappears_in_mid_script_leaves_doubt() {
        let mut phone = phone();
        let answer = phone.queue(1, 5_000);
        phone.script().await;
        drop(phone.to_gateway);
        assert_eq!(answer.await.unwrap(), Err(LinkError::InDoubt));
        assert_eq!(phone.served.await.unwrap(), Ended::Gone);
        assert!(!phone.registry.is_attached(&iccid()));
    }

    #[tokio::test]
    async fn what_was_only_queued_was_never_sent() {
        let mut phone = phone();
        let _first = phone.queue(1, 5_000);
        let second = phone.queue(1, 5_000);
        phone.script().await;
        drop(phone.to_gateway);
        phone.served.await.unwrap();
        assert!(second.await.is_err(), "no answer means: not sent");
    }

    #[tokio::test]
    async fn sends_nothing_late_and_nothing_of_an_older_epoch() {
        let phone = phone();
        let late = phone.queue(1, 1_000);
        assert_eq!(late.await.unwrap(), Err(LinkError::Expired));
        let newer = phone.queue(3, 5_000);
        let older = phone.queue(2, 5_000);
        let mut phone = phone;
        let script = phone.script().await;
        assert_eq!(script.lease_epoch, 3);
        phone.answer(&script.script_id, &[]).await;
        newer.await.unwrap().unwrap();
        assert_eq!(older.await.unwrap(), Err(LinkError::StaleLease));
    }

    #[tokio::test]
    async fn a_device_that_misbehaves_is_sent_away() {
        for (script_id, responses) in [
            ("7-7", vec![]),
            ("", vec![&[0x90, 0x00][..]; 3]),
            ("", vec![&[0x90][..]]),
        ] {
            let mut phone = phone();
            let answer = phone.queue(1, 5_000);
            let script = phone.script().await;
            let id = if script_id.is_empty() {
                &script.script_id
            } else {
                script_id
            };
            phone.answer(id, &responses).await;
            assert_eq!(answer.await.unwrap(), Err(LinkError::InDoubt));
            assert!(matches!(phone.served.await.unwrap(), Ended::Misbehaved(_)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_device_is_given_up() {
        let mut phone = phone();
        let answer = phone.queue(1, 5_000);
        phone.script().await;
        assert_eq!(answer.await.unwrap(), Err(LinkError::InDoubt));
        assert_eq!(phone.served.await.unwrap(), Ended::Silent);
    }

    #[tokio::test]
    async fn a_replaced_device_leaves_its_script_in_doubt() {
        let mut phone = phone();
        let answer = phone.queue(1, 5_000);
        phone.script().await;
        let Offer::Candidate(candidate) = phone.registry.offer(&iccid()) else {
            panic!("free")
        };
        let _entrance = candidate.replace();
        assert_eq!(answer.await.unwrap(), Err(LinkError::InDoubt));
        assert_eq!(phone.served.await.unwrap(), Ended::Replaced);
    }
}
