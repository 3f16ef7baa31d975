//! What both ends of a session remember: keys, level, MAC chaining value and encryption counter.

use core::fmt;

use globalplatform::apdu::CommandRef;
use globalplatform::commands::{begin_r_mac_session, end_r_mac_session};
use globalplatform::status_word::StatusWord;

use crate::block::{Derivation, SessionCiphers};
use crate::class::Class;
use crate::keys::{KeyError, SessionKeys};
use crate::parameters::{Mode, ScpParameters};
use crate::security_level::SecurityLevel;

/// One end of a session after mutual authentication.
pub(crate) struct Session {
    pub(super) ciphers: SessionCiphers,
    mode: Mode,
    /// Logical channel the session was opened on.
    pub(super) channel: u8,
    /// Level set by EXTERNAL AUTHENTICATE; commands are always protected as it says.
    opened_at: SecurityLevel,
    /// Level that the next response follows: BEGIN and END R-MAC SESSION move it.
    level: SecurityLevel,
    /// The whole MAC of the last command.
    pub(super) chaining: [u8; 16],
    /// Number of the last command; 1 is the first one after EXTERNAL AUTHENTICATE (D 6.2.6).
    pub(super) counter: u64,
    /// The level that the type of the channel promises; END R-MAC SESSION must not go below it.
    promised: Option<SecurityLevel>,
    /// What the card has said that it offers, where that is known.
    offered: Option<ScpParameters>,
    /// Whether the card follows [`Session::level`] can no longer be known.
    has_lost_level: bool,
}

/// What is needed to open the response to one command, whatever has been wrapped since.
#[derive(Clone, Copy)]
pub(crate) struct Outstanding {
    pub(super) chaining: [u8; 16],
    pub(super) counter: u64,
    effect: Option<Effect>,
}

/// What a successful command does to the protection of later responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Begin(u8),
    End,
}

impl Session {
    /// A session as it is while EXTERNAL AUTHENTICATE is on its way. Makes derivations under S-MAC.
    pub(crate) fn new(
        keys: SessionKeys,
        mode: Mode,
        under_mac: &mut [Derivation<'_>],
    ) -> Result<Self, KeyError> {
        Ok(Self {
            ciphers: SessionCiphers::new(keys, under_mac).ok_or(KeyError::MixedLengths)?,
            mode,
            channel: 0,
            opened_at: SecurityLevel::Authenticated,
            level: SecurityLevel::Authenticated,
            chaining: [0; 16],
            counter: 0,
            promised: None,
            offered: None,
            has_lost_level: false,
        })
    }

    /// Sets what EXTERNAL AUTHENTICATE has settled.
    pub(crate) fn open(&mut self, level: SecurityLevel, channel: u8) {
        self.opened_at = level;
        self.level = level;
        self.channel = channel;
    }

    pub(crate) fn level(&self) -> SecurityLevel {
        self.level
    }

    pub(crate) fn set_level(&mut self, level: SecurityLevel) {
        self.level = level;
    }

    pub(crate) fn opened_at(&self) -> SecurityLevel {
        self.opened_at
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn keys(&self) -> &SessionKeys {
        self.ciphers.keys()
    }

    pub(crate) fn logical_channel(&self) -> u8 {
        self.channel
    }

    pub(crate) fn promise(&mut self, level: Option<SecurityLevel>) {
        self.promised = level;
    }

    pub(crate) fn offered(&self) -> Option<ScpParameters> {
        self.offered
    }

    pub(crate) fn set_offered(&mut self, parameters: ScpParameters) {
        self.offered = Some(parameters);
    }

    /// Whether a command with this effect would lower the level below the promised one.
    pub(super) fn breaks_promise(&self, effect: Option<Effect>) -> bool {
        let keeps = self.promised.is_none_or(|level| level == self.opened_at);
        effect == Some(Effect::End) && !keeps
    }

    /// The last command as one whose response is still to come.
    pub(crate) fn outstanding(&self, effect: Option<Effect>) -> Outstanding {
        Outstanding {
            chaining: self.chaining,
            counter: self.counter,
            effect,
        }
    }

    /// Takes the state after the command with this MAC and number.
    pub(crate) fn resume(&mut self, chaining: [u8; 16], counter: u64) {
        self.chaining = chaining;
        self.counter = counter;
    }

    /// Draws the consequence of a command that was answered by this status word.
    ///
    /// A refusal carries no R-MAC, so it may stand for the 9000 that somebody took away, with the
    /// card at the other level. Where both levels have an R-MAC and only one encrypts, the next
    /// response would be genuine by its MAC and still be read wrongly: the level is lost, unless
    /// the card has said that it does not have the other one.
    pub(super) fn settle(&mut self, answered: &Outstanding, sw: StatusWord) {
        let after = self.level_after(answered.effect);
        if sw == StatusWord::OK {
            self.level = after;
        } else if !sw.is_ok_or_warning() && after != self.level {
            let may_follow = self.offered.is_none_or(|i| after.is_offered_by(i));
            self.has_lost_level = may_follow && after.r_mac() && self.level.r_mac();
        }
    }

    /// The level once a command with this effect has been answered by 9000.
    fn level_after(&self, effect: Option<Effect>) -> SecurityLevel {
        match effect {
            Some(Effect::Begin(response)) => self
                .level
                .with_response_protection(response)
                .unwrap_or(self.level),
            Some(Effect::End) => self.opened_at,
            None => self.level,
        }
    }

    /// The level that holds whatever the answer to the outstanding command is.
    pub(super) fn level_kept(&self, outstanding: Option<&Outstanding>) -> SecurityLevel {
        match outstanding.and_then(|outstanding| outstanding.effect) {
            Some(Effect::End) => self.opened_at,
            _ => self.level,
        }
    }

    /// Whether the card follows the level can no longer be known: the session must not be used.
    pub(super) fn has_lost_level(&self) -> bool {
        self.has_lost_level
    }
}

impl Effect {
    /// BEGIN R-MAC SESSION (D 7.1.3) and END R-MAC SESSION (D 7.1.4); every other command has none.
    pub(super) fn of(class: Class, plain: &CommandRef<'_>) -> Option<Self> {
        if !class.is_proprietary() {
            return None;
        }
        match plain.ins {
            begin_r_mac_session::INS => Some(Self::Begin(plain.p1)),
            end_r_mac_session::INS => Some(Self::End),
            _ => None,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mode,
            level,
            channel,
            ..
        } = self;
        write!(f, "{mode:?}, {level:?}, logical channel {channel}")
    }
}
