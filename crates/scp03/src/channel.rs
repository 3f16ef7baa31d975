//! The open channel, host end: plain commands in, protected commands out, and the other way round
//! for responses (Amendment D 6.2.4 to 6.2.7).
//!
//! Each step exists twice over the same code: in the caller's buffer, without any allocation
//! ([`Channel::wrap_into`], [`Channel::unwrap_in_place`]), and with APDUs that own their data
//! ([`Channel::wrap`], [`Channel::unwrap`]).

mod command;
mod error;
mod level_change;
mod response;
mod session;

use core::fmt;
use core::marker::PhantomData;

use alloc::boxed::Box;
use alloc::vec::Vec;
use globalplatform::apdu::{
    CommandApdu, CommandRef, MAX_SHORT_DATA, MAX_SHORT_LE, ResponseApdu, ResponseRef,
};
use globalplatform::commands::chaining::{more_follow, split};
use globalplatform::status_word::StatusWord;
use thiserror::Error;

use crate::keys::{KeyError, SessionKeys};
use crate::levels::Level;
use crate::parameters::{Mode, ScpParameters};
use crate::protected::{Protected, ProtectedApdu};
use crate::security_level::SecurityLevel;

pub(crate) use command::{Growth, Opened, Plan};
pub use error::{ChannelError, WrapError};
pub use level_change::{LevelChange, LevelError, NotChanged};
pub(crate) use response::ResponsePlan;
pub(crate) use session::{Outstanding, Session};

/// An authenticated session, host end.
///
/// Wrap one command, send it, unwrap its response, and so on. BEGIN and END R-MAC SESSION pass
/// through [`Channel::wrap`] as any other command, and change what later responses must carry once
/// they are answered by 9000; [`Channel::begin_r_mac`] and [`Channel::end_r_mac`] do the same with
/// the level in the type.
///
/// `L` is the level that the channel promises at least: one of [`levels`](crate::levels), or
/// [`SecurityLevel`] when only the running program knows.
pub struct Channel<L: Level = SecurityLevel> {
    session: Option<Session>,
    outstanding: Option<Outstanding>,
    growth: Growth,
    promised: PhantomData<L>,
}

/// A channel is at another level than asked for.
#[derive(Debug, Error)]
#[error("the channel is at level {found:?}, not at {asked:?}")]
pub struct OtherLevel<L: Level> {
    /// The channel, unchanged.
    pub channel: Box<Channel<L>>,
    /// Level asked for.
    pub asked: SecurityLevel,
    /// Its level; none when it is closed.
    pub found: Option<SecurityLevel>,
}

impl Channel {
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
}

impl<L: Level> Channel<L> {
    /// The channel of a session that is at the level that `L` promises.
    pub(crate) fn new(mut session: Session) -> Self {
        session.promise(L::PROMISED);
        Self {
            session: Some(session).filter(|session| !session.has_lost_level()),
            outstanding: None,
            growth: Growth::None,
            promised: PhantomData,
        }
    }

    pub(crate) fn into_session(self) -> Option<(Session, Growth)> {
        self.session.map(|session| (session, self.growth))
    }

    /// The same channel with another promise, which its level keeps.
    fn promising<T: Level>(self) -> Channel<T> {
        let mut session = self.session;
        if let Some(session) = &mut session {
            session.promise(T::PROMISED);
        }
        Channel {
            session,
            outstanding: self.outstanding,
            growth: self.growth,
            promised: PhantomData,
        }
    }

    /// The same channel with its level in its type; at present it must be exactly this one. While
    /// END R-MAC SESSION waits for its answer, that is the level to which it goes back.
    ///
    /// # Errors
    /// The channel is at another level, or closed; it is in the error.
    ///
    /// ```
    /// use scp03::levels::{self, EncryptsCommands};
    /// use scp03::Channel;
    ///
    /// fn personalise<L: EncryptsCommands>(_: &mut Channel<L>) { /* … */ }
    ///
    /// fn run(channel: Channel) -> Result<Channel<levels::Full>, Box<dyn std::error::Error>> {
    ///     let mut channel = channel.try_at(levels::Full)?;
    ///     personalise(&mut channel);
    ///     Ok(channel)
    /// }
    /// ```
    pub fn try_at<T: Level>(self, level: T) -> Result<Channel<T>, OtherLevel<L>> {
        let kept = |session: &Session| session.level_kept(self.outstanding.as_ref());
        let (asked, found) = (level.into(), self.session.as_ref().map(kept));
        if found == Some(asked) {
            return Ok(self.promising());
        }
        let channel = Box::new(self);
        Err(OtherLevel {
            channel,
            asked,
            found,
        })
    }

