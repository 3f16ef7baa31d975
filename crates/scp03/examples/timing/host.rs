//! The checks of the host end: card challenge and cryptogram, R-MAC, padding.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use scp03::{Channel, ChannelError, Host, HostError, Mode, SecurityLevel};

use crate::calls::Calls;
use crate::card::expect;
use crate::forge::{self, MODES, Result};

pub fn all(calls: &mut Calls) -> Result<()> {
    for mode in MODES {
        let (challenge, cryptogram) = match mode {
            Mode::S8 => ("host, card challenge, S8", "host, card cryptogram, S8"),
            Mode::S16 => ("host, card challenge, S16", "host, card cryptogram, S16"),
        };
        opening(calls, challenge, mode, 13)?;
        opening(calls, cryptogram, mode, 13 + mode.length())?;
        r_mac(calls, mode)?;
        padding(calls, mode)?;
    }
    Ok(())
}

/// A wrong byte in the answer to INITIALIZE UPDATE, in the field that begins at `offset`.
fn opening(calls: &mut Calls, group: &'static str, mode: Mode, offset: usize) -> Result<()> {
    let keys = forge::keys()?;
    for position in 0..mode.length() {
        let (_, mut answer) = forge::card(mode)?;
        answer.data[offset + position] ^= 0x01;
        let host = Host::start(&keys, 0x30, mode, forge::host_challenge(mode))?;
        let received = calls.call(group, position as u32, || {
            host.receive(&answer, SecurityLevel::Full, Some(&forge::AID))
        });
        expect(received.is_err_and(|error| error == HostError::NotGenuine))?;
    }
    Ok(())
}

/// A session whose GET STATUS waits for its answer.
fn waiting(mode: Mode) -> Result<Channel> {
    let (mut channel, _) = forge::open(mode)?;
    channel.wrap(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02))?;
    Ok(channel)
}

fn response(mode: Mode, padded: &[u8]) -> Result<ResponseApdu> {
    forge::response(mode, &forge::get_status_chaining(mode)?, padded)
}

fn r_mac(calls: &mut Calls, mode: Mode) -> Result<()> {
    let group = match mode {
        Mode::S8 => "host, R-MAC, S8",
        Mode::S16 => "host, R-MAC, S16",
    };
    let padded = forge::good_padding()[0];
    for position in 0..mode.length() {
        let mut channel = waiting(mode)?;
        let mut response = response(mode, &padded)?;
        response.data[padded.len() + position] ^= 0x01;
        let opened = calls.call(group, position as u32, || channel.unwrap(&response));
        refused(&channel, opened)?;
    }
    Ok(())
}

fn padding(calls: &mut Calls, mode: Mode) -> Result<()> {
    let (wrong, right) = match mode {
        Mode::S8 => ("host, wrong padding, S8", "host, right padding, S8"),
        Mode::S16 => ("host, wrong padding, S16", "host, right padding, S16"),
    };
    for (case, padded) in (0..).zip(forge::bad_padding()) {
        let mut channel = waiting(mode)?;
        let response = response(mode, &padded)?;
        let opened = calls.call(wrong, case, || channel.unwrap(&response));
        refused(&channel, opened)?;
    }
    for (case, padded) in (0..).zip(forge::good_padding()) {
        let mut channel = waiting(mode)?;
        let response = response(mode, &padded)?;
        let opened = calls.call(right, case, || channel.unwrap(&response));
        expect(opened.is_ok_and(|clear| clear.data == padded[..16 + case as usize]))?;
    }
    Ok(())
}

/// One error for everything, and the session gone.
fn refused(
    channel: &Channel,
    opened: std::result::Result<ResponseApdu, ChannelError>,
) -> Result<()> {
    expect(opened == Err(ChannelError::NotGenuine) && channel.level().is_none())
}
