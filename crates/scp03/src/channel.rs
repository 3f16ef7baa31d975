//! The open channel, host end: plain commands in, protected commands out, and the other way round
//! for responses (Amendment D 6.2.4 to 6.2.7).

mod command;
mod response;
mod session;

use core::fmt;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use thiserror::Error;

use crate::keys::{KeyError, SessionKeys};
use crate::parameters::Mode;
use crate::security_level::SecurityLevel;

pub(crate) use session::{Outstanding, Session};

/// A command cannot be protected. Nothing has changed: the channel can go on with another command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WrapError {
    /// An earlier check failed, and the channel is gone.
    #[error("the secure channel is closed")]
    Closed,
    /// The class byte already says that the command is protected.
    #[error("the command is already protected")]
    AlreadySecured,
    /// The class byte asks for chaining or for a kind of secure messaging that is not SCP03's.
    #[error("class {cla:02X} cannot be protected")]
    UnsupportedClass {
        /// The class byte.
        cla: u8,
    },
    /// The command names another logical channel than that of the session.
    #[error("the command is for logical channel {command}, the session is on {session}")]
    OtherChannel {
        /// Logical channel of the command.
        command: u8,
        /// Logical channel of the session.
        session: u8,
    },
    /// The protected data field does not fit.
    #[error("{length} bytes of protected data do not fit {limit}")]
    TooLong {
        /// Length of the data field after protection.
        length: usize,
        /// What an APDU of this form holds.
        limit: usize,
    },
}

/// A response cannot be believed, or was not expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The response is not what the card sent for this command. The channel is closed and its keys
    /// are gone.
    #[error("the response is not genuine")]
    NotGenuine,
    /// An earlier check failed, and the channel is gone.
    #[error("the secure channel is closed")]
    Closed,
    /// No command is waiting for a response.
    #[error("no command is waiting for a response")]
    NothingOutstanding,
}

/// An authenticated session, host end.
///
/// Wrap one command, send it, unwrap its response, and so on. BEGIN and END R-MAC SESSION pass
/// through [`Channel::wrap`] as any other command; once answered by 9000 they change what later
/// responses must carry.
pub struct Channel {
    session: Option<Session>,
    outstanding: Option<Outstanding>,
    extended_length: bool,
}

impl Channel {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session: Some(session),
            outstanding: None,
            extended_length: false,
        }
    }

    pub(crate) fn into_session(self) -> Option<(Session, bool)> {
        self.session.map(|session| (session, self.extended_length))
    }

    /// A channel in the middle of a session whose keys are known: for a checker that follows
    /// recorded traffic. `chaining` is the whole MAC of the last command, `counter` its number.
    ///
    /// # Errors
    /// The keys have different lengths.
    pub fn danger_resume(
        keys: SessionKeys,
        mode: Mode,
        level: SecurityLevel,
        chaining: [u8; 16],
        counter: u64,
    ) -> Result<Self, KeyError> {
        let mut session = Session::new(keys, mode, &mut [])?;
        session.open(level, 0);
        session.resume(chaining, counter);
        Ok(Self::new(session))
    }

    /// Lets protected commands that outgrow a short APDU become extended ones. The card
    /// specification itself knows only short ones (G 11.1.5): ask the card before.
    pub fn allow_extended_length(&mut self) {
        self.extended_length = true;
    }

    /// Protects a command. A command for logical channel 0 is put on the channel of the session.
    ///
    /// # Errors
    /// The channel is closed, or the command cannot be protected; the latter changes nothing.
    pub fn wrap(&mut self, command: &CommandApdu) -> Result<CommandApdu, WrapError> {
        let session = self.session.as_mut().ok_or(WrapError::Closed)?;
        let (wrapped, outstanding) = session.protect_command(command, self.extended_length)?;
        self.outstanding = Some(outstanding);
        Ok(wrapped)
    }

    /// Checks and opens the response to the command wrapped last. What a level without R-MAC, or a
    /// status word other than 9000, 62xx and 63xx brings, is not proven by anything (D 6.2.5).
    ///
    /// # Errors
    /// [`ChannelError::NotGenuine`] closes the channel for good.
    pub fn unwrap(&mut self, response: &ResponseApdu) -> Result<ResponseApdu, ChannelError> {
        let session = self.session.as_mut().ok_or(ChannelError::Closed)?;
        let outstanding = self
            .outstanding
            .take()
            .ok_or(ChannelError::NothingOutstanding)?;
        let clear = session.open_response(response, &outstanding);
        if clear.is_none() {
            self.session = None;
        }
        clear.ok_or(ChannelError::NotGenuine)
    }

    /// The level in force, or nothing when the channel is closed.
    pub fn level(&self) -> Option<SecurityLevel> {
        self.session.as_ref().map(Session::level)
    }

    /// The most clear bytes that fit a short command on this channel; none when it is closed.
    pub fn max_command_data(&self) -> usize {
        let room = |session: &Session| session.level().max_command_data(session.mode());
        self.session.as_ref().map_or(0, room)
    }

    /// The mode of the session, or nothing when the channel is closed.
    pub fn mode(&self) -> Option<Mode> {
        self.session.as_ref().map(Session::mode)
    }

    /// The session keys, for a checker that looks for them in places where they must not be;
    /// nothing when the channel is closed.
    pub fn danger_session_keys(&self) -> Option<&SessionKeys> {
        self.session.as_ref().map(Session::keys)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.session {
            Some(session) => write!(f, "Channel({session:?})"),
            None => f.write_str("Channel(closed)"),
        }
    }
}