    /// The same channel with its level known only at run time.
    #[must_use]
    pub fn forget_level(self) -> Channel {
        self.promising()
    }

    /// Lets protected commands that outgrow a short APDU become extended ones. The card
    /// specification itself knows only short ones (G 11.1.5): ask the card before.
    pub fn allow_extended_length(&mut self) {
        self.set_growth(Growth::Extended);
    }

    pub(crate) fn set_growth(&mut self, growth: Growth) {
        self.growth = growth;
    }

    /// Protects a command. A command for logical channel 0 is put on the channel of the session.
    /// Whoever wraps another one before unwrapping the answer gives that answer up: only the
    /// response to the command wrapped last can be unwrapped. A
    /// [`ScriptBuilder`](crate::ScriptBuilder) keeps what is needed for all of them.
    ///
    /// # Errors
    /// The channel is closed, or the command cannot be protected; the latter changes nothing.
    pub fn wrap<'c>(
        &mut self,
        command: impl Into<CommandRef<'c>>,
    ) -> Result<ProtectedApdu, WrapError> {
        self.wrap_growing(command.into(), self.growth)
    }

    pub(crate) fn wrap_growing(
        &mut self,
        command: CommandRef<'_>,
        growth: Growth,
    ) -> Result<ProtectedApdu, WrapError> {
        let session = self.session.as_mut().ok_or(WrapError::Closed)?;
        let plan = session.plan(command, growth)?;
        let mut field = alloc::vec![0; plan.frame.data_length];
        copy(command.data, &mut field);
        self.outstanding = Some(session.seal_field(&plan, &mut field));
        let [cla, ins, p1, p2] = plan.frame.header;
        Ok(ProtectedApdu(CommandApdu {
            cla,
            ins,
            p1,
            p2,
            data: field,
            le: plan.frame.le,
            extended: plan.frame.extended,
        }))
    }

    /// Protects a DELETE, INSTALL or PUT KEY of any length and cuts it into short commands, to be
    /// sent one after the other (G 11.1.5.1, see [`chaining`](crate::chaining)). The answers to all
    /// but the last are a bare 9000 or a refusal, and are not unwrapped. A refusal of one of them
    /// ends the session for this host, whose C-MAC chain has moved on: open a new one. A command
    /// that fits a short one is not cut, whatever it is.
    ///
    /// # Errors
    /// As for [`Channel::wrap`]; [`WrapError::NotChainable`] for other commands that do not fit.
    pub fn wrap_chained<'c>(
        &mut self,
        command: impl Into<CommandRef<'c>>,
    ) -> Result<Vec<ProtectedApdu>, WrapError> {
        let session = self.session.as_ref().ok_or(WrapError::Closed)?;
        let command = CommandRef {
            extended: false,
            ..command.into()
        };
        let (le, limit) = (command.le.unwrap_or(0), MAX_SHORT_LE);
        if le > limit {
            return Err(WrapError::LeTooLarge { le, limit });
        }
        let plan = session.plan(command, Growth::Extended)?;
        if plan.frame.extended && !is_chainable(&command) {
            return Err(WrapError::NotChainable { ins: command.ins });
        }
        let whole = self.wrap_growing(command, Growth::Extended)?;
        let pieces = split(&whole, MAX_SHORT_DATA)?;
        Ok(pieces.into_iter().map(ProtectedApdu).collect())
    }

    /// Protects a command as [`Channel::wrap`] does, writing it to the beginning of `out` as it is
    /// sent: `CLA' INS P1 P2 Lc' data' C-MAC [Le]`. Allocates nothing.
    ///
    /// [`SecurityLevel::max_wrapped_length`] tells how large a buffer is large enough.
    ///
    /// # Errors
    /// As for [`Channel::wrap`]; [`WrapError::BufferTooSmall`] too leaves channel and buffer as they
    /// are.
    pub fn wrap_into<'c, 'o>(
        &mut self,
        command: impl Into<CommandRef<'c>>,
        out: &'o mut [u8],
    ) -> Result<Protected<'o>, WrapError> {
        let session = self.session.as_mut().ok_or(WrapError::Closed)?;
        let command = command.into();
        let plan = session.plan(command, self.growth)?;
        let (wrapped, outstanding) = session.wrap_into(&plan, command, out)?;
        self.outstanding = Some(outstanding);
        Ok(wrapped)
    }

    /// Checks and opens the response to the command wrapped last. What a level without R-MAC, or a
    /// status word other than 9000, 62xx and 63xx brings, is not proven by anything (D 6.2.5).
    ///
    /// So a refusal of BEGIN or END R-MAC SESSION between levels 13 and 33 is given back and closes
    /// the channel: had somebody put it in the place of the card's 9000, later responses would pass
    /// with their R-MAC and be read at the wrong level, cipher text as clear data. It stays open
    /// when the card has said that it does not offer 33 ([`Channel::parameters`]). Between the other
    /// levels a wrong guess is found out by the next response, or nothing was proven before.
    ///
    /// # Errors
    /// [`ChannelError::NotGenuine`] closes the channel for good.
    pub fn unwrap<'r>(
        &mut self,
        response: impl Into<ResponseRef<'r>>,
    ) -> Result<ResponseApdu, ChannelError> {
        let ResponseRef { data, sw } = response.into();
        let mut data = data.to_vec();
        let length = self.open(&mut data, sw)?;
        data.truncate(length);
        Ok(ResponseApdu { data, sw })
    }

    /// Checks and opens a response as [`Channel::unwrap`] does, in the buffer that holds it as it
    /// was received: `data' R-MAC SW1 SW2`. Allocates nothing. The plain data begin where the
    /// buffer begins; what follows them is of no use, and after an error the whole buffer is not.
    ///
    /// # Errors
    /// As for [`Channel::unwrap`]; fewer than two bytes are no genuine response either.
    pub fn unwrap_in_place<'r>(
        &mut self,
        response: &'r mut [u8],
    ) -> Result<ResponseRef<'r>, ChannelError> {
        let Some((data, sw)) = response.split_last_chunk_mut() else {
            self.open_nothing()?;
            return Err(ChannelError::NotGenuine);
        };
        let sw = StatusWord::from(*sw);
        let length = self.open(data, sw)?;
        let data = data.get(..length).unwrap_or(&[]);
        Ok(ResponseRef { data, sw })
    }

    fn open(&mut self, field: &mut [u8], sw: StatusWord) -> Result<usize, ChannelError> {
        let session = self.session.as_mut().ok_or(ChannelError::Closed)?;
        let outstanding = self
            .outstanding
            .take()
            .ok_or(ChannelError::NothingOutstanding)?;
        let length = session.open_response(field, sw, &outstanding);
        if length.is_none() || session.has_lost_level() {
            self.session = None;
        }
        length.ok_or(ChannelError::NotGenuine)
    }

    /// Something that is no response at all came back.
    fn open_nothing(&mut self) -> Result<(), ChannelError> {
        self.session.as_ref().ok_or(ChannelError::Closed)?;
        self.outstanding
            .take()
            .ok_or(ChannelError::NothingOutstanding)?;
        self.session = None;
        Ok(())
    }

    /// The level in force, or nothing when the channel is closed.
    pub fn level(&self) -> Option<SecurityLevel> {
        self.session.as_ref().map(Session::level)
    }

    /// The level that EXTERNAL AUTHENTICATE has set, to which END R-MAC SESSION goes back; nothing
    /// when the channel is closed.
    pub fn opened_at(&self) -> Option<SecurityLevel> {
        self.session.as_ref().map(Session::opened_at)
    }

    /// What the card says it offers, where this channel has heard it.
    pub fn parameters(&self) -> Option<ScpParameters> {
        self.session.as_ref().and_then(Session::offered)
    }

    /// The logical channel of the session, or nothing when the channel is closed.
    pub fn logical_channel(&self) -> Option<u8> {
        self.session.as_ref().map(Session::logical_channel)
    }

    /// The most clear bytes that fit a short command on this channel; none when it is closed.
    pub fn max_command_data(&self) -> usize {
        let room = |session: &Session| session.opened_at().max_command_data(session.mode());
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

impl Session {
    /// Protects a command at the beginning of `out`.
    pub(crate) fn wrap_into<'o>(
        &mut self,
        plan: &Plan,
        command: CommandRef<'_>,
        out: &'o mut [u8],
    ) -> Result<(Protected<'o>, Outstanding), WrapError> {
        let field = plan.frame.encode_around(out)?;
        copy(command.data, field);
        let outstanding = self.seal_field(plan, field);
        Ok((Protected::new(out, plan.length, &plan.frame), outstanding))
    }
}

/// Whether a whole command has a free bit that says that more commands follow.
fn is_chainable(command: &CommandRef<'_>) -> bool {
    let begun = command.p1.checked_add(0x80);
    begun.is_some_and(|p1| more_follow(&CommandApdu::new(command.cla, command.ins, p1, command.p2)))
}

/// Copies data to the beginning of a field that has room for it.
pub(crate) fn copy(data: &[u8], field: &mut [u8]) {
    if let Some(room) = field.get_mut(..data.len()) {
        room.copy_from_slice(data);
    }
}

impl<L: Level> fmt::Debug for Channel<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.session {
            Some(session) => write!(f, "Channel({session:?})"),
            None => f.write_str("Channel(closed)"),
        }
    }
}
