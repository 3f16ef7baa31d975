//! BEGIN and END R-MAC SESSION, host end (Amendment D 7.1.3, 7.1.4): the only legal changes of
//! level in an open session, upwards and back.

use core::fmt;
use core::marker::PhantomData;

use alloc::boxed::Box;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::begin_r_mac_session::{BeginRMacSession, ResponseProtection};
use globalplatform::commands::end_r_mac_session::EndRMacSession;
use globalplatform::status_word::StatusWord;
use thiserror::Error;

use super::{Channel, Session, WrapError};
use crate::levels::{Level, Raises};
use crate::protected::ProtectedApdu;
use crate::security_level::SecurityLevel;

/// The longest challenge of BEGIN R-MAC SESSION, in bytes (D 7.1.3).
const MAX_CHALLENGE: usize = 24;

/// Why the level has not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LevelError {
    /// An earlier check failed, and the channel is gone.
    #[error("the secure channel is closed")]
    Closed,
    /// An R-MAC session only adds response protection, and only to what the level allows.
    #[error("level {from:?} cannot be raised to {to:?}")]
    CannotRaise {
        /// Level in force.
        from: SecurityLevel,
        /// Level asked for.
        to: SecurityLevel,
    },
    /// The card does not offer the level.
    #[error("the card does not offer level {level:?}")]
    NotOffered {
        /// Level asked for.
        level: SecurityLevel,
    },
    /// No R-MAC session has begun.
    #[error("no R-MAC session has begun")]
    NotRaised,
    /// END R-MAC SESSION goes back to another level than asked for.
    #[error("the R-MAC session ends at level {opened_at:?}, not at {asked:?}")]
    EndsAt {
        /// Level that EXTERNAL AUTHENTICATE has set.
        opened_at: SecurityLevel,
        /// Level asked for.
        asked: SecurityLevel,
    },
    /// The challenge does not fit the command.
    #[error("a challenge of {length} bytes is too long")]
    ChallengeTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The command cannot be protected.
    #[error("the command cannot be protected")]
    Wrap(#[source] WrapError),
    /// The card refused. The channel goes on at its old level; between levels 13 and 33 it is
    /// closed, because nothing proves the refusal and the card may be at either.
    #[error("the card refused: {sw}")]
    Refused {
        /// Its status word.
        sw: StatusWord,
    },
    /// The response is not what the card sent. The channel is closed and its keys are gone.
    #[error("the response is not genuine")]
    NotGenuine,
}

/// The level has not changed.
#[derive(Debug, Error)]
#[error("the security level has not changed")]
pub struct NotChanged<L: Level> {
    /// Why.
    #[source]
    pub reason: LevelError,
    /// The channel; closed when the reason says so.
    pub channel: Box<Channel<L>>,
}

/// BEGIN or END R-MAC SESSION is ready or on its way; the channel waits for its response.
///
/// These are the only legal changes of level in an open session (D 7.1.3, 7.1.4):
///
/// | Session at | BEGIN, P1 = 10 | BEGIN, P1 = 30 |
/// |---|---|---|
/// | 00 | refused: commands carry no MAC | refused |
/// | 01 | 11 | refused: commands are not encrypted |
/// | 03 | 13 | 33 |
/// | 11 | refused: has that protection | refused |
/// | 13 | refused: has that protection | 33 |
/// | 33 | refused: has that protection | refused |
///
/// Both commands are protected as the session is, and BEGIN raises only the responses that follow
/// its own; the response to END is still protected. A change is a stage of its own: the channel
/// comes back, at its new level, only with the genuine 9000. To the card a refusal changes nothing
/// (D 7.1.3), but it carries no R-MAC: see [`Channel::unwrap`] for what that means between 13 and 33.
///
/// ```
/// use globalplatform::apdu::{CommandApdu, ResponseApdu};
/// use scp03::levels::{CMacCDec, Full};
/// use scp03::{Channel, ProtectedApdu};
///
/// fn read_secretly(
///     channel: Channel<CMacCDec>,
///     transmit: impl Fn(&ProtectedApdu) -> ResponseApdu,
/// ) -> Result<Channel<CMacCDec>, Box<dyn std::error::Error>> {
///     let begin = channel.begin_r_mac(Full, &[])?;
///     let response = transmit(begin.command());
///     let mut channel: Channel<Full> = begin.receive(&response)?;
///     let get_data = channel.wrap(&CommandApdu::new(0x80, 0xCA, 0x00, 0x66).with_le(256))?;
///     let _secret = channel.unwrap(&transmit(&get_data))?;
///     let end = channel.end_r_mac(CMacCDec)?;
///     let response = transmit(end.command());
///     Ok(end.receive(&response)?)
/// }
/// ```
///
/// What cannot be reached does not compile, and a stage is neither skipped nor used twice:
///
/// ```compile_fail,E0277
/// use scp03::levels::{CMac, Full};
/// fn raise(channel: scp03::Channel<CMac>) {
///     let _ = channel.begin_r_mac(Full, &[]);
/// }
/// ```
///
/// ```compile_fail,E0382
/// use scp03::levels::{CMac, CMacRMac};
/// fn go_on_too_early(mut channel: scp03::Channel<CMac>) {
///     let _change = channel.begin_r_mac(CMacRMac, &[]);
///     let _ = channel.level();
/// }
/// ```
pub struct LevelChange<From: Level, To: Level> {
    channel: Channel,
    command: ProtectedApdu,
    to: To,
    from: PhantomData<From>,
}

