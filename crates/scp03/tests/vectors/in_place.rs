//! The recorded exchanges once more, in buffers of the caller.

use globalplatform::apdu::{CommandRef, ResponseRef};
use scp03::{CardSession, Channel, WrapError};

use crate::entry::{Because as _, Entry, Outcome, same};

/// The largest protected APDU: header, Lc, data, Le.
const LARGEST: usize = 4 + 3 + 65_535 + 2;

/// Both ends of a session, and the buffer of a transport.
pub struct InPlace {
    channel: Channel,
    card: CardSession,
    buffer: Vec<u8>,
}

impl InPlace {
    pub fn new(channel: Channel, card: CardSession) -> Self {
        Self {
            channel,
            card,
            buffer: vec![0xEE; LARGEST],
        }
    }

    pub fn run(&mut self, exchange: Entry<'_>) -> Outcome {
        let command = exchange.hex("command")?;
        let command = CommandRef::decode(&command).because("command")?;
        let on_wire = exchange.hex("wrapped_command")?;
        let grows = CommandRef::decode(&on_wire).because("wrapped command")?;
        if grows.extended && !command.extended {
            self.channel.allow_extended_length();
        }
        // No room for the last byte: nothing happens.
        let needed = on_wire.len();
        let small = self.buffer.get_mut(..needed - 1).ok_or("buffer")?;
        let refused = self.channel.wrap_into(command, small);
        if refused != Err(WrapError::BufferTooSmall { needed }) {
            return Err(format!("a buffer that is too small gives {refused:?}"));
        }
        let wrapped = self.channel.wrap_into(command, &mut self.buffer);
        same("wrapped in place", wrapped.because("wrap_into")?, &on_wire)?;

        let received = self.buffer.get_mut(..needed).ok_or("buffer")?;
        let plain = self
            .card
            .unwrap_in_place(received)
            .map_err(|sw| format!("the card refuses: {sw}"))?;
        same("header", plain.header(), command.header())?;
        same("unwrapped in place", plain.data, command.data)?;
        if !exchange.has("response") {
            return Ok(());
        }
        let own = match (plain.is_proprietary(), plain.ins) {
            (true, 0x7A) => Some(self.card.begin_r_mac(plain)),
            (true, 0x78) => Some(self.card.end_r_mac(plain)),
            _ => None,
        };
        let response = exchange.hex("response")?;
        if let Some(own) = own {
            same("own response", own.encode(), &response)?;
        }
        self.response(exchange, &response)
    }

    fn response(&mut self, exchange: Entry<'_>, response: &[u8]) -> Outcome {
        let response = ResponseRef::decode(response).because("response")?;
        let expected = exchange.hex("wrapped_response")?;
        let needed = expected.len();
        let small = self.buffer.get_mut(..needed - 1).ok_or("buffer")?;
        if self.card.wrap_into(response, small).is_ok() {
            return Err("a response fits a buffer that is too small".into());
        }
        let sent = self.card.wrap_into(response, &mut self.buffer);
        same("wrapped response", sent.because("wrap_into")?, &expected)?;
        let received = self.buffer.get_mut(..needed).ok_or("buffer")?;
        let opened = self.channel.unwrap_in_place(received);
        let opened = opened.because("unwrap_in_place")?;
        same("status word", opened.sw.to_bytes(), response.sw.to_bytes())?;
        same("response", opened.data, response.data)
    }
}
