//! The host end of a live session, one type for each step (Amendment D 5.4, 6.2.2).
//!
//! ```
//! # use globalplatform::{apdu::CommandApdu, status_word::StatusWord};
//! # use scp03::{CardChallenge, CardSession, Host, Mode, ScpParameters, SecurityLevel, StaticKeys};
//! # let keys = StaticKeys::from_bytes(&[0x40; 16], &[0x41; 16], &[0x42; 16])?;
//! # let isd = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
//! # let parameters = ScpParameters::new(0x70)?;
//! # let challenge = CardChallenge::PseudoRandom { counter: 1, aid: &isd };
//! # let host_challenge = [7; 8]; // from the system's generator
//! let host = Host::start(&keys, 0x30, Mode::S8, &host_challenge)?;
//! # let (mut card, response) =
//! #     CardSession::initialize_update(&keys, parameters, 0x30, [0; 10], challenge, &host_challenge)
//! #         .map_err(|sw| sw.to_string())?;
//! // … send host.command() …
//! let host = host.receive(&response, SecurityLevel::Full, Some(&isd))?;
//! # let response = card.external_authenticate(&host.command());
//! // … send host.command() …
//! let mut channel = host.receive(&response)?;
//! let get_status = CommandApdu::new(0x80, 0xF2, 0x40, 0x02).with_data([0x4F, 0x00]).with_le(256);
//! let wrapped = channel.wrap(&get_status)?;
//! # let plain = card.unwrap(&wrapped).map_err(|sw| sw.to_string())?;
//! # assert_eq!(plain, get_status);
//! # let response = card.wrap(StatusWord::REFERENCED_DATA_NOT_FOUND.into());
//! // … send it …
//! let response = channel.unwrap(&response)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A stage cannot be skipped: there is nothing to wrap commands with before the card has proven
//! itself and has accepted EXTERNAL AUTHENTICATE.
//!
//! ```compile_fail,E0599
//! fn too_early(host: scp03::AwaitingAuthentication, command: &globalplatform::apdu::CommandApdu) {
//!     let _ = host.wrap(command);
//! }
//! ```
//!
//! Nor can it be used twice: an answer is judged once, and a failed check drops the keys.
//!
//! ```compile_fail,E0382
//! # use globalplatform::apdu::ResponseApdu;
//! fn once_more(host: scp03::AwaitingChallenge, first: &ResponseApdu, second: &ResponseApdu) {
//!     let _ = host.receive(first, scp03::levels::Full, None);
//!     let _ = host.receive(second, scp03::levels::Full, None);
//! }
//! ```

use core::fmt;
use core::marker::PhantomData;

use globalplatform::apdu::{CommandApdu, ResponseRef};
use globalplatform::error::{DecodeError, EncodeError};
use globalplatform::status_word::StatusWord;
use thiserror::Error;

use crate::channel::{Channel, Session};
use crate::class::Class;
use crate::cryptogram::Challenge;
use crate::initialize_update::{Answer, ChallengeSource, ExternalAuthenticate, Opening, Question};
use crate::keys::{EncKey, KeyError, MacKey, StaticKeys};
use crate::levels::Level;
use crate::parameters::{InvalidParameters, Mode, ScpParameters};
use crate::protected::{Protected, ProtectedApdu};
use crate::security_level::SecurityLevel;

