//! Both ends of a session with known keys, as bytes over the contacts.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::{
    AwaitingChallenge, CardChallenge, CardSession, Channel, Host, Mode, ScpParameters,
    ScriptBuilder, SecurityLevel, StaticKeys,
};

use crate::input::Input;

/// The application that uses the channel.
pub const AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
/// Version of the keys.
pub const KVN: u8 = 0x30;

const PARAMETERS: [u8; 12] = [
    0x70, 0x71, 0x60, 0x61, 0x30, 0x31, 0x20, 0x21, 0x10, 0x11, 0x00, 0x01,
];

/// What both ends know before they speak.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The static keys.
    pub keys: StaticKeys,
    /// Length of each, in bytes: 16, 24 or 32.
    pub key_length: usize,
    /// What the card offers.
    pub parameters: ScpParameters,
    /// What the host asks for; the card offers it.
    pub level: SecurityLevel,
    /// The logical channel.
    pub channel: u8,
    /// Sequence counter that INITIALIZE UPDATE uses.
    pub counter: u32,
    /// Host challenge and random card challenge, 16 times this.
    pub random: u8,
}

impl Setup {
    /// A session as the first bytes of an input choose it. The strongest one comes first: it is
    /// what an empty input gives.
    pub fn choose(input: &mut Input<'_>) -> Self {
        let level = input.choice(&[
            SecurityLevel::Full,
            SecurityLevel::CMacCDecRMac,
            SecurityLevel::CMacRMac,
            SecurityLevel::CMacCDec,
            SecurityLevel::CMac,
            SecurityLevel::Authenticated,
        ]);
        let offers: Vec<_> = PARAMETERS
            .iter()
            .filter_map(|i| ScpParameters::new(*i).ok())
            .filter(|parameters| level.is_offered_by(*parameters))
            .collect();
        let parameters = input.choice(&offers);
        let length = input.choice(&[16usize, 24, 32]);
        let key = |byte: u8| vec![byte; length];
        let keys = StaticKeys::from_bytes(&key(0x11), &key(0x22), &key(0x33));
        Self {
            keys: keys.unwrap_or_else(|error| panic!("{error}")),
            key_length: length,
            parameters,
            level,
            channel: input.u8() % 20,
            counter: u32::from(input.u16()) + 1,
            random: input.u8(),
        }
    }

    /// The same with a card whose challenge can be predicted.
    pub fn predictable(mut self) -> Self {
        let i = self.parameters.byte() | 0x10;
        self.parameters = ScpParameters::new(i).unwrap_or(self.parameters);
        self
    }

    /// Length of challenges and MACs.
    pub fn mode(&self) -> Mode {
        self.parameters.mode()
    }

    fn host_challenge(&self) -> Vec<u8> {
        vec![self.random; self.mode().length()]
    }

    /// The host before INITIALIZE UPDATE.
    pub fn host(&self, key_version: u8) -> Option<AwaitingChallenge> {
        Host::start(&self.keys, key_version, self.mode(), &self.host_challenge())
            .and_then(|host| host.on_channel(self.channel))
            .ok()
    }

    /// The card after INITIALIZE UPDATE, and its answer.
    pub fn card(&self) -> Option<(CardEnd, ResponseApdu)> {
        let challenge = if self.parameters.pseudo_random() {
            let counter = self.counter;
            CardChallenge::PseudoRandom { counter, aid: &AID }
        } else {
            CardChallenge::Random([!self.random; 16])
        };
        let (session, answer) = CardSession::initialize_update(
            &self.keys,
            self.parameters,
            KVN,
            [0; 10],
            challenge,
            &self.host_challenge(),
        )
        .ok()?;
        let in_buffer = self.random & 1 != 0;
        Some((CardEnd { session, in_buffer }, answer))
    }

    /// Both ends, authenticated.
    pub fn open(&self) -> Option<(HostEnd, CardEnd)> {
        let (mut card, answer) = self.card()?;
        let host = self
            .host(KVN)?
            .receive(&answer, self.level, Some(&AID))
            .ok()?;
        let answer = card.session.external_authenticate(&host.command());
        assert_eq!(answer, ResponseApdu::ok());
        let channel = host.receive(&answer).ok()?;
        let in_buffer = self.random & 2 != 0;
        Some((HostEnd { channel, in_buffer }, card))
    }

    /// A script that opens this session.
    pub fn script(&self) -> Option<ScriptBuilder> {
        ScriptBuilder::start(
            &self.keys,
            KVN,
            self.parameters,
            &AID,
            self.counter,
            self.level,
            &self.host_challenge(),
        )
        .and_then(|script| script.on_channel(self.channel))
        .ok()
    }
}

