//! A card with nothing but key sets and secure channels, made of the crate's card end: it executes
//! every command by answering 9000.

use std::collections::BTreeMap;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::card::next_sequence_counter;
use scp03::{CardChallenge, CardSession, ScpParameters, StaticKeys};

/// One key version and its sequence counter.
pub struct KeySet {
    pub version: u8,
    pub keys: StaticKeys,
    pub counter: u32,
}

pub struct CardModel {
    pub parameters: ScpParameters,
    pub kdd: [u8; 10],
    pub aid: Vec<u8>,
    pub random: [u8; 16],
    /// The first one is the default.
    pub key_sets: Vec<KeySet>,
    pub sessions: BTreeMap<u8, CardSession>,
}

impl CardModel {
    pub fn transmit(&mut self, command: &[u8]) -> ResponseApdu {
        let Ok(command) = CommandApdu::decode(command) else {
            return StatusWord::WRONG_LENGTH.into();
        };
        let channel = command.logical_channel();
        let own = command.is_proprietary();
        match command.ins {
            0x50 if own && !command.is_secured() => self
                .initialize_update(&command)
                .unwrap_or_else(ResponseApdu::status),
            0x82 if own => match self.sessions.get_mut(&channel) {
                Some(session) => session.external_authenticate(&command),
                None => StatusWord::CONDITIONS.into(),
            },
            _ => match self.sessions.get_mut(&channel) {
                Some(session) => execute(session, &command),
                None if command.is_secured() => StatusWord::SECURITY_STATUS.into(),
                None => ResponseApdu::ok(),
            },
        }
    }

    fn initialize_update(&mut self, command: &CommandApdu) -> Result<ResponseApdu, StatusWord> {
        let channel = command.logical_channel();
        self.sessions.remove(&channel);
        let set = self
            .key_sets
            .iter_mut()
            .find(|set| command.p1 == 0 || command.p1 == set.version)
            .ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let challenge = if self.parameters.pseudo_random() {
            if command.data.len() != self.parameters.mode().length() {
                return Err(StatusWord::WRONG_LENGTH);
            }
            set.counter = next_sequence_counter(set.counter)?;
            CardChallenge::PseudoRandom {
                counter: set.counter,
                aid: &self.aid,
            }
        } else {
            CardChallenge::Random(self.random)
        };
        let (session, response) = CardSession::initialize_update(
            &set.keys,
            self.parameters,
            set.version,
            self.kdd,
            challenge,
            &command.data,
        )?;
        self.sessions.insert(channel, session);
        Ok(response)
    }
}

fn execute(session: &mut CardSession, command: &CommandApdu) -> ResponseApdu {
    let plain = match session.unwrap(command) {
        Ok(plain) => plain,
        Err(sw) => return sw.into(),
    };
    let response = match plain.ins {
        0x7A if plain.is_proprietary() => session.begin_r_mac(&plain),
        0x78 if plain.is_proprietary() => session.end_r_mac(&plain),
        _ => ResponseApdu::ok(),
    };
    session.wrap(response)
}