/// A session does not open. The step that failed is gone, and its keys with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HostError {
    /// The host challenge does not have the length of the mode.
    #[error("a host challenge of this mode does not have {length} bytes")]
    InvalidHostChallenge {
        /// Length given, in bytes.
        length: usize,
    },
    /// Logical channels are 0 to 19.
    #[error("there is no logical channel {channel}")]
    NoSuchChannel {
        /// Channel asked for.
        channel: u8,
    },
    /// The sequence counter has three bytes and starts at 1.
    #[error("{counter} is not a value of the sequence counter")]
    InvalidCounter {
        /// The value given.
        counter: u32,
    },
    /// Commands can be built ahead only for a card whose challenge can be computed.
    #[error("the card chooses its challenge at random")]
    UnpredictableChallenge,
    /// The keys are not a set.
    #[error("the keys are not a set")]
    Keys(#[source] KeyError),
    /// The card refused the command.
    #[error("the card refused: {sw}")]
    Refused {
        /// Its status word.
        sw: StatusWord,
    },
    /// The answer to INITIALIZE UPDATE cannot be read.
    #[error("the answer to INITIALIZE UPDATE is malformed")]
    Malformed(#[source] DecodeError),
    /// The card reports parameters that SCP03 does not have.
    #[error("the card reports invalid parameters")]
    InvalidParameters(#[source] InvalidParameters),
    /// The lengths in the answer are not those of the mode, or contradict the parameters.
    #[error("the answer to INITIALIZE UPDATE has the lengths of another mode")]
    OtherMode,
    /// The card answers with another key version than asked for.
    #[error("the card uses key version {answered:02X} instead of {asked:02X}")]
    OtherKeyVersion {
        /// Version asked for.
        asked: u8,
        /// Version the card reports.
        answered: u8,
    },
    /// The card reports other parameters than those the script was built for.
    #[error("the card reports parameters {reported:02X} instead of {expected:02X}")]
    OtherParameters {
        /// Parameters expected.
        expected: u8,
        /// Parameters reported.
        reported: u8,
    },
    /// The card does not offer the level.
    #[error("the card does not offer level {level:?}")]
    LevelNotOffered {
        /// The level asked for.
        level: SecurityLevel,
    },
    /// The card has not proven that it knows the keys.
    #[error("the card is not genuine")]
    NotGenuine,
}

/// Where a session starts.
#[derive(Debug)]
pub struct Host;

impl Host {
    /// Starts a session on logical channel 0. Key version 0 leaves the choice to the card;
    /// `host_challenge` must be fresh and random.
    ///
    /// # Errors
    /// The challenge does not have the length of the mode.
    pub fn start(
        keys: &StaticKeys,
        key_version: u8,
        mode: Mode,
        host_challenge: &[u8],
    ) -> Result<AwaitingChallenge, HostError> {
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
        Ok(AwaitingChallenge {
            enc: keys.enc.clone(),
            mac: keys.mac.clone(),
            question,
        })
    }
}

/// INITIALIZE UPDATE is ready or on its way.
pub struct AwaitingChallenge {
    enc: EncKey,
    mac: MacKey,
    question: Question,
}

impl AwaitingChallenge {
    /// Opens the session on another logical channel.
    ///
    /// # Errors
    /// There is no such channel.
    pub fn on_channel(mut self, channel: u8) -> Result<Self, HostError> {
        if channel > Class::MAX_CHANNEL {
            return Err(HostError::NoSuchChannel { channel });
        }
        self.question.channel = channel;
        Ok(self)
    }

    /// INITIALIZE UPDATE.
    pub fn command(&self) -> CommandApdu {
        self.question.command().to_owned()
    }

    /// Writes INITIALIZE UPDATE to the beginning of `out`, as it is sent: at most 22 bytes. Allocates
    /// nothing.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`]; the other errors cannot occur.
    pub fn command_into<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], EncodeError> {
        let length = self.question.command().encode_into(out)?;
        Ok(out.get(..length).unwrap_or(&[]))
    }

    /// Verifies the card's cryptogram. `level` is one of [`levels`](crate::levels), which the types
    /// of the following stages then carry, or a [`SecurityLevel`]. With an `aid`, that of the application that uses the
    /// channel, a pseudo-random card challenge is recomputed as well: it proves that the card knows
    /// the encryption key.
    ///
    /// # Errors
    /// The card refused, its answer is malformed or not genuine, or it does not offer the level.
    pub fn receive<'r, L: Level>(
        self,
        response: impl Into<ResponseRef<'r>>,
        level: L,
        aid: Option<&[u8]>,
    ) -> Result<AwaitingAuthentication<L>, HostError> {
        let level = level.into();
        let answer = self.question.answer(response.into())?;
        if !level.is_offered_by(answer.parameters) {
            return Err(HostError::LevelNotOffered { level });
        }
        let source = answer.counter.zip(aid);
        let opening = Opening::new(
            (&self.enc, &self.mac),
            &self.question,
            &answer.card_challenge,
            level,
            source.map(|(counter, aid)| ChallengeSource { counter, aid }),
        )
        .map_err(HostError::Keys)?;
        let challenge_is_expected = opening
            .card_challenge
            .is_none_or(|expected| expected.is(answer.card_challenge.as_bytes()));
        let cryptogram_is_genuine = opening.card_cryptogram.is(answer.cryptogram.as_bytes());
        if !(challenge_is_expected & cryptogram_is_genuine) {
            return Err(HostError::NotGenuine);
        }
        let Opening {
            mut session,
            external_authenticate,
            ..
        } = opening;
        session.set_offered(answer.parameters);
        Ok(AwaitingAuthentication {
            session,
            external_authenticate,
            answer,
            level: PhantomData,
        })
    }
}

impl fmt::Debug for AwaitingChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question {
            key_version,
            host_challenge,
            channel,
        } = &self.question;
        let mode = host_challenge.mode();
        write!(
            f,
            "AwaitingChallenge(key version {key_version:02X}, {mode:?}, logical channel {channel})"
        )
    }
}

/// The card is genuine; EXTERNAL AUTHENTICATE is ready or on its way.
pub struct AwaitingAuthentication<L: Level = SecurityLevel> {
    session: Session,
    external_authenticate: ExternalAuthenticate,
    answer: Answer,
    level: PhantomData<L>,
}

impl<L: Level> AwaitingAuthentication<L> {
    /// EXTERNAL AUTHENTICATE.
    pub fn command(&self) -> ProtectedApdu {
        self.external_authenticate.view().to_owned()
    }

    /// Writes EXTERNAL AUTHENTICATE to the beginning of `out`, as it is sent: at most 37 bytes.
    /// Allocates nothing.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`]; the other errors cannot occur.
    pub fn command_into<'o>(&self, out: &'o mut [u8]) -> Result<Protected<'o>, EncodeError> {
        self.external_authenticate.view().encode_into(out)
    }

    /// The sequence counter the card has used, if its challenges are pseudo-random.
    pub fn sequence_counter(&self) -> Option<u32> {
        self.answer
            .counter
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The key version the card has used.
    pub fn key_version(&self) -> u8 {
        self.answer.key_version
    }

    /// The card's key diversification data. Not covered by the cryptogram.
    pub fn key_diversification_data(&self) -> [u8; 10] {
        self.answer.kdd
    }

    /// The parameters the card reports. Not covered by the cryptogram.
    pub fn parameters(&self) -> ScpParameters {
        self.answer.parameters
    }

    /// Opens the channel.
    ///
    /// # Errors
    /// The card refused.
    pub fn receive<'r>(
        self,
        response: impl Into<ResponseRef<'r>>,
    ) -> Result<Channel<L>, HostError> {
        let sw = response.into().sw;
        if sw != StatusWord::OK {
            return Err(HostError::Refused { sw });
        }
        Ok(Channel::new(self.session))
    }
}

impl<L: Level> fmt::Debug for AwaitingAuthentication<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwaitingAuthentication({:?})", self.session)
    }
}
