//! Wrapping and unwrapping, without allocations of our own making in between.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::Mode;

use crate::calls::Calls;
use crate::forge::{self, Result};

/// Clear data in bytes.
const LENGTHS: [usize; 5] = [16, 32, 64, 128, 239];

pub fn all(calls: &mut Calls) -> Result<()> {
    let (mut channel, mut card) = forge::open(Mode::S8)?;
    let mut buffer = [0; 272];
    for length in LENGTHS {
        let command = CommandApdu::new(0x80, 0xE2, 0x90, 0x00).with_data(vec![0x5A; length]);
        let response = ResponseApdu {
            data: vec![0xA5; length],
            sw: StatusWord::OK,
        };
        let case = length as u32;
        let wrapped = calls.call("host wrap", case, || {
            let wrapped = channel.wrap_into(&command, &mut buffer)?;
            Ok::<_, scp03::WrapError>(wrapped.as_bytes().len())
        })?;
        let opened = calls.call("card unwrap", case, || {
            let opened = card.unwrap_in_place(&mut buffer[..wrapped]);
            opened.map(|command| command.data.len())
        });
        crate::card::expect(opened == Ok(length))?;
        let wrapped = calls.call("card wrap", case, || {
            card.wrap_into(&response, &mut buffer).map(<[u8]>::len)
        })?;
        let opened = calls.call("host unwrap", case, || {
            let opened = channel.unwrap_in_place(&mut buffer[..wrapped]);
            opened.map(|response| response.data.len())
        });
        crate::card::expect(opened == Ok(length))?;
    }
    Ok(())
}
