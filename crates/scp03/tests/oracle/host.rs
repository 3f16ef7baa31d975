//! Our host end, one step a request.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use scp03::keys::SessionKeys;
use scp03::{AwaitingAuthentication, AwaitingChallenge, Channel, Host, Mode, SecurityLevel};

use crate::link::{bytes, number, word};
use crate::{static_keys, text};

/// How far the session is.
#[derive(Default)]
pub enum HostEnd {
    /// No session, or one that has failed.
    #[default]
    Nothing,
    /// INITIALIZE UPDATE is on its way.
    Challenging(AwaitingChallenge),
    /// EXTERNAL AUTHENTICATE is on its way.
    Authenticating(AwaitingAuthentication),
    /// The session is open.
    Open(Channel),
}

impl HostEnd {
    /// Answers one request:
    ///
    /// * `start ENC MAC DEK MODE VERSION CHALLENGE CHANNEL` → INITIALIZE UPDATE
    /// * `receive RESPONSE LEVEL AID` → EXTERNAL AUTHENTICATE
    /// * `accept RESPONSE`
    /// * `extended`: protected commands may outgrow the short form
    /// * `wrap COMMAND FORM` → protected command; `extended` where the bytes do not tell
    /// * `unwrap RESPONSE` → clear response
    /// * `resume S-ENC S-MAC S-RMAC MODE LEVEL CHAINING COUNTER`
    ///
    /// # Errors
    /// What the host end refuses, in its words.
    pub fn answer(&mut self, request: &str, words: &[&str]) -> Result<String, String> {
        let state = std::mem::take(self);
        let (state, reply) = match (state, request, words) {
            (_, "start", [enc, mac, dek, mode, version, challenge, channel]) => {
                let keys = static_keys(enc, mac, dek)?;
                let challenge = bytes(challenge)?;
                let host = Host::start(&keys, number(version)?, self::mode(mode)?, &challenge)
                    .and_then(|host| host.on_channel(number(channel).unwrap_or(u8::MAX)))
                    .map_err(text)?;
                let command = encoded(&host.command())?;
                (Self::Challenging(host), command)
            }
            (Self::Challenging(host), "receive", [answer, level, aid]) => {
                let aid = bytes(aid)?;
                let aid = Some(aid.as_slice()).filter(|aid| !aid.is_empty());
                let host = host
                    .receive(&response(answer)?, self::level(level)?, aid)
                    .map_err(text)?;
                let command = encoded(&host.command())?;
                (Self::Authenticating(host), command)
            }
            (Self::Authenticating(host), "accept", [answer]) => {
                let channel = host.receive(&response(answer)?).map_err(text)?;
                (Self::Open(channel), String::new())
            }
            (Self::Open(mut channel), "extended", []) => {
                channel.allow_extended_length();
                (Self::Open(channel), String::new())
            }
            (Self::Open(mut channel), "wrap", [command, form]) => {
                let mut command = CommandApdu::decode(&bytes(command)?).map_err(text)?;
                // A command without data and Le looks the same in both forms.
                command.extended |= *form == "extended";
                let wrapped = channel.wrap(&command).map_err(text)?;
                let wrapped = encoded(&wrapped)?;
                (Self::Open(channel), wrapped)
            }
            (Self::Open(mut channel), "unwrap", [answer]) => {
                let clear = channel.unwrap(&response(answer)?).map_err(text)?;
                (Self::Open(channel), word(&clear.encode()))
            }
            (_, "resume", [enc, mac, rmac, mode, level, chaining, counter]) => {
                let keys = SessionKeys::from_bytes(&bytes(enc)?, &bytes(mac)?, &bytes(rmac)?)
                    .map_err(text)?;
                let chaining = bytes(chaining)?
                    .try_into()
                    .map_err(|_| "the chaining value has 16 bytes")?;
                let channel = Channel::danger_resume(
                    keys,
                    self::mode(mode)?,
                    self::level(level)?,
                    chaining,
                    number(counter)?,
                )
                .map_err(text)?;
                (Self::Open(channel), String::new())
            }
            _ => return Err(format!("{request} at the wrong time")),
        };
        *self = state;
        Ok(reply)
    }
}

pub fn encoded(command: &CommandApdu) -> Result<String, String> {
    command.encode().map(|bytes| word(&bytes)).map_err(text)
}

fn response(word: &str) -> Result<ResponseApdu, String> {
    ResponseApdu::decode(&bytes(word)?).map_err(text)
}

pub fn level(word: &str) -> Result<SecurityLevel, String> {
    SecurityLevel::try_from(number::<u8>(word)?).map_err(text)
}

fn mode(word: &str) -> Result<Mode, String> {
    Mode::from_length(number(word)?).ok_or_else(|| "no such mode".to_owned())
}
