//! Wrapping and unwrapping in open sessions, both ends.

use std::error::Error;
use std::hint::black_box;

use aes::{Aes128, Aes128Enc};
use cipher::KeyInit as _;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::{
    CardChallenge, CardSession, Channel, Host, Mode, ScpParameters, SecurityLevel, StaticKeys,
};

use crate::limit::{self, Block};
use crate::measure::Fastest;

/// As many sessions take turns, so that each one's next step can be timed in one go; their keys
/// still fit the first cache.
const SESSIONS: usize = 8;

/// What a session does with one command.
#[derive(Clone, Copy)]
pub enum Phase {
    HostWrap,
    CardUnwrap,
    CardWrap,
    HostUnwrap,
}

impl Phase {
    pub const ALL: [Self; 4] = [
        Self::HostWrap,
        Self::CardUnwrap,
        Self::CardWrap,
        Self::HostUnwrap,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::HostWrap => "host wrap",
            Self::CardUnwrap => "card unwrap",
            Self::CardWrap => "card wrap",
            Self::HostUnwrap => "host unwrap",
        }
    }
}

/// The fastest turn of every phase.
#[derive(Clone, Copy)]
pub struct Phases([Fastest; 4]);

impl Phases {
    pub fn of(&self, phase: Phase) -> &Fastest {
        &self.0[phase as usize]
    }

    fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        self.0[phase as usize].time(SESSIONS, work)
    }
}

/// Both ends of an open session.
pub fn open(key: [u8; 16], level: SecurityLevel) -> Result<(Channel, CardSession), Box<dyn Error>> {
    let keys = StaticKeys::from_bytes(&key, &key, &key)?;
    let challenge = CardChallenge::Random([9; 16]);
    let host = Host::start(&keys, 0x30, Mode::S8, &[8; 8])?;
    let (mut card, response) = CardSession::initialize_update(
        &keys,
        ScpParameters::new(0x60)?,
        0x30,
        [0; 10],
        challenge,
        &[8; 8],
    )
    .map_err(|sw| sw.to_string())?;
    let host = host.receive(&response, level, None)?;
    let response = card.external_authenticate(&host.command());
    Ok((host.receive(&response)?, card))
}

struct Ours {
    channel: Channel,
    card: CardSession,
    buffer: [u8; 272],
    length: usize,
}

/// Times ours and the limit.
pub fn measure(length: usize, rounds: usize) -> Result<(Phases, Phases), Box<dyn Error>> {
    let mut sessions = Vec::new();
    let mut bare = Vec::new();
    for i in 0..SESSIONS as u8 {
        let (channel, card) = open([i; 16], SecurityLevel::Full)?;
        sessions.push(Ours {
            channel,
            card,
            buffer: [0; 272],
            length: 0,
        });
        let blocks: Vec<Block> = vec![[i; 16]; length / 16 + 1];
        let key = [i; 16].into();
        bare.push((Aes128::new(&key), Aes128Enc::new(&key), blocks));
    }
    let command = CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(vec![0x5A; length]);
    let response = ResponseApdu {
        data: vec![0xA5; length],
        sw: StatusWord::OK,
    };
    let (mut ours, mut limit) = (Phases([Fastest::new(); 4]), Phases([Fastest::new(); 4]));
    for _ in 0..rounds {
        turn(&mut sessions, &command, &response, &mut ours)?;
        for phase in Phase::ALL {
            limit.time(phase, || {
                for (enc, mac, blocks) in &mut bare {
                    let blocks = black_box(blocks.as_mut_slice());
                    match phase {
                        // Chaining value before, and the rest of the last block behind.
                        Phase::HostWrap | Phase::CardWrap => limit::wrap(enc, mac, blocks, 2),
                        Phase::CardUnwrap | Phase::HostUnwrap => {
                            limit::unwrap(enc, mac, blocks, 2);
                        }
                    }
                }
            });
        }
    }
    Ok((ours, limit))
}

fn turn(
    sessions: &mut [Ours],
    command: &CommandApdu,
    response: &ResponseApdu,
    ours: &mut Phases,
) -> Result<(), Box<dyn Error>> {
    ours.time(Phase::HostWrap, || {
        sessions.iter_mut().try_for_each(|s| {
            let wrapped = s.channel.wrap_into(black_box(command), &mut s.buffer)?;
            s.length = wrapped.as_bytes().len();
            Ok::<_, Box<dyn Error>>(())
        })
    })?;
    ours.time(Phase::CardUnwrap, || {
        sessions.iter_mut().try_for_each(|s| {
            let opened = s.card.unwrap_in_place(&mut s.buffer[..s.length]);
            black_box(opened.map_err(|sw| sw.to_string())?);
            Ok::<_, Box<dyn Error>>(())
        })
    })?;
    ours.time(Phase::CardWrap, || {
        sessions.iter_mut().try_for_each(|s| {
            s.length = s.card.wrap_into(black_box(response), &mut s.buffer)?.len();
            Ok::<_, Box<dyn Error>>(())
        })
    })?;
    ours.time(Phase::HostUnwrap, || {
        sessions.iter_mut().try_for_each(|s| {
            black_box(s.channel.unwrap_in_place(&mut s.buffer[..s.length])?);
            Ok::<_, Box<dyn Error>>(())
        })
    })
}
