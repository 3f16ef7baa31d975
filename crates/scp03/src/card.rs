//! The strict card end (Amendment D 5.4 to 5.6, 6.2).
//!
//! One [`CardSession`] is the secure channel of one logical channel, from INITIALIZE UPDATE until a
//! new one, SELECT, the end of the logical channel or a reset: whoever plays the card drops it
//! then. After an error of secure messaging the session is *aborted*: it stays, and refuses
//! everything (D 5.6).

mod joined;

use core::fmt;

use globalplatform::apdu::{CommandApdu, CommandFrame, CommandRef, ResponseApdu, ResponseRef};
use globalplatform::error::EncodeError;
use globalplatform::status_word::StatusWord;

use crate::block::{Context, Input};
use crate::channel::{Opened, ResponsePlan, Session, copy};
use crate::class::Class;
use crate::cryptogram::Challenge;
use crate::initialize_update::{Answer, MAX_SEQUENCE_COUNTER, counter_bytes};
use crate::kdf::Constant;
use crate::keys::{SEnc, SMac, SRmac, SessionKeys, StaticKeys};
use crate::parameters::ScpParameters;
use crate::security_level::SecurityLevel;

/// Where the card takes its challenge from.
#[derive(Debug, Clone, Copy)]
pub enum CardChallenge<'a> {
    /// Random bytes; in S8 mode the first eight of them.
    Random([u8; 16]),
    /// Computed from the sequence counter of the key set.
    PseudoRandom {
        /// The value this INITIALIZE UPDATE uses: [`next_sequence_counter`] of the one before.
        counter: u32,
        /// AID of the application that uses the channel: the security domain itself when that is
        /// selected.
        aid: &'a [u8],
    },
}

