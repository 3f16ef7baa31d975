//! A session built ahead: every command first, every response afterwards.
//!
//! The C-MAC chain does not depend on responses, and a pseudo-random card challenge can be computed
//! from the sequence counter. So a host that knows the counter can send INITIALIZE UPDATE, EXTERNAL
//! AUTHENTICATE and all protected commands in one message. It must believe nothing that comes back
//! before [`ScriptVerifier::verify`] has: the card cryptogram first, then every response in order.
//!
//! Two different scripts for one value of the counter would encrypt different data under the same
//! keys and initial vectors if the host challenge were the same: draw a fresh one for every script,
//! and store counter and script before sending.
//!
//! ```
//! # use globalplatform::apdu::{CommandApdu, ResponseApdu};
//! # use scp03::{CardChallenge, CardSession, ScpParameters, ScriptBuilder, ScriptError, SecurityLevel, StaticKeys};
//! # let keys = StaticKeys::from_bytes(&[0x40; 16], &[0x41; 16], &[0x42; 16])?;
//! # let isd = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
//! # let parameters = ScpParameters::new(0x70)?;
//! # let host_challenge = [7; 8]; // from the system's generator
//! # let get_status = CommandApdu::new(0x80, 0xF2, 0x40, 0x02).with_data([0x4F, 0x00]).with_le(256);
//! let last_seen = 41;
//! let level = SecurityLevel::Full;
//! let mut script =
//!     ScriptBuilder::start(&keys, 0x30, parameters, &isd, last_seen + 1, level, &host_challenge)?;
//! script.push(&get_status)?;
//! let (commands, mut verifier) = script.finish();
//! assert_eq!(commands.len(), 3); // INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, GET STATUS
//!
//! // Somebody else has used the card meanwhile: its counter is no longer where we thought.
//! # let challenge = CardChallenge::PseudoRandom { counter: 45, aid: &isd };
//! # let (mut card, answer) =
//! #     CardSession::initialize_update(&keys, parameters, 0x30, [0; 10], challenge, &host_challenge)
//! #         .map_err(|sw| sw.to_string())?;
//! # let refused = card.external_authenticate(&commands[1]);
//! # let responses = [answer, refused];
//! let outcome = verifier.verify(&responses);
//! assert_eq!(outcome.unwrap_err(), ScriptError::CounterMoved { counter: 45 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod verify;

use alloc::vec::Vec;
use core::fmt;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use thiserror::Error;

use crate::channel::{Channel, Outstanding, Session, WrapError};
use crate::class::Class;
use crate::cryptogram::{Challenge, pseudo_random_card_challenge};
use crate::host::HostError;
use crate::initialize_update::{Opening, Question, counter_bytes, on_channel};
use crate::keys::{SessionKeys, StaticKeys};
use crate::parameters::ScpParameters;
use crate::security_level::SecurityLevel;

/// The answers to a script prove something other than its success.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The card is genuine, but its sequence counter was elsewhere: build the script again for what
    /// follows `counter`. Nothing on the card has changed but the counter.
    #[error("the card's sequence counter is at {counter}")]
    CounterMoved {
        /// The value this INITIALIZE UPDATE has used.
        counter: u32,
    },
    /// The card has not proven that it knows the keys.
    #[error("the card is not genuine")]
    NotGenuine,
    /// The answer to INITIALIZE UPDATE does not fit the script.
    #[error("the session did not open")]
    Opening(#[source] HostError),
    /// The card refused INITIALIZE UPDATE (0) or EXTERNAL AUTHENTICATE (1). A bare status word
    /// proves nothing.
    #[error("the card refused command {index}: {sw}")]
    Refused {
        /// Place in the script.
        index: usize,
        /// The status word.
        sw: StatusWord,
    },
    /// Answers are missing although the last one was no refusal: how far the card went is not
    /// known. All that arrived was genuine.
    #[error("only {received} answers arrived")]
    Truncated {
        /// How many answers arrived.
        received: usize,
    },
    /// An answer is not what the card sent for this command.
    #[error("the answer to command {index} is not genuine")]
    ResponseForged {
        /// Place in the script.
        index: usize,
    },
    /// There are more answers than commands.
    #[error("{received} answers to {sent} commands")]
    TooManyResponses {
        /// How many answers arrived.
        received: usize,
        /// How many commands the script has.
        sent: usize,
    },
    /// The answers to this script were judged before.
    #[error("the script was verified before")]
    Spent,
}

/// Genuine answers.
#[derive(Debug)]
pub struct Verified {
    /// The opened answers to the pushed commands, in order. When there are fewer than commands, the
    /// script stopped and the last one is the refusal.
    pub responses: Vec<ResponseApdu>,
    /// The session, where the card left it, for a later script or single commands.
    pub channel: Channel,
}

/// Builds a script.
pub struct ScriptBuilder {
    prediction: Option<Prediction>,
    session: Session,
    commands: Vec<CommandApdu>,
    outstanding: Vec<Outstanding>,
    extended_length: bool,
}

/// What the card will answer to INITIALIZE UPDATE if its counter is where we think.
struct Prediction {
    keys: StaticKeys,
    question: Question,
    parameters: ScpParameters,
    aid: Vec<u8>,
    counter: [u8; 3],
    card_challenge: Challenge,
    card_cryptogram: Challenge,
}

