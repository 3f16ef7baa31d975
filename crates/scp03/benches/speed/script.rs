//! Building a whole script, opening included, beside the bare blocks of its commands.

use std::error::Error;
use std::hint::black_box;

use aes::{Aes128, Aes128Enc};
use cipher::KeyInit as _;
use globalplatform::apdu::CommandApdu;
use scp03::{ScpParameters, ScriptBuilder, SecurityLevel, StaticKeys};

use crate::limit::{self, Block};
use crate::measure::Fastest;

/// Commands of one script, without the two that open the session.
pub const COMMANDS: usize = 150;

/// Times building the script; the limit is that of its commands alone, without the opening.
pub fn measure(length: usize, rounds: usize) -> Result<(Fastest, Fastest), Box<dyn Error>> {
    let keys = StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16])?;
    let isd = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
    let parameters = ScpParameters::new(0x70)?;
    let level = SecurityLevel::Full;
    let command = CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(vec![0x5A; length]);

    let (enc, mac) = (
        Aes128::new(&[1; 16].into()),
        Aes128Enc::new(&[2; 16].into()),
    );
    let mut blocks: Vec<Block> = vec![[6; 16]; length / 16 + 1];
    let (mut ours, mut limit) = (Fastest::new(), Fastest::new());
    for _ in 0..rounds {
        ours.time(COMMANDS, || {
            let mut script =
                ScriptBuilder::start(&keys, 0x30, parameters, &isd, 42, level, &[7; 8])?;
            for _ in 0..COMMANDS {
                script.push(black_box(&command))?;
            }
            black_box(script.finish());
            Ok::<_, Box<dyn Error>>(())
        })?;
        limit.time(COMMANDS, || {
            for _ in 0..COMMANDS {
                limit::wrap(&enc, &mac, black_box(&mut blocks), 2);
            }
        });
    }
    Ok((ours, limit))
}