/// The value that INITIALIZE UPDATE uses when the counter of the key set stands at `current`; the
/// card stores it before it answers.
///
/// # Errors
/// 6985 when the counter has run out (D 6.2.2.1).
pub fn next_sequence_counter(current: u32) -> Result<u32, StatusWord> {
    if current >= MAX_SEQUENCE_COUNTER {
        return Err(StatusWord::CONDITIONS);
    }
    Ok(current + 1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// INITIALIZE UPDATE is answered.
    AwaitingAuthentication,
    /// EXTERNAL AUTHENTICATE has failed; there is no session.
    Failed,
    Open,
    Aborted,
}

/// The card's end of a session.
pub struct CardSession {
    state: State,
    session: Session,
    parameters: ScpParameters,
    host_cryptogram: Challenge,
    /// Logical channel of INITIALIZE UPDATE, where that was said.
    channel: Option<u8>,
    /// Level that follows the response to BEGIN or END R-MAC SESSION.
    next_level: Option<SecurityLevel>,
}

impl CardSession {
    /// Answers INITIALIZE UPDATE with the keys that it has chosen.
    ///
    /// # Errors
    /// 6700 for a host challenge that does not have the length of the mode, 6985 for a counter that
    /// has run out, 6A88 for keys that are not a set, 6400 when the kind of challenge contradicts
    /// the parameters.
    pub fn initialize_update(
        keys: &StaticKeys,
        parameters: ScpParameters,
        key_version: u8,
        kdd: [u8; 10],
        card_challenge: CardChallenge<'_>,
        host_challenge: &[u8],
    ) -> Result<(Self, ResponseApdu), StatusWord> {
        let (card, answer) = Self::start(
            keys,
            parameters,
            (key_version, kdd),
            card_challenge,
            host_challenge,
        )?;
        let mut data = [0; Self::MAX_ANSWER];
        // It always fits.
        let length = answer.view().encode_into(&mut data).unwrap_or(0);
        let data = data.get(..length).unwrap_or(&[]);
        Ok((card, ResponseApdu::with_data(data)))
    }

    /// The most bytes that [`CardSession::initialize_update_into`] writes.
    pub const MAX_ANSWER: usize = 50;

    /// Answers INITIALIZE UPDATE as [`CardSession::initialize_update`] does, writing the response to
    /// the beginning of `out` as it is sent: `data SW1 SW2`. Only the session itself is allocated.
    ///
    /// # Errors
    /// As for [`CardSession::initialize_update`]; `out` is then unchanged.
    pub fn initialize_update_into<'o>(
        keys: &StaticKeys,
        parameters: ScpParameters,
        key_version: u8,
        kdd: [u8; 10],
        card_challenge: CardChallenge<'_>,
        host_challenge: &[u8],
        out: &'o mut [u8; Self::MAX_ANSWER],
    ) -> Result<(Self, &'o [u8]), StatusWord> {
        let (card, answer) = Self::start(
            keys,
            parameters,
            (key_version, kdd),
            card_challenge,
            host_challenge,
        )?;
        // It always fits.
        let length = answer.view().encode_into(out).unwrap_or(0);
        copy(
            &StatusWord::OK.to_bytes(),
            out.get_mut(length..).unwrap_or(&mut []),
        );
        let sent = out.get(..length.saturating_add(2)).unwrap_or(&[]);
        Ok((card, sent))
    }

    fn start(
        keys: &StaticKeys,
        parameters: ScpParameters,
        (key_version, kdd): (u8, [u8; 10]),
        card_challenge: CardChallenge<'_>,
        host_challenge: &[u8],
    ) -> Result<(Self, Answer), StatusWord> {
        let mode = parameters.mode();
        if host_challenge.len() != mode.length() {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let (challenge, s_enc, counter) = match card_challenge {
            CardChallenge::Random(random) if !parameters.pseudo_random() => {
                let challenge = Challenge::from_random(random, mode);
                let context = Context::new([host_challenge, challenge.as_bytes()]);
                let s_enc = SEnc::derive(&keys.enc, None, Input::Context(&context));
                (challenge, s_enc, None)
            }
            CardChallenge::PseudoRandom { counter, aid } if parameters.pseudo_random() => {
                let counter = counter_bytes(counter).ok_or(StatusWord::CONDITIONS)?;
                let context = Context::new([&counter, aid]);
                let mut challenge = Challenge::blank(mode);
                let before = Constant::CardChallenge.derivation(&context, challenge.as_mut_bytes());
                let input = Input::Followed(host_challenge);
                let s_enc = SEnc::derive(&keys.enc, Some(before), input);
                (challenge, s_enc, Some(counter))
            }
            _ => return Err(StatusWord::NO_DIAGNOSIS),
        };
        let context = Context::new([host_challenge, challenge.as_bytes()]);
        let session_keys = SessionKeys::with_macs(s_enc, &keys.mac, &context);
        let (mut cryptogram, mut host_cryptogram) =
            (Challenge::blank(mode), Challenge::blank(mode));
        let session = Session::new(
            session_keys,
            mode,
            &mut [
                Constant::CardCryptogram.derivation(&context, cryptogram.as_mut_bytes()),
                Constant::HostCryptogram.derivation(&context, host_cryptogram.as_mut_bytes()),
            ],
        )
        .map_err(|_| StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let card = Self {
            state: State::AwaitingAuthentication,
            session,
            parameters,
            host_cryptogram,
            channel: None,
            next_level: None,
        };
        let answer = Answer {
            kdd,
            key_version,
            parameters,
            card_challenge: challenge,
            cryptogram,
            counter,
        };
        Ok((card, answer))
    }

    /// The same session, tied to the logical channel, 0 to 19, on which INITIALIZE UPDATE came:
    /// EXTERNAL AUTHENTICATE on another one is refused with 6982. No MAC covers the channel bits of
    /// the class byte. Without this the session belongs to the channel of EXTERNAL AUTHENTICATE, and
    /// whoever plays the card must hand each session the commands of its own channel only.
    #[must_use]
    pub fn on_channel(mut self, channel: u8) -> Self {
        self.channel = Some(channel);
        self
    }

    /// Answers EXTERNAL AUTHENTICATE: 9000, or 6982 for a missing or wrong C-MAC, 6300 for a wrong
    /// host cryptogram, 6700 for a wrong length, 6A86 for a level that the card does not offer;
    /// 6985 when an attempt has failed before, 6982 (and the end of the session) when it is open
    /// already.
    pub fn external_authenticate<'c>(
        &mut self,
        command: impl Into<CommandRef<'c>>,
    ) -> ResponseApdu {
        let result = match self.state {
            State::AwaitingAuthentication => self.authenticate(command.into()),
            State::Failed => Err(StatusWord::CONDITIONS),
            State::Open | State::Aborted => Err(self.abort()),
        };
        match result {
            Ok(()) => ResponseApdu::ok(),
            Err(sw) => ResponseApdu::status(sw),
        }
    }

    fn authenticate(&mut self, command: CommandRef<'_>) -> Result<(), StatusWord> {
        self.state = State::Failed;
        let class = Class::parse(command.cla)
            .filter(|class| class.is_secured && class.is_proprietary())
            .filter(|class| self.channel.is_none_or(|channel| channel == class.channel))
            .ok_or(StatusWord::SECURITY_STATUS)?;
        if command.data.len() != 2 * self.session.mode().length() {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let mut room = [0; 32];
        let field = room
            .get_mut(..command.data.len())
            .ok_or(StatusWord::WRONG_LENGTH)?;
        copy(command.data, field);
        let length = self
            .session
            .check_c_mac(class, &command.frame(), field)
            .ok_or(StatusWord::SECURITY_STATUS)?;
        let level = SecurityLevel::try_from(command.p1)
            .ok()
            .filter(|level| level.is_offered_by(self.parameters) && command.p2 == 0x00)
            .ok_or(StatusWord::WRONG_P1P2)?;
        let cryptogram = field.get(..length).unwrap_or(&[]);
        if !self.host_cryptogram.is(cryptogram) {
            return Err(StatusWord::AUTH_FAILED);
        }
        self.session.open(level, class.channel);
        self.state = State::Open;
        Ok(())
    }

    /// Checks a command as it came over the contacts and gives the plain one. Before
    /// authentication, and at level `Authenticated`, plain commands pass as they are: whether they
    /// need a session is not known here.
    ///
    /// # Errors
    /// 6982: the command is not protected as the level demands, and the session is aborted; or it
    /// has been aborted before; or the command is protected although no session is open.
    pub fn unwrap<'c>(
        &mut self,
        command: impl Into<CommandRef<'c>>,
    ) -> Result<CommandApdu, StatusWord> {
        let command = command.into();
        let mut data = command.data.to_vec();
        let opened = self.open(&command.frame(), &mut data)?;
        data.truncate(opened.length);
        Ok(CommandApdu {
            cla: opened.cla,
            data,
            ins: command.ins,
            p1: command.p1,
            p2: command.p2,
            le: command.le,
            extended: command.extended,
        })
    }

    /// Checks and opens a command as [`CardSession::unwrap`] does, in the buffer that holds it as it
    /// came over the contacts. Allocates nothing. After an error the buffer is of no use.
    ///
    /// # Errors
    /// As for [`CardSession::unwrap`]. What is no APDU at all carries no MAC either: 6982 and the
    /// end of the session where the level demands one, else 6700.
    pub fn unwrap_in_place<'c>(
        &mut self,
        command: &'c mut [u8],
    ) -> Result<CommandRef<'c>, StatusWord> {
        let Ok(frame) = CommandRef::decode(command).map(|command| command.frame()) else {
            return Err(self.refuse_malformed());
        };
        let (begin, end) = (
            frame.data_offset(),
            frame.data_offset().saturating_add(frame.data_length),
        );
        let field = command.get_mut(begin..end).unwrap_or(&mut []);
        let opened = self.open(&frame, field)?;
        let [_, ins, p1, p2] = frame.header;
        Ok(CommandRef {
            data: field.get(..opened.length).unwrap_or(&[]),
            le: frame.le,
            extended: frame.extended,
            ..CommandRef::new(opened.cla, ins, p1, p2)
        })
    }

    fn open(&mut self, frame: &CommandFrame, field: &mut [u8]) -> Result<Opened, StatusWord> {
        let [cla, ..] = frame.header;
        // A change of level belongs to the command that asked for it.
        self.next_level = None;
        match self.state {
            State::Open => self
                .session
                .open_field(frame, field)
                .ok_or_else(|| self.abort()),
            State::Aborted => Err(StatusWord::SECURITY_STATUS),
            State::AwaitingAuthentication | State::Failed => Class::parse(cla)
                .filter(|class| !class.is_secured)
                .map(|_| Opened {
                    cla,
                    length: field.len(),
                })
                .ok_or(StatusWord::SECURITY_STATUS),
        }
    }

    fn refuse_malformed(&mut self) -> StatusWord {
        match self.state {
            State::Open if self.session.opened_at().c_mac() => self.abort(),
            State::Aborted => StatusWord::SECURITY_STATUS,
            _ => StatusWord::WRONG_LENGTH,
        }
    }

    /// Protects the response to the command unwrapped last. An error status word goes out alone,
    /// and so does everything when no session is open.
    pub fn wrap(&mut self, response: ResponseApdu) -> ResponseApdu {
        if self.state != State::Open {
            return response;
        }
        let ResponseApdu { mut data, sw } = response;
        let plan = self.session.plan_response(data.len(), sw);
        data.resize(plan.field, 0x00);
        self.seal(&plan, sw, &mut data);
        ResponseApdu { data, sw }
    }

    /// Protects a response as [`CardSession::wrap`] does, writing it to the beginning of `out` as it
    /// is sent: `data' R-MAC SW1 SW2`. Allocates nothing.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], which leaves session and buffer as they are.
    pub fn wrap_into<'r, 'o>(
        &mut self,
        response: impl Into<ResponseRef<'r>>,
        out: &'o mut [u8],
    ) -> Result<&'o [u8], EncodeError> {
        let response = response.into();
        if self.state != State::Open {
            let length = response.encode_into(out)?;
            return Ok(out.get(..length).unwrap_or(&[]));
        }
        let plan = self.session.plan_response(response.data.len(), response.sw);
        let needed = plan.field.saturating_add(2);
        let available = out.len();
        let out = out
            .get_mut(..needed)
            .ok_or(EncodeError::BufferTooSmall { needed, available })?;
        if let Some((field, sw)) = out.split_last_chunk_mut() {
            copy(response.data.get(..plan.clear).unwrap_or(&[]), field);
            *sw = response.sw.to_bytes();
            self.seal(&plan, response.sw, field);
        }
        Ok(out)
    }

    fn seal(&mut self, plan: &ResponsePlan, sw: StatusWord, field: &mut [u8]) {
        self.session.seal_response(plan, sw, field);
        self.change_level_after(sw);
    }

    /// BEGIN and END R-MAC SESSION take effect once their response is out.
    fn change_level_after(&mut self, sw: StatusWord) {
        if let Some(level) = self.next_level.take().filter(|_| sw == StatusWord::OK) {
            self.session.set_level(level);
        }
    }

    /// Answers BEGIN R-MAC SESSION (the plain command; D 7.1.3). The level rises once its response
    /// has been wrapped.
    pub fn begin_r_mac<'c>(&mut self, command: impl Into<CommandRef<'c>>) -> ResponseApdu {
        let command = command.into();
        match self.level_after_begin(&command) {
            Ok(level) => {
                self.next_level = Some(level);
                ResponseApdu::ok()
            }
            Err(sw) => ResponseApdu::status(sw),
        }
    }

    fn level_after_begin(&self, command: &CommandRef<'_>) -> Result<SecurityLevel, StatusWord> {
        if !matches!((command.p1, command.p2), (0x10 | 0x30, 0x01)) {
            return Err(StatusWord::WRONG_P1P2);
        }
        let is_well_formed = match command.data.split_first() {
            None => true,
            Some((length, challenge)) => usize::from(*length) == challenge.len(),
        };
        if !is_well_formed {
            return Err(StatusWord::WRONG_DATA);
        }
        let level = self.level();
        level
            .with_response_protection(command.p1)
            .filter(|next| *next != level && level.c_mac() && next.is_offered_by(self.parameters))
            .filter(|_| self.is_authenticated())
            .ok_or(StatusWord::CONDITIONS)
    }

    /// Answers END R-MAC SESSION (the plain command; D 7.1.4). Its own response is still protected
    /// as before.
    pub fn end_r_mac<'c>(&mut self, command: impl Into<CommandRef<'c>>) -> ResponseApdu {
        let command = command.into();
        if (command.p1, command.p2) != (0x00, 0x03) {
            return ResponseApdu::status(StatusWord::WRONG_P1P2);
        }
        let opened_at = self.session.opened_at();
        if !self.is_authenticated() || self.level() == opened_at {
            return ResponseApdu::status(StatusWord::CONDITIONS);
        }
        self.next_level = Some(opened_at);
        ResponseApdu::ok()
    }

    /// Checks and opens a recorded response to the command unwrapped last, as the host does: for a
    /// checker that follows recorded traffic and has the keys of both ends. The level changes as in
    /// [`CardSession::wrap`]. Nothing when the response is not protected as the level demands; the
    /// session is aborted then.
    pub fn danger_follow_response(&mut self, response: &ResponseApdu) -> Option<ResponseApdu> {
        if self.state != State::Open {
            return None;
        }
        let ResponseApdu { mut data, sw } = response.clone();
        let answered = self.session.outstanding(None);
        let Some(length) = self.session.open_response(&mut data, sw, &answered) else {
            self.state = State::Aborted;
            return None;
        };
        data.truncate(length);
        self.change_level_after(sw);
        Some(ResponseApdu { data, sw })
    }

    /// The level in force; `Authenticated` also before authentication and after an abort, so ask
    /// [`CardSession::is_authenticated`] as well.
    pub fn level(&self) -> SecurityLevel {
        match self.state {
            State::Open => self.session.level(),
            _ => SecurityLevel::Authenticated,
        }
    }

    /// The host has proven itself, and nothing has gone wrong since.
    pub fn is_authenticated(&self) -> bool {
        self.state == State::Open
    }

    /// An error of secure messaging has ended the session: what needs it is refused until it is
    /// replaced.
    pub fn is_aborted(&self) -> bool {
        self.state == State::Aborted
    }

    /// The session keys, for a checker that looks for them in places where they must not be.
    pub fn danger_session_keys(&self) -> (&SEnc, &SMac, &SRmac) {
        let SessionKeys { enc, mac, rmac } = self.session.keys();
        (enc, mac, rmac)
    }

    fn abort(&mut self) -> StatusWord {
        self.state = State::Aborted;
        StatusWord::SECURITY_STATUS
    }
}

impl fmt::Debug for CardSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardSession({:?}, {:?})", self.state, self.session)
    }
}
