//! The two ends of a session as the contacts see them: bytes in, bytes out.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use proptest::prelude::*;
use scp03::card::next_sequence_counter;
use scp03::{
    CardChallenge, CardSession, Channel, ChannelError, Host, Mode, ScpParameters, SecurityLevel,
    StaticKeys, WrapError,
};

pub const AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
pub const KVN: u8 = 0x30;
pub const KDD: [u8; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// Everything that two ends agree on before they speak.
#[derive(Debug, Clone)]
pub struct Setup {
    pub keys: StaticKeys,
    pub parameters: ScpParameters,
    pub level: SecurityLevel,
    pub channel: u8,
    /// Sequence counter before INITIALIZE UPDATE.
    pub counter: u32,
    pub host_random: [u8; 16],
    pub card_random: [u8; 16],
    /// Short commands may become extended ones.
    pub grows: bool,
}

impl Setup {
    /// A fixed one that offers everything, with pseudo-random challenges.
    pub fn at(level: SecurityLevel, mode: Mode) -> Self {
        let i = if mode == Mode::S16 { 0x71 } else { 0x70 };
        Self {
            keys: StaticKeys::from_bytes(&[0x11; 16], &[0x22; 16], &[0x33; 16]).unwrap(),
            parameters: ScpParameters::new(i).unwrap(),
            level,
            channel: 0,
            counter: 41,
            host_random: [0xAB; 16],
            card_random: [0xCD; 16],
            grows: false,
        }
    }

    pub fn mode(&self) -> Mode {
        self.parameters.mode()
    }

    pub fn host_challenge(&self) -> &[u8] {
        &self.host_random[..self.mode().length()]
    }

    /// The host before INITIALIZE UPDATE.
    pub fn host(&self, key_version: u8) -> scp03::AwaitingChallenge {
        Host::start(&self.keys, key_version, self.mode(), self.host_challenge())
            .and_then(|host| host.on_channel(self.channel))
            .unwrap()
    }

    /// The card after INITIALIZE UPDATE with this challenge.
    pub fn card_hears(&self, host_challenge: &[u8]) -> (CardEnd, ResponseApdu) {
        let challenge = if self.parameters.pseudo_random() {
            let counter = next_sequence_counter(self.counter).unwrap();
            CardChallenge::PseudoRandom { counter, aid: &AID }
        } else {
            CardChallenge::Random(self.card_random)
        };
        let (card, answer) = CardSession::initialize_update(
            &self.keys,
            self.parameters,
            KVN,
            KDD,
            challenge,
            host_challenge,
        )
        .unwrap();
        (CardEnd(card, begins_in_buffer(self.host_random)), answer)
    }

    /// The card after our own INITIALIZE UPDATE.
    pub fn card(&self) -> (CardEnd, ResponseApdu) {
        self.card_hears(self.host_challenge())
    }

    /// Both ends, authenticated.
    pub fn open(&self) -> (HostEnd, CardEnd) {
        let (mut card, answer) = self.card();
        let host = self
            .host(KVN)
            .receive(&answer, self.level, Some(&AID))
            .unwrap();
        let answer = card.authenticates(&host.command().encode().unwrap());
        let mut channel = host.receive(&answer).unwrap();
        if self.grows {
            channel.allow_extended_length();
        }
        (HostEnd(channel, begins_in_buffer(self.card_random)), card)
    }
}

/// Which of the two ways an end takes first.
fn begins_in_buffer(random: [u8; 16]) -> bool {
    random[0] & 1 != 0
}

/// The host's end of an open session. Every other call goes through the caller's buffer, the rest
/// through APDUs of their own: both must be the same.
pub struct HostEnd(pub Channel, bool);

impl HostEnd {
    pub fn wrap(&mut self, command: &CommandApdu) -> Result<Vec<u8>, WrapError> {
        self.1 = !self.1;
        if self.1 {
            return Ok(self.0.wrap(command)?.encode().unwrap());
        }
        let level = self.0.opened_at().unwrap_or(SecurityLevel::Full);
        let mode = self.0.mode().unwrap_or(Mode::S16);
        let mut out = vec![0xA5; level.max_wrapped_length(mode, command.data.len()) + 2];
        let length = match self.0.wrap_into(command, &mut [0xA5; 3]) {
            Err(WrapError::BufferTooSmall { needed }) => needed,
            Err(other) => return Err(other),
            Ok(_) => unreachable!("no command fits three bytes"),
        };
        // Nothing but one more byte of room was missing, and nothing has changed.
        let too_small = self.0.wrap_into(command, &mut out[..length - 1]);
        assert!(matches!(too_small, Err(WrapError::BufferTooSmall { needed }) if needed == length));
        assert!(out.iter().all(|byte| *byte == 0xA5));
        let wrapped = self.0.wrap_into(command, &mut out)?.as_bytes().len();
        assert_eq!(wrapped, length);
        assert!(out[length..].iter().all(|byte| *byte == 0xA5));
        out.truncate(length);
        Ok(out)
    }

    pub fn sends(&mut self, command: &CommandApdu) -> Vec<u8> {
        self.wrap(command).unwrap()
    }

    pub fn hears(&mut self, response: &[u8]) -> Result<ResponseApdu, ChannelError> {
        match ResponseApdu::decode(response) {
            Ok(response) if self.1 => self.0.unwrap(&response),
            _ => self
                .0
                .unwrap_in_place(&mut response.to_vec())
                .map(|clear| clear.to_owned()),
        }
    }

    /// After a failed check no call does anything any more.
    pub fn assert_dead(&mut self, genuine: &[u8]) {
        let command = CommandApdu::new(0x80, 0xF2, 0x40, 0x02);
        for _ in 0..2 {
            self.1 = !self.1;
            assert_eq!(self.hears(genuine), Err(ChannelError::Closed));
            assert_eq!(self.0.wrap(&command), Err(WrapError::Closed));
            let mut out = [0; 64];
            let into = self.0.wrap_into(&command, &mut out);
            assert_eq!(into, Err(WrapError::Closed));
        }
        assert_eq!((self.0.level(), self.0.mode()), (None, None));
        assert_eq!(self.0.max_command_data(), 0);
        assert!(self.0.danger_session_keys().is_none());
    }
}

/// The card's end of a session; every other call goes through the caller's buffer.
pub struct CardEnd(pub CardSession, bool);

impl CardEnd {
    /// EXTERNAL AUTHENTICATE.
    pub fn authenticates(&mut self, command: &[u8]) -> ResponseApdu {
        let answer = self
            .0
            .external_authenticate(&CommandApdu::decode(command).unwrap());
        assert_eq!(self.0.is_authenticated(), answer == ResponseApdu::ok());
        answer
    }

    pub fn hears(&mut self, command: &[u8]) -> Result<CommandApdu, StatusWord> {
        self.1 = !self.1;
        match CommandApdu::decode(command) {
            Ok(command) if self.1 => self.0.unwrap(&command),
            _ => self
                .0
                .unwrap_in_place(&mut command.to_vec())
                .map(|plain| plain.to_owned()),
        }
    }

    /// Does what the plain command asks for: BEGIN and END R-MAC SESSION itself, anything else is
    /// answered by `response`.
    pub fn answers(&mut self, plain: &CommandApdu, response: &ResponseApdu) -> Vec<u8> {
        let own = match (plain.is_proprietary(), plain.ins) {
            (true, 0x7A) => self.0.begin_r_mac(plain),
            (true, 0x78) => self.0.end_r_mac(plain),
            _ => response.clone(),
        };
        if self.1 {
            return self.0.wrap(own).encode();
        }
        let mut out = vec![0xA5; own.data.len() + 40];
        let before = self.0.level();
        assert!(self.0.wrap_into(own.view(), &mut [0]).is_err());
        assert_eq!(self.0.level(), before);
        self.0.wrap_into(own.view(), &mut out).unwrap().to_vec()
    }

    /// After an error of secure messaging every command is refused by 6982, also the genuine one,
    /// a plain one and another attempt to authenticate.
    pub fn assert_dead(&mut self, genuine: &[u8]) {
        let refused = StatusWord::SECURITY_STATUS;
        let plain = CommandApdu::new(0x80, 0xF2, 0x40, 0x02);
        assert!(self.0.is_aborted() && !self.0.is_authenticated());
        assert_eq!(self.0.level(), SecurityLevel::Authenticated);
        for _ in 0..2 {
            assert_eq!(self.hears(genuine), Err(refused));
            assert_eq!(self.0.unwrap(&plain), Err(refused));
            assert_eq!(self.authenticates(genuine), refused.into());
            assert_eq!(self.0.begin_r_mac(&begin(0x10)).sw, StatusWord::CONDITIONS);
        }
        let answer = ResponseApdu::status(refused);
        assert_eq!(self.0.wrap(answer.clone()), answer);
    }
}

pub fn begin(p1: u8) -> CommandApdu {
    CommandApdu::new(0x80, 0x7A, p1, 0x01).with_data([2, 0xAA, 0xBB])
}

pub fn end() -> CommandApdu {
    CommandApdu::new(0x80, 0x78, 0x00, 0x03).with_le(256)
}

/// Every key length, every `level` with every `i` that offers it, every logical channel, counters
/// up to the last.
pub fn any_setup_at(levels: &[SecurityLevel]) -> impl Strategy<Value = Setup> + use<> {
    let levels = levels.to_vec();
    let level =
        prop::sample::select(levels).prop_flat_map(|level| (Just(level), any_parameters(level)));
    let keys = (prop::sample::select(vec![16usize, 24, 32]), any::<u8>());
    let counter = prop_oneof![Just(0u32), Just(0xFF_FFFE), 0u32..0xFF_FFFF];
    let random = any::<([u8; 16], [u8; 16])>();
    (keys, level, 0u8..20, counter, random, any::<bool>()).prop_map(
        |((length, seed), (level, parameters), channel, counter, random, grows)| {
            let key = |n: u8| {
                (0..length)
                    .map(|i| seed.wrapping_mul(31).wrapping_add(n ^ (i as u8)))
                    .collect::<Vec<_>>()
            };
            Setup {
                keys: StaticKeys::from_bytes(&key(0x40), &key(0x80), &key(0xC0)).unwrap(),
                parameters,
                level,
                channel,
                counter,
                host_random: random.0,
                card_random: random.1,
                grows,
            }
        },
    )
}

pub fn any_setup() -> impl Strategy<Value = Setup> {
    any_setup_at(&SecurityLevel::ALL)
}

fn any_parameters(level: SecurityLevel) -> impl Strategy<Value = ScpParameters> {
    let all: Vec<_> = (0u8..=0xFF)
        .filter_map(|i| ScpParameters::new(i).ok())
        .filter(|parameters| level.is_offered_by(*parameters))
        .collect();
    prop::sample::select(all)
}
