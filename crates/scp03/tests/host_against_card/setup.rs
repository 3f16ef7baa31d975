//! A host and a card that know the same keys.

use globalplatform::apdu::ResponseApdu;
use proptest::prelude::*;
use scp03::card::next_sequence_counter;
use scp03::{
    CardChallenge, CardSession, Channel, Host, Mode, ScpParameters, SecurityLevel, StaticKeys,
};

pub const AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
pub const KVN: u8 = 0x30;
pub const KDD: [u8; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// Everything a session depends on.
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
}

impl Setup {
    pub fn new(key_length: usize, i: u8, level: SecurityLevel) -> Self {
        let key = |byte: u8| vec![byte; key_length];
        Self {
            keys: StaticKeys::from_bytes(&key(0x11), &key(0x22), &key(0x33)).unwrap(),
            parameters: ScpParameters::new(i).unwrap(),
            level,
            channel: 0,
            counter: 41,
            host_random: [0xAB; 16],
            card_random: [0xCD; 16],
        }
    }

    pub fn mode(&self) -> Mode {
        self.parameters.mode()
    }

    pub fn host_challenge(&self) -> &[u8] {
        &self.host_random[..self.mode().length()]
    }

    /// The card after INITIALIZE UPDATE.
    pub fn card(&self) -> (CardSession, ResponseApdu) {
        let challenge = if self.parameters.pseudo_random() {
            let counter = next_sequence_counter(self.counter).unwrap();
            CardChallenge::PseudoRandom { counter, aid: &AID }
        } else {
            CardChallenge::Random(self.card_random)
        };
        let challenge_of_host = self.host_challenge();
        CardSession::initialize_update(
            &self.keys,
            self.parameters,
            KVN,
            KDD,
            challenge,
            challenge_of_host,
        )
        .unwrap()
    }

    /// Both ends, authenticated.
    pub fn open(&self) -> (Channel, CardSession) {
        let host = Host::start(&self.keys, KVN, self.mode(), self.host_challenge()).unwrap();
        let host = host.on_channel(self.channel).unwrap();
        let (mut card, response) = self.card();
        let host = host.receive(&response, self.level, Some(&AID)).unwrap();
        let response = card.external_authenticate(&host.command());
        assert!(card.is_authenticated());
        (host.receive(&response).unwrap(), card)
    }
}

/// Every key length, every level with every `i` that offers it, every logical channel.
pub fn any_setup() -> impl Strategy<Value = Setup> {
    any_setup_at(&SecurityLevel::ALL)
}

/// The same at some levels only.
pub fn any_setup_at(levels: &[SecurityLevel]) -> impl Strategy<Value = Setup> + use<> {
    let levels = levels.to_vec();
    (
        prop::sample::select(vec![16usize, 24, 32]),
        any::<[u8; 32]>(),
        prop::sample::select(levels).prop_flat_map(|level| (Just(level), any_parameters(level))),
        0u8..20,
        0u32..0xFF_FFFF,
        any::<([u8; 16], [u8; 16])>(),
    )
        .prop_map(
            |(length, seed, (level, parameters), channel, counter, random)| {
                let key = |xor: u8| {
                    seed[..length]
                        .iter()
                        .map(|byte| byte ^ xor)
                        .collect::<Vec<_>>()
                };
                Setup {
                    keys: StaticKeys::from_bytes(&key(0), &key(1), &key(2)).unwrap(),
                    parameters,
                    level,
                    channel,
                    counter,
                    host_random: random.0,
                    card_random: random.1,
                }
            },
        )
}

fn any_parameters(level: SecurityLevel) -> impl Strategy<Value = ScpParameters> {
    let responses = match (level.r_mac(), level.r_encryption()) {
        (_, true) => vec![0x60],
        (true, false) => vec![0x20, 0x60],
        (false, false) => vec![0x00, 0x20, 0x60],
    };
    (
        prop::sample::select(responses),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(i, s16, pseudo_random)| {
            let i = i | if s16 { 0x01 } else { 0x00 } | if pseudo_random { 0x10 } else { 0x00 };
            ScpParameters::new(i).unwrap()
        })
}
