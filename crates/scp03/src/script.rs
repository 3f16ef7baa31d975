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
//! # let authenticate = commands.apdu(1).ok_or("no such command")?;
//! # let refused = card.external_authenticate(authenticate.command());
//! # let responses = [answer, refused];
//! let outcome = verifier.verify(&responses);
//! assert_eq!(outcome.unwrap_err(), ScriptError::CounterMoved { counter: 45 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encoded;
mod error;
mod verify;

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use globalplatform::apdu::{CommandRef, ResponseApdu};

use crate::channel::{Channel, Growth, Outstanding, Session, WrapError};
use crate::class::Class;
use crate::cryptogram::{Challenge, pseudo_random_card_challenge};
use crate::host::HostError;
use crate::initialize_update::{Opening, Question, counter_bytes};
use crate::keys::{SessionKeys, StaticKeys};
use crate::levels::Level;
use crate::parameters::ScpParameters;
use crate::security_level::SecurityLevel;

pub use encoded::{Iter, Script};
pub use error::ScriptError;

/// Genuine answers.
#[derive(Debug)]
pub struct Verified<L: Level = SecurityLevel> {
    /// The opened answers to the pushed commands, in order. When there are fewer than commands, the
    /// script stopped and the last one is the refusal.
    pub responses: Vec<ResponseApdu>,
    /// The session, for a later script or single commands; nothing when the script stopped before
    /// its last command.
    ///
    /// Commands that the card has not heard are still in somebody's hands. A session that went on
    /// behind the refused one would use their numbers and initial vectors for other data, and since
    /// nothing proves a bare refusal, one of them could be delivered in the place of a new one: open
    /// a new session instead.
    pub channel: Option<Channel<L>>,
}

/// Builds a script in one buffer.
pub struct ScriptBuilder<L: Level = SecurityLevel> {
    prediction: Option<Prediction>,
    session: Session,
    script: Script,
    outstanding: Vec<Outstanding>,
    growth: Growth,
    level: PhantomData<L>,
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

impl<L: Level> ScriptBuilder<L> {
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
        level: L,
        host_challenge: &[u8],
    ) -> Result<Self, HostError> {
        let level = level.into();
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
        let opening = Opening::new(
            (&keys.enc, &keys.mac),
            &question,
            &card_challenge,
            level,
            None,
        )
        .map_err(HostError::Keys)?;
        let asked = question.clone();
        let initialize_update = asked.command();
        let prediction = Prediction {
            keys: keys.clone(),
            question,
            parameters,
            aid: aid.to_vec(),
            counter,
            card_challenge,
            card_cryptogram: opening.card_cryptogram,
        };
        let mut session = opening.session;
        session.set_offered(parameters);
        let mut builder = Self::empty(Some(prediction), session, Growth::None);
        let external_authenticate = opening.external_authenticate.view().command();
        for command in [initialize_update, external_authenticate] {
            let room = builder.script.room(command.encoded_length().unwrap_or(0));
            // Their lengths are ours, and fit.
            let _ = command.encode_into(room);
        }
        Ok(builder)
    }

    fn empty(prediction: Option<Prediction>, mut session: Session, growth: Growth) -> Self {
        session.promise(L::PROMISED);
        Self {
            prediction,
            session,
            script: Script::default(),
            outstanding: Vec::new(),
            growth,
            level: PhantomData,
        }
    }

    /// Starts a script that goes on with an open session.
    ///
    /// # Errors
    /// The channel is closed.
    pub fn go_on(channel: Channel<L>) -> Result<Self, WrapError> {
        let (session, growth) = channel.into_session().ok_or(WrapError::Closed)?;
        Ok(Self::empty(None, session, growth))
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
        // Neither command's protection covers the channel bits of the class byte.
        let ends = self.script.ends.iter().copied();
        for begin in core::iter::once(0).chain(ends) {
            if let Some(cla) = self.script.bytes.get_mut(begin)
                && let Some(class) = Class::parse(*cla)
            {
                *cla = class.on_channel(channel).byte();
            }
        }
        let level = self.session.opened_at();
        self.session.open(level, channel);
        Ok(self)
    }