/// The host's end of an open session. Every other call goes through the caller's buffer.
pub struct HostEnd {
    /// The channel itself.
    pub channel: Channel,
    in_buffer: bool,
}

impl HostEnd {
    /// The protected command as sent; nothing when it cannot be protected.
    pub fn sends(&mut self, command: &CommandApdu) -> Option<Vec<u8>> {
        self.in_buffer = !self.in_buffer;
        if !self.in_buffer {
            return self.channel.wrap(command).ok()?.encode().ok();
        }
        let mut out = [0; 512];
        let wrapped = self.channel.wrap_into(command, &mut out).ok()?;
        Some(wrapped.as_bytes().to_vec())
    }

    /// The clear response; nothing when it is not believed.
    pub fn hears(&mut self, response: &[u8]) -> Option<ResponseApdu> {
        match ResponseApdu::decode(response) {
            Ok(response) if self.in_buffer => self.channel.unwrap(&response).ok(),
            _ => {
                let mut response = response.to_vec();
                let clear = self.channel.unwrap_in_place(&mut response).ok()?;
                Some(clear.to_owned())
            }
        }
    }

    /// No call does anything any more.
    pub fn assert_dead(&mut self) {
        assert!(
            self.sends(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02))
                .is_none()
        );
        assert!(self.hears(&[0x90, 0x00]).is_none());
        assert!(self.channel.level().is_none());
    }
}

/// The card's end of a session. Every other call goes through the caller's buffer.
pub struct CardEnd {
    /// The session itself.
    pub session: CardSession,
    in_buffer: bool,
}

impl CardEnd {
    /// The clear command; nothing when it is refused, by 6982, or by 6700 when the bytes are no
    /// command and no MAC is due.
    pub fn hears(&mut self, command: &[u8]) -> Option<CommandApdu> {
        self.in_buffer = !self.in_buffer;
        let decoded = CommandApdu::decode(command);
        let no_apdu = decoded.is_err();
        let heard = match decoded {
            Ok(command) if !self.in_buffer => self.session.unwrap(&command),
            _ => {
                let mut command = command.to_vec();
                let plain = self.session.unwrap_in_place(&mut command);
                plain.map(|plain| plain.to_owned())
            }
        };
        if let Err(sw) = heard {
            assert!(sw == StatusWord::SECURITY_STATUS || no_apdu && sw == StatusWord::WRONG_LENGTH);
        }
        heard.ok()
    }

    /// The protected response; the session answers BEGIN and END R-MAC SESSION by itself.
    pub fn answers(&mut self, plain: &CommandApdu, response: &ResponseApdu) -> Vec<u8> {
        let own = match (plain.is_proprietary(), plain.ins) {
            (true, 0x7A) => self.session.begin_r_mac(plain),
            (true, 0x78) => self.session.end_r_mac(plain),
            _ => response.clone(),
        };
        if self.in_buffer {
            return self.session.wrap(own).encode();
        }
        let mut out = [0; 512];
        let wrapped = self.session.wrap_into(own.view(), &mut out);
        wrapped.map(<[u8]>::to_vec).unwrap_or_default()
    }
}

/// A plain command as an input chooses it; BEGIN and END R-MAC SESSION are frequent.
pub fn choose_command(input: &mut Input<'_>) -> CommandApdu {
    let kind = input.u8();
    let p1 = input.u8();
    let command = match kind & 7 {
        0 => CommandApdu::new(0x80, 0x7A, [0x10, 0x30][usize::from(p1 & 1)], 0x01),
        1 => CommandApdu::new(0x80, 0x78, 0x00, 0x03),
        2 => CommandApdu::new(0x00, input.u8(), p1, input.u8()),
        3 => CommandApdu::new(0x80, 0x7A, p1, input.u8()),
        _ => CommandApdu::new(0x80, input.u8(), p1, input.u8()),
    };
    let command = if kind & 8 != 0 {
        command.with_data(input.bytes())
    } else {
        command
    };
    let command = if kind & 16 != 0 {
        command.with_le(u32::from(input.u8()) + 1)
    } else {
        command
    };
    if kind & 32 != 0 {
        command.with_extended_length()
    } else {
        command
    }
}

/// A plain response as an input chooses it; data only where the card may send some.
pub fn choose_response(input: &mut Input<'_>) -> ResponseApdu {
    let sw = StatusWord(match input.u8() & 7 {
        0 => 0x6A80,
        1 => 0x6300 | u16::from(input.u8()),
        2 => 0x6200 | u16::from(input.u8()),
        3 => input.u16(),
        _ => 0x9000,
    });
    let data = if sw.is_ok_or_warning() {
        input.bytes().to_vec()
    } else {
        Vec::new()
    };
    ResponseApdu { data, sw }
}
