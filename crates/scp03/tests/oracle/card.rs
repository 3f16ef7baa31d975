//! A card around the card end: it takes APDUs as they cross the contacts, puts chained commands
//! together, and answers as it is told.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::put_key::PutKey;
use globalplatform::status_word::StatusWord;
use scp03::card::next_sequence_counter;
use scp03::{CardChallenge, CardSession, ScpParameters, StaticKeys};

use crate::link::word;
use crate::text;

/// CLA b5 of the pieces of a command, but for the last.
const CHAINING: u8 = 0x10;
/// The most that one short response holds.
const SHORT_RESPONSE: usize = 256;

/// The card and what its only application was told to answer.
pub struct Card {
    keys: StaticKeys,
    parameters: ScpParameters,
    version: u8,
    kdd: [u8; 10],
    /// The random challenge, or three bytes: the sequence counter.
    challenge: Vec<u8>,
    aid: Vec<u8>,
    session: Option<CardSession>,
    /// Data of the pieces of a command so far.
    pieces: Vec<u8>,
    /// What did not fit the last response.
    rest: Vec<u8>,
}

impl Card {
    /// A card after reset.
    ///
    /// # Errors
    /// `i` or a length is wrong.
    pub fn new(
        keys: StaticKeys,
        i: u8,
        version: u8,
        kdd: &[u8],
        challenge: &[u8],
        aid: Vec<u8>,
    ) -> Result<Self, String> {
        Ok(Self {
            keys,
            parameters: ScpParameters::new(i).map_err(text)?,
            version,
            kdd: kdd.try_into().map_err(|_| "kdd has ten bytes")?,
            challenge: challenge.to_vec(),
            aid,
            session: None,
            pieces: Vec::new(),
            rest: Vec::new(),
        })
    }

    /// Answers one APDU: the response, the plain command that reached the application, and what
    /// became of the session. The application answers `data` and `sw`.
    pub fn transmit(&mut self, apdu: &[u8], data: Vec<u8>, sw: &[u8]) -> Result<String, String> {
        let sw: [u8; 2] = sw.try_into().map_err(|_| "sw has two bytes")?;
        let answer = ResponseApdu {
            data,
            sw: StatusWord::from(sw),
        };
        let (response, plain) = self.respond(apdu, answer)?;
        let state = match &self.session {
            Some(session) if session.is_aborted() => "aborted",
            Some(session) if session.is_authenticated() => "open",
            _ => "closed",
        };
        Ok(format!("{} {} {state}", word(&response), word(&plain)))
    }

    fn respond(&mut self, apdu: &[u8], answer: ResponseApdu) -> Result<(Vec<u8>, Vec<u8>), String> {
        let Ok(mut command) = CommandApdu::decode(apdu) else {
            return Ok((
                ResponseApdu::status(StatusWord::WRONG_LENGTH).encode(),
                Vec::new(),
            ));
        };
        let short = !command.extended;
        if command.ins == 0xC0 && command.cla & 0x80 == 0 && !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Ok((self.piece(rest), Vec::new()));
        }
        if command.cla & CHAINING != 0 {
            self.pieces.append(&mut command.data);
            return Ok((ResponseApdu::ok().encode(), Vec::new()));
        }
        if !self.pieces.is_empty() {
            let mut whole = std::mem::take(&mut self.pieces);
            whole.append(&mut command.data);
            command.data = whole;
            command.extended = true;
        }
        let (response, plain) = self.process(&command, answer);
        let plain = plain.map_or(Ok(Vec::new()), |plain| plain.encode().map_err(text))?;
        let response = response.encode();
        let response = if short {
            self.piece(response)
        } else {
            response
        };
        Ok((response, plain))
    }

    /// As much of an encoded response as a short one holds; the rest waits for GET RESPONSE.
    fn piece(&mut self, mut response: Vec<u8>) -> Vec<u8> {
        if response.len() <= SHORT_RESPONSE + 2 {
            return response;
        }
        self.rest = response.split_off(SHORT_RESPONSE);
        let left = (self.rest.len() - 2).min(SHORT_RESPONSE);
        response.extend([0x61, (left % SHORT_RESPONSE) as u8]);
        response
    }

    fn process(
        &mut self,
        command: &CommandApdu,
        answer: ResponseApdu,
    ) -> (ResponseApdu, Option<CommandApdu>) {
        match (command.ins, &mut self.session) {
            (0x50, _) => (self.initialize_update(command), None),
            (0x82, Some(session)) => (session.external_authenticate(command), None),
            (_, None) => (StatusWord::CONDITIONS.into(), None),
            (_, Some(session)) => match session.unwrap(command) {
                Err(sw) => (sw.into(), None),
                Ok(plain) => {
                    let (answer, keys) = match plain.ins {
                        0x7A => (session.begin_r_mac(&plain), None),
                        0x78 => (session.end_r_mac(&plain), None),
                        0xD8 => put_key(&self.keys, &plain),
                        _ => (answer, None),
                    };
                    let response = session.wrap(answer);
                    if let Some((keys, version)) = keys {
                        self.keys = keys;
                        self.version = version;
                    }
                    (response, Some(plain))
                }
            },
        }
    }

    fn initialize_update(&mut self, command: &CommandApdu) -> ResponseApdu {
        self.session = None;
        if command.p1 != 0 && command.p1 != self.version {
            return StatusWord::REFERENCED_DATA_NOT_FOUND.into();
        }
        match self.open(command) {
            Ok((session, response)) => {
                self.session = Some(session);
                response
            }
            Err(sw) => sw.into(),
        }
    }

    fn open(&mut self, command: &CommandApdu) -> Result<(CardSession, ResponseApdu), StatusWord> {
        let challenge = match *self.challenge.as_slice() {
            [a, b, c] => {
                let counter = next_sequence_counter(u32::from_be_bytes([0, a, b, c]))?;
                self.challenge = counter.to_be_bytes().into_iter().skip(1).collect();
                CardChallenge::PseudoRandom {
                    counter,
                    aid: &self.aid,
                }
            }
            ref random => {
                let mut challenge = [0; 16];
                challenge
                    .iter_mut()
                    .zip(random)
                    .for_each(|(to, from)| *to = *from);
                CardChallenge::Random(challenge)
            }
        };
        CardSession::initialize_update(
            &self.keys,
            self.parameters,
            self.version,
            self.kdd,
            challenge,
            &command.data,
        )
    }
}

/// Takes a whole key set, which the next session must be opened with.
fn put_key(keys: &StaticKeys, command: &CommandApdu) -> (ResponseApdu, Option<(StaticKeys, u8)>) {
    let Ok(command) = PutKey::from_apdu(command) else {
        return (StatusWord::WRONG_DATA.into(), None);
    };
    match StaticKeys::unwrap_put_key(&command, &keys.dek) {
        Err(error) => (error.status_word().into(), None),
        Ok(new) => {
            let version = command.new_version;
            let response = new.put_key_response(version).encode();
            (ResponseApdu::with_data(response), Some((new, version)))
        }
    }
}