    /// Makes room beforehand, so that nothing is allocated while `commands` commands with `data`
    /// plain bytes in all are pushed.
    #[must_use]
    pub fn with_capacity(mut self, commands: usize, data: usize) -> Self {
        self.reserve(commands, data);
        self
    }

    fn reserve(&mut self, commands: usize, data: usize) {
        let empty = self
            .session
            .opened_at()
            .max_wrapped_length(self.session.mode(), 0);
        // A whole block of padding, at most.
        let each = empty.saturating_add(16);
        let bytes = commands.saturating_mul(each).saturating_add(data);
        self.script.bytes.reserve(bytes);
        self.script.ends.reserve(commands);
        self.outstanding.reserve(commands);
    }

    /// Lets protected commands that outgrow a short APDU become extended ones, as
    /// [`Channel::allow_extended_length`] does.
    pub fn allow_extended_length(&mut self) {
        self.growth = Growth::Extended;
    }

    /// Protects a command and adds it. BEGIN and END R-MAC SESSION count as answered by 9000 for
    /// what follows.
    ///
    /// # Errors
    /// The command cannot be protected; the script is unchanged.
    pub fn push<'c>(&mut self, command: impl Into<CommandRef<'c>>) -> Result<(), WrapError> {
        self.push_ref(command.into())
    }

    fn push_ref(&mut self, command: CommandRef<'_>) -> Result<(), WrapError> {
        let plan = self.session.plan(command, self.growth)?;
        let room = self.script.room(plan.length);
        let (_, outstanding) = self.session.wrap_into(&plan, command, room)?;
        self.outstanding.push(outstanding);
        Ok(())
    }

    /// Protects commands and adds them, making room for all of them first.
    ///
    /// # Errors
    /// A command cannot be protected; those before it have been added.
    pub fn push_all<'c, C: Into<CommandRef<'c>>>(
        &mut self,
        commands: impl IntoIterator<Item = C, IntoIter: Clone>,
    ) -> Result<(), WrapError> {
        let commands = commands.into_iter();
        let (mut count, mut data) = (0usize, 0usize);
        for command in commands.clone() {
            count = count.saturating_add(1);
            data = data.saturating_add(command.into().data.len());
        }
        self.reserve(count, data);
        commands
            .into_iter()
            .try_for_each(|command| self.push_ref(command.into()))
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
    pub fn finish(self) -> (Script, ScriptVerifier<L>) {
        let pending = Pending {
            prediction: self.prediction,
            session: self.session,
            outstanding: self.outstanding,
            growth: self.growth,
            sent: self.script.len(),
            level: PhantomData,
        };
        let pending = Some(pending);
        (self.script, ScriptVerifier { pending })
    }
}

impl<L: Level> fmt::Debug for ScriptBuilder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ScriptBuilder({} commands, {:?})",
            self.script.len(),
            self.session
        )
    }
}

/// A script whose answers are still to come.
struct Pending<L: Level> {
    prediction: Option<Prediction>,
    session: Session,
    outstanding: Vec<Outstanding>,
    growth: Growth,
    sent: usize,
    level: PhantomData<L>,
}

/// Judges the answers to one script.
pub struct ScriptVerifier<L: Level = SecurityLevel> {
    pending: Option<Pending<L>>,
}

impl<L: Level> ScriptVerifier<L> {
    /// Judges the answers, one for each command that the card has heard, in order. A script is
    /// judged once: its keys are gone afterwards, or live on in [`Verified::channel`]. Only when
    /// nothing at all has arrived can it be judged again.
    ///
    /// # Errors
    /// See [`ScriptError`]; only `Ok` says that every answer up to a refusal is genuine.
    pub fn verify(&mut self, responses: &[ResponseApdu]) -> Result<Verified<L>, ScriptError> {
        let sent = self.pending.as_ref().ok_or(ScriptError::Spent)?.sent;
        if responses.is_empty() && sent > 0 {
            return Err(ScriptError::Truncated { received: 0 });
        }
        self.pending
            .take()
            .ok_or(ScriptError::Spent)?
            .verify(responses)
    }
}

impl<L: Level> fmt::Debug for ScriptVerifier<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pending {
            Some(pending) => write!(
                f,
                "ScriptVerifier({} commands, {:?})",
                pending.sent, pending.session
            ),
            None => f.write_str("ScriptVerifier(spent)"),
        }
    }
}
