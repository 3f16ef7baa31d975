//! Messages that are right but for the one thing a check must find: made with the session keys, so
//! that everything checked before it passes.

use std::error::Error;

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::keys::SessionKeys;
use scp03::{
    AesKey, AwaitingAuthentication, CardChallenge, CardSession, Channel, DekKey, Host, Mode,
    ScpParameters, SecurityLevel, StaticKeys,
};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub const AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
pub const MODES: [Mode; 2] = [Mode::S8, Mode::S16];
const HOST_CHALLENGE: [u8; 16] = [0x17; 16];

pub fn keys() -> Result<StaticKeys> {
    Ok(StaticKeys::from_bytes(&[1; 16], &[2; 16], &[3; 16])?)
}

pub fn host_challenge(mode: Mode) -> &'static [u8] {
    &HOST_CHALLENGE[..mode.length()]
}

/// The card after INITIALIZE UPDATE, and its answer.
pub fn card(mode: Mode) -> Result<(CardSession, ResponseApdu)> {
    let i = match mode {
        Mode::S8 => 0x70,
        Mode::S16 => 0x71,
    };
    let challenge = CardChallenge::PseudoRandom {
        counter: 1,
        aid: &AID,
    };
    let parameters = ScpParameters::new(i)?;
    let host = host_challenge(mode);
    CardSession::initialize_update(&keys()?, parameters, 0x30, [0; 10], challenge, host)
        .map_err(|sw| sw.to_string().into())
}

/// The host after a genuine answer to INITIALIZE UPDATE.
pub fn host(mode: Mode, answer: &ResponseApdu) -> Result<AwaitingAuthentication> {
    let host = Host::start(&keys()?, 0x30, mode, host_challenge(mode))?;
    Ok(host.receive(answer, SecurityLevel::Full, Some(&AID))?)
}

/// Both ends of an open session at level 33.
pub fn open(mode: Mode) -> Result<(Channel, CardSession)> {
    let (mut card, answer) = card(mode)?;
    let host = host(mode, &answer)?;
    let response = card.external_authenticate(&host.command());
    Ok((host.receive(&response)?, card))
}

/// The session keys of all these sessions.
pub fn session_keys(mode: Mode) -> Result<SessionKeys> {
    let (_, answer) = card(mode)?;
    let challenge = &answer.data[13..13 + mode.length()];
    Ok(SessionKeys::derive(
        &keys()?,
        host_challenge(mode),
        challenge,
    ))
}

/// EXTERNAL AUTHENTICATE with this host cryptogram and a right C-MAC.
pub fn external_authenticate(mode: Mode, cryptogram: &[u8]) -> Result<CommandApdu> {
    let length = 2 * mode.length() as u8;
    let mac = AesKey::from_bytes(session_keys(mode)?.mac.danger_bytes())?;
    let header = [0x84, 0x82, 0x33, 0x00];
    let mac = mac.cmac(&[&[0; 16], &header[..], &[length], cryptogram].concat());
    let data = [cryptogram, &mac[..mode.length()]].concat();
    Ok(CommandApdu::new(0x84, 0x82, 0x33, 0x00).with_data(data))
}

/// AES-CBC under S-ENC with the initial vector of this counter block.
fn encrypt(keys: &SessionKeys, counter_block: u128, padded: &[u8]) -> Result<Vec<u8>> {
    // CBC with a zero initial vector is what a DEK does; the real one is added by hand.
    let enc = DekKey::from_bytes(keys.enc.danger_bytes())?;
    let mut initial_vector = counter_block.to_be_bytes();
    enc.encrypt(&mut initial_vector)?;
    let mut data = padded.to_vec();
    for (byte, value) in data.iter_mut().zip(initial_vector) {
        *byte ^= value;
    }
    enc.encrypt(&mut data)?;
    Ok(data)
}

/// The first command of the session, encrypted from `padded` as it stands, with a right C-MAC.
pub fn command(mode: Mode, padded: &[u8]) -> Result<CommandApdu> {
    let keys = session_keys(mode)?;
    let data = encrypt(&keys, 1, padded)?;
    let chaining = chaining_after_authentication(mode)?;
    let lc = (data.len() + mode.length()) as u8;
    let header = [0x84, 0xE2, 0x90, 0x00, lc];
    let mac = AesKey::from_bytes(keys.mac.danger_bytes())?;
    let mac = mac.cmac(&[&chaining[..], &header, &data].concat());
    let data = [&data, &mac[..mode.length()]].concat();
    Ok(CommandApdu::new(0x84, 0xE2, 0x90, 0x00).with_data(data))
}

/// The response to that command when its chaining value is `chaining`, with a right R-MAC.
pub fn response(mode: Mode, chaining: &[u8; 16], padded: &[u8]) -> Result<ResponseApdu> {
    let keys = session_keys(mode)?;
    let data = encrypt(&keys, 0x80 << 120 | 1, padded)?;
    let mac = AesKey::from_bytes(keys.rmac.danger_bytes())?;
    let mac = mac.cmac(&[&chaining[..], &data, &[0x90, 0x00]].concat());
    let data = [&data, &mac[..mode.length()]].concat();
    Ok(ResponseApdu {
        data,
        sw: StatusWord::OK,
    })
}

/// The whole C-MAC of EXTERNAL AUTHENTICATE.
fn chaining_after_authentication(mode: Mode) -> Result<[u8; 16]> {
    let (_, answer) = card(mode)?;
    let command = host(mode, &answer)?.command();
    let cryptogram = &command.data[..mode.length()];
    let mac = AesKey::from_bytes(session_keys(mode)?.mac.danger_bytes())?;
    let header = [0x84, 0x82, 0x33, 0x00, command.data.len() as u8];
    Ok(mac.cmac(&[&[0; 16][..], &header, cryptogram].concat()))
}

/// The whole C-MAC of a command without data that follows, GET STATUS.
pub fn get_status_chaining(mode: Mode) -> Result<[u8; 16]> {
    let chaining = chaining_after_authentication(mode)?;
    let mac = AesKey::from_bytes(session_keys(mode)?.mac.danger_bytes())?;
    let header = [0x84, 0xF2, 0x40, 0x02, mode.length() as u8];
    Ok(mac.cmac(&[&chaining[..], &header].concat()))
}

/// Two blocks whose padding is wrong, each in another way: no marker at all, another byte in its
/// place at every position, the marker in the block before. Same length and same prefix for all.
pub fn bad_padding() -> Vec<[u8; 32]> {
    let mut all = Vec::new();
    let block = |position: usize, byte: u8| {
        let mut block = [0x5A; 32];
        block[position] = byte;
        block[position + 1..].fill(0x00);
        block
    };
    for position in 0..32 {
        for byte in [0x01, 0x40, 0x7F, 0x81, 0xC0, 0xFF] {
            all.push(block(position, byte));
        }
        if position < 16 {
            all.push(block(position, 0x80));
        }
    }
    all.push([0; 32]);
    all
}

/// Two blocks with right padding, for every position of the marker.
pub fn good_padding() -> Vec<[u8; 32]> {
    (16..32)
        .map(|position| {
            let mut block = [0x5A; 32];
            block[position] = 0x80;
            block[position + 1..].fill(0x00);
            block
        })
        .collect()
}
