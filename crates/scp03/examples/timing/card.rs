//! The checks of the card end: C-MAC, host cryptogram, padding.

use scp03::Mode;

use crate::calls::Calls;
use crate::forge::{self, MODES, Result};

pub fn all(calls: &mut Calls) -> Result<()> {
    for mode in MODES {
        host_cryptogram(calls, mode)?;
        c_mac_of_authentication(calls, mode)?;
        c_mac(calls, mode)?;
        padding(calls, mode)?;
    }
    Ok(())
}

fn host_cryptogram(calls: &mut Calls, mode: Mode) -> Result<()> {
    let group = match mode {
        Mode::S8 => "card, host cryptogram, S8",
        Mode::S16 => "card, host cryptogram, S16",
    };
    let (_, answer) = forge::card(mode)?;
    let genuine = forge::host(mode, &answer)?.command();
    for position in 0..mode.length() {
        let mut cryptogram = genuine.data[..mode.length()].to_vec();
        cryptogram[position] ^= 0x01;
        let command = forge::external_authenticate(mode, &cryptogram)?;
        let (mut card, _) = forge::card(mode)?;
        let answer = calls.call(group, position as u32, || {
            card.external_authenticate(&command)
        });
        expect(answer.sw.to_bytes() == [0x63, 0x00])?;
    }
    Ok(())
}

fn c_mac_of_authentication(calls: &mut Calls, mode: Mode) -> Result<()> {
    let group = match mode {
        Mode::S8 => "card, C-MAC of EXTERNAL AUTHENTICATE, S8",
        Mode::S16 => "card, C-MAC of EXTERNAL AUTHENTICATE, S16",
    };
    for position in 0..mode.length() {
        let (mut card, answer) = forge::card(mode)?;
        let mut command = forge::host(mode, &answer)?.command().into_command();
        command.data[mode.length() + position] ^= 0x01;
        let answer = calls.call(group, position as u32, || {
            card.external_authenticate(&command)
        });
        expect(answer.sw.to_bytes() == [0x69, 0x82])?;
    }
    Ok(())
}

fn c_mac(calls: &mut Calls, mode: Mode) -> Result<()> {
    let group = match mode {
        Mode::S8 => "card, C-MAC, S8",
        Mode::S16 => "card, C-MAC, S16",
    };
    let padded = forge::good_padding()[0];
    for position in 0..mode.length() {
        let (_, mut card) = forge::open(mode)?;
        let mut command = forge::command(mode, &padded)?;
        command.data[padded.len() + position] ^= 0x01;
        let opened = calls.call(group, position as u32, || card.unwrap(&command));
        expect(opened.is_err_and(|sw| sw.to_bytes() == [0x69, 0x82]) && card.is_aborted())?;
    }
    Ok(())
}

fn padding(calls: &mut Calls, mode: Mode) -> Result<()> {
    let (wrong, right) = match mode {
        Mode::S8 => ("card, wrong padding, S8", "card, right padding, S8"),
        Mode::S16 => ("card, wrong padding, S16", "card, right padding, S16"),
    };
    for (case, padded) in (0..).zip(forge::bad_padding()) {
        let (_, mut card) = forge::open(mode)?;
        let command = forge::command(mode, &padded)?;
        let opened = calls.call(wrong, case, || card.unwrap(&command));
        expect(opened.is_err_and(|sw| sw.to_bytes() == [0x69, 0x82]) && card.is_aborted())?;
    }
    for (case, padded) in (0..).zip(forge::good_padding()) {
        let (_, mut card) = forge::open(mode)?;
        let command = forge::command(mode, &padded)?;
        let opened = calls.call(right, case, || card.unwrap(&command));
        expect(opened.is_ok_and(|clear| clear.data == padded[..16 + case as usize]))?;
    }
    Ok(())
}

/// The check must have found what it was meant to find: otherwise something else was measured.
pub fn expect(holds: bool) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err("a forged message was not refused as expected".into())
    }
}
