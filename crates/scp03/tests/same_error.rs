//! Whatever is wrong with a MAC, a cryptogram or a padding, the answer is the same, and so is the
//! state after it: nothing tells an attacker how near a forgery came.

#[path = "../examples/timing/forge.rs"]
mod forge;

use forge::{MODES, Result};
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::{CardSession, Channel, ChannelError, Host, HostError, SecurityLevel, WrapError};

fn flipped(data: &[u8], bit: usize) -> Vec<u8> {
    let mut data = data.to_vec();
    data[bit / 8] ^= 0x80 >> (bit % 8);
    data
}

fn assert_card_aborts(mut card: CardSession, command: &CommandApdu) {
    assert_eq!(card.unwrap(command), Err(StatusWord::SECURITY_STATUS));
    assert!(card.is_aborted() && !card.is_authenticated());
    assert_eq!(card.level(), SecurityLevel::Authenticated);
    assert_eq!(card.unwrap(command), Err(StatusWord::SECURITY_STATUS));
}

fn assert_host_closes(mut channel: Channel, response: &ResponseApdu) {
    assert_eq!(channel.unwrap(response), Err(ChannelError::NotGenuine));
    assert_eq!((channel.level(), channel.mode()), (None, None));
    assert_eq!(channel.unwrap(response), Err(ChannelError::Closed));
    let next = CommandApdu::new(0x80, 0xF2, 0x40, 0x02);
    assert_eq!(channel.wrap(&next).err(), Some(WrapError::Closed));
}

fn waiting_host(mode: scp03::Mode) -> Result<Channel> {
    let (mut channel, _) = forge::open(mode)?;
    channel.wrap(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02))?;
    Ok(channel)
}

#[test]
fn every_wrong_bit_of_a_command_or_a_response_ends_the_session_the_same_way() -> Result<()> {
    for mode in MODES {
        let padded = forge::good_padding()[7];
        let command = forge::command(mode, &padded)?;
        let response = forge::response(mode, &forge::get_status_chaining(mode)?, &padded)?;
        for bit in 0..8 * command.data.len() {
            let data = flipped(&command.data, bit);
            let command = CommandApdu::new(0x84, 0xE2, 0x90, 0x00).with_data(data);
            assert_card_aborts(forge::open(mode)?.1, &command);
            let data = flipped(&response.data, bit);
            let response = ResponseApdu {
                data,
                sw: response.sw,
            };
            assert_host_closes(waiting_host(mode)?, &response);
        }
    }
    Ok(())
}

#[test]
fn every_wrong_padding_under_a_right_mac_ends_the_session_as_a_wrong_mac_does() -> Result<()> {
    for mode in MODES {
        let chaining = forge::get_status_chaining(mode)?;
        for padded in forge::bad_padding() {
            assert_card_aborts(forge::open(mode)?.1, &forge::command(mode, &padded)?);
            let response = forge::response(mode, &chaining, &padded)?;
            assert_host_closes(waiting_host(mode)?, &response);
        }
        // The forger can do it right as well; otherwise the above proves nothing.
        for (length, padded) in (16..).zip(forge::good_padding()) {
            let opened = forge::open(mode)?.1.unwrap(&forge::command(mode, &padded)?);
            assert_eq!(opened.map(|c| c.data), Ok(padded[..length].to_vec()));
            let response = forge::response(mode, &chaining, &padded)?;
            let opened = waiting_host(mode)?.unwrap(&response);
            assert_eq!(opened.map(|r| r.data), Ok(padded[..length].to_vec()));
        }
    }
    Ok(())
}

#[test]
fn every_wrong_bit_of_a_cryptogram_or_challenge_gets_the_same_answer() -> Result<()> {
    for mode in MODES {
        let (_, answer) = forge::card(mode)?;
        let genuine = forge::host(mode, &answer)?.command();
        for bit in 0..8 * mode.length() {
            let cryptogram = flipped(&genuine.data[..mode.length()], bit);
            let (mut card, _) = forge::card(mode)?;
            let command = forge::external_authenticate(mode, &cryptogram)?;
            let refused = card.external_authenticate(&command);
            assert_eq!(refused, ResponseApdu::status(StatusWord::AUTH_FAILED));
            let again = card.external_authenticate(&command);
            assert_eq!(again, ResponseApdu::status(StatusWord::CONDITIONS));
        }
        // Challenge and cryptogram of the card stand side by side.
        for bit in 13 * 8..(13 + 2 * mode.length()) * 8 {
            let host = Host::start(&forge::keys()?, 0x30, mode, forge::host_challenge(mode))?;
            let answer = ResponseApdu::with_data(flipped(&answer.data, bit));
            let refused = host.receive(&answer, SecurityLevel::Full, Some(&forge::AID));
            assert_eq!(refused.err(), Some(HostError::NotGenuine));
        }
    }
    Ok(())
}