impl ScriptBuilder {
    /// Starts a script with INITIALIZE UPDATE and EXTERNAL AUTHENTICATE on logical channel 0.
    ///
    /// `aid` is that of the application that uses the channel, `counter` the value that this INITIALIZE UPDATE will
    /// use: one more than the last one seen. `host_challenge` must be fresh and random.
    ///
    /// # Errors
    /// The card's challenge cannot be predicted, its parameters do not offer the level, the counter
    /// or the challenge is out of range, or the keys are not a set.
    pub fn start(
        keys: &StaticKeys,
        key_version: u8,
        parameters: ScpParameters,
        aid: &[u8],
        counter: u32,
        level: SecurityLevel,
        host_challenge: &[u8],
    ) -> Result<Self, HostError> {
        if !parameters.pseudo_random() {
            return Err(HostError::UnpredictableChallenge);
        }
        if !level.is_offered_by(parameters) {
            return Err(HostError::LevelNotOffered { level });
        }
        let counter = counter_bytes(counter)
            .filter(|_| counter != 0)
            .ok_or(HostError::InvalidCounter { counter })?;
        let mode = parameters.mode();
        let host_challenge = Challenge::from_bytes(host_challenge)
            .filter(|challenge| challenge.mode() == mode)
            .ok_or(HostError::InvalidHostChallenge {
                length: host_challenge.len(),
            })?;

        let question = Question {
            key_version,
            host_challenge,
            channel: 0,
        };
        let card_challenge = pseudo_random_card_challenge(&keys.enc, counter, aid, mode);
        let opening =
            Opening::new(keys, &question, &card_challenge, level, None).map_err(HostError::Keys)?;
        let commands = Vec::from([question.command(), opening.external_authenticate]);
        let prediction = Prediction {
            keys: keys.clone(),
            question,
            parameters,
            aid: aid.to_vec(),
            counter,
            card_challenge,
            card_cryptogram: opening.card_cryptogram,
        };
        Ok(Self {
            prediction: Some(prediction),
            session: opening.session,
            commands,
            outstanding: Vec::new(),
            extended_length: false,
        })
    }

    /// Starts a script that goes on with an open session.
    ///
    /// # Errors
    /// The channel is closed.
    pub fn go_on(channel: Channel) -> Result<Self, WrapError> {
        let (session, extended_length) = channel.into_session().ok_or(WrapError::Closed)?;
        Ok(Self {
            prediction: None,
            session,
            commands: Vec::new(),
            outstanding: Vec::new(),
            extended_length,
        })
    }

    /// Puts the whole script on another logical channel. Call it before the first push; the channel
    /// of a session that goes on is settled.
    ///
    /// # Errors
    /// There is no such channel, or it is too late.
    pub fn on_channel(mut self, channel: u8) -> Result<Self, HostError> {
        let is_new = self.prediction.is_some() && self.outstanding.is_empty();
        if channel > Class::MAX_CHANNEL || !is_new {
            return Err(HostError::NoSuchChannel { channel });
        }
        self.commands = self
            .commands
            .into_iter()
            .map(|command| on_channel(command, channel))
            .collect();
        let level = self.session.opened_at();
        self.session.open(level, channel);
        Ok(self)
    }

    /// Lets protected commands that outgrow a short APDU become extended ones, as
    /// [`Channel::allow_extended_length`] does.
    pub fn allow_extended_length(&mut self) {
        self.extended_length = true;
    }

    /// Protects a command and adds it. BEGIN and END R-MAC SESSION count as answered by 9000 for
    /// what follows.
    ///
    /// # Errors
    /// The command cannot be protected; the script is unchanged.
    pub fn push(&mut self, command: &CommandApdu) -> Result<(), WrapError> {
        let (wrapped, outstanding) = self
            .session
            .protect_command(command, self.extended_length)?;
        self.commands.push(wrapped);
        self.outstanding.push(outstanding);
        Ok(())
    }

    /// The most clear bytes that fit a short command in this script.
    pub fn max_command_data(&self) -> usize {
        self.session
            .opened_at()
            .max_command_data(self.session.mode())
    }

    /// The keys of the predicted session, for a checker that looks for them in places where they
    /// must not be.
    pub fn danger_session_keys(&self) -> &SessionKeys {
        self.session.keys()
    }

    /// The commands in the order in which they must be sent, and what judges the answers.
    pub fn finish(self) -> (Vec<CommandApdu>, ScriptVerifier) {
        let Self {
            prediction,
            session,
            commands,
            outstanding,
            extended_length,
        } = self;
        let sent = commands.len();
        let script = Script {
            prediction,
            session,
            outstanding,
            extended_length,
            sent,
        };
        (
            commands,
            ScriptVerifier {
                script: Some(script),
            },
        )
    }
}

impl fmt::Debug for ScriptBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ScriptBuilder({} commands, {:?})",
            self.commands.len(),
            self.session
        )
    }
}

/// A script whose answers are still to come.
struct Script {
    prediction: Option<Prediction>,
    session: Session,
    outstanding: Vec<Outstanding>,
    extended_length: bool,
    sent: usize,
}

/// Judges the answers to one script.
pub struct ScriptVerifier {
    script: Option<Script>,
}

impl ScriptVerifier {
    /// Judges the answers, one for each command that the card has heard, in order. A script is
    /// judged once: its keys are gone afterwards, or live on in [`Verified::channel`]. Only when
    /// nothing at all has arrived can it be judged again.
    ///
    /// # Errors
    /// See [`ScriptError`]; only `Ok` says that every answer up to a refusal is genuine.
    pub fn verify(&mut self, responses: &[ResponseApdu]) -> Result<Verified, ScriptError> {
        let sent = self.script.as_ref().ok_or(ScriptError::Spent)?.sent;
        if responses.is_empty() && sent > 0 {
            return Err(ScriptError::Truncated { received: 0 });
        }
        self.script
            .take()
            .ok_or(ScriptError::Spent)?
            .verify(responses)
    }
}

impl fmt::Debug for ScriptVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.script {
            Some(script) => write!(
                f,
                "ScriptVerifier({} commands, {:?})",
                script.sent, script.session
            ),
            None => f.write_str("ScriptVerifier(spent)"),
        }
    }
}