impl<L: Level> Channel<L> {
    /// Begins an R-MAC session that raises the responses to `level`. `challenge`, of 0 to 24
    /// bytes, goes into the command as it is; SCP03 does not use it otherwise.
    ///
    /// # Errors
    /// The level cannot be reached from the present one, the card does not offer it, or the channel
    /// is closed. The channel is in the error.
    pub fn begin_r_mac<To: Raises<L>>(
        self,
        level: To,
        challenge: &[u8],
    ) -> Result<LevelChange<L, To>, NotChanged<L>> {
        let command = self
            .session
            .as_ref()
            .ok_or(LevelError::Closed)
            .and_then(|session| begin_command(session, level.into(), challenge));
        self.change(command, level)
    }

    /// Ends the R-MAC session, back to `level`, at which the session was opened. The response to
    /// the command is still protected.
    ///
    /// # Errors
    /// No R-MAC session has begun, the session was opened at another level, or the channel is
    /// closed. The channel is in the error.
    pub fn end_r_mac<To: Level>(self, level: To) -> Result<LevelChange<L, To>, NotChanged<L>> {
        let command = self
            .session
            .as_ref()
            .ok_or(LevelError::Closed)
            .and_then(|session| end_command(session, level.into()));
        self.change(command, level)
    }

    fn change<To: Level>(
        self,
        command: Result<CommandApdu, LevelError>,
        to: To,
    ) -> Result<LevelChange<L, To>, NotChanged<L>> {
        let mut channel = self.forget_level();
        let command = command.and_then(|command| channel.wrap(&command).map_err(LevelError::Wrap));
        match command {
            Ok(command) => Ok(LevelChange {
                channel,
                command,
                to,
                from: PhantomData,
            }),
            Err(reason) => Err(NotChanged::new(reason, channel)),
        }
    }
}

fn begin_command(
    session: &Session,
    to: SecurityLevel,
    challenge: &[u8],
) -> Result<CommandApdu, LevelError> {
    let from = session.level();
    // The lower protection is asked for where it is enough.
    let protection = [
        ResponseProtection::RMac,
        ResponseProtection::RMacAndREncryption,
    ]
    .into_iter()
    .find(|add| from.with_response_protection(*add as u8) == Some(to))
    .filter(|_| from != to && from.c_mac())
    .ok_or(LevelError::CannotRaise { from, to })?;
    if session.offered().is_some_and(|i| !to.is_offered_by(i)) {
        return Err(LevelError::NotOffered { level: to });
    }
    if challenge.len() > MAX_CHALLENGE {
        let length = challenge.len();
        return Err(LevelError::ChallengeTooLong { length });
    }
    let challenge = Some(challenge.to_vec());
    let command = BeginRMacSession {
        protection,
        challenge,
    };
    Ok(command.to_apdu())
}

fn end_command(session: &Session, to: SecurityLevel) -> Result<CommandApdu, LevelError> {
    let opened_at = session.opened_at();
    if session.level() == opened_at {
        return Err(LevelError::NotRaised);
    }
    if opened_at != to {
        let asked = to;
        return Err(LevelError::EndsAt { opened_at, asked });
    }
    Ok(EndRMacSession.to_apdu())
}

impl<L: Level> NotChanged<L> {
    fn new(reason: LevelError, channel: Channel) -> Self {
        let channel = Box::new(channel.promising());
        Self { reason, channel }
    }
}

impl<From: Level, To: Level> LevelChange<From, To> {
    /// The protected command to send.
    pub fn command(&self) -> &ProtectedApdu {
        &self.command
    }

    /// Takes the response, and gives the channel at its new level.
    ///
    /// # Errors
    /// [`LevelError::Refused`] when the card refuses, and the channel goes on at its old level
    /// (between 13 and 33 it is closed, see [`Channel::unwrap`]); [`LevelError::NotGenuine`] closes
    /// it.
    pub fn receive(self, response: &ResponseApdu) -> Result<Channel<To>, NotChanged<From>> {
        let Self {
            mut channel, to, ..
        } = self;
        match channel.unwrap(response) {
            Ok(response) if response.sw != StatusWord::OK => {
                let sw = response.sw;
                Err(NotChanged::new(LevelError::Refused { sw }, channel))
            }
            Ok(_) if channel.level() == Some(to.into()) => Ok(channel.promising()),
            Ok(_) | Err(_) => Err(NotChanged::new(LevelError::NotGenuine, channel)),
        }
    }
}

impl<From: Level, To: Level> fmt::Debug for LevelChange<From, To> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to: SecurityLevel = self.to.into();
        write!(f, "LevelChange(to {to:?}, {:?})", self.channel)
    }
}
