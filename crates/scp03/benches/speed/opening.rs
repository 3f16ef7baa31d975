//! Opening a session, beside its bare key schedules and CMACs.

use std::error::Error;
use std::hint::black_box;

use cipher::consts::U16;
use cipher::{BlockCipherEncrypt, KeyInit};
use cmac::Mac;
use cmac::digest::FixedOutputReset;
use globalplatform::apdu::ResponseRef;
use globalplatform::status_word::StatusWord;
use scp03::{CardChallenge, CardSession, Host, Mode, ScpParameters, SecurityLevel, StaticKeys};

use crate::limit::Macs;
use crate::measure::Fastest;

const AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

pub struct Opening {
    pub host: Fastest,
    pub card: Fastest,
    /// The least that either end must compute, see [`bare`].
    pub limit: Fastest,
    /// The same MACs as the `cmac` crate makes them, see [`by_crate`].
    pub by_crate: Fastest,
}

pub fn measure(key_length: usize, mode: Mode, rounds: usize) -> Result<Opening, Box<dyn Error>> {
    let key = vec![0x44; key_length];
    let keys = StaticKeys::from_bytes(&key, &key, &key)?;
    let parameters = ScpParameters::new(match mode {
        Mode::S8 => 0x70,
        Mode::S16 => 0x71,
    })?;
    let host_challenge = vec![0x11; mode.length()];
    let mut answer = [0; CardSession::MAX_ANSWER];
    let (_, answer) = initialize_update(&keys, parameters, &host_challenge, &mut answer)?;
    let host = Host::start(&keys, 0x30, mode, &host_challenge)?;
    let authenticate = host.receive(
        ResponseRef::decode(answer)?,
        SecurityLevel::Full,
        Some(&AID),
    )?;
    let external_authenticate = authenticate.command();

    let mut measured = Opening {
        host: Fastest::new(),
        card: Fastest::new(),
        limit: Fastest::new(),
        by_crate: Fastest::new(),
    };
    for _ in 0..rounds {
        measured.host.time(1, || {
            let host = Host::start(black_box(&keys), 0x30, mode, &host_challenge)?;
            let mut out = [0; 40];
            black_box(host.command_into(&mut out)?);
            let response = ResponseRef::decode(black_box(answer))?;
            let host = host.receive(response, SecurityLevel::Full, Some(&AID))?;
            black_box(host.command_into(&mut out)?);
            black_box(host.receive(black_box(StatusWord::OK))?);
            Ok::<_, Box<dyn Error>>(())
        })?;
        measured.card.time(1, || {
            let mut out = [0; CardSession::MAX_ANSWER];
            let (mut card, answer) =
                initialize_update(&keys, parameters, &host_challenge, &mut out)?;
            black_box(answer);
            black_box(card.external_authenticate(&external_authenticate));
            black_box(card);
            Ok::<_, Box<dyn Error>>(())
        })?;
        measured.limit.time(1, || match key_length {
            16 => bare::<aes::Aes128, aes::Aes128Enc>(&key, mode),
            24 => bare::<aes::Aes192, aes::Aes192Enc>(&key, mode),
            _ => bare::<aes::Aes256, aes::Aes256Enc>(&key, mode),
        })?;
        measured.by_crate.time(1, || match key_length {
            16 => by_crate::<aes::Aes128, cmac::Cmac<aes::Aes128Enc>>(&key, mode),
            24 => by_crate::<aes::Aes192, cmac::Cmac<aes::Aes192Enc>>(&key, mode),
            _ => by_crate::<aes::Aes256, cmac::Cmac<aes::Aes256Enc>>(&key, mode),
        })?;
    }
    Ok(measured)
}

fn initialize_update<'o>(
    keys: &StaticKeys,
    parameters: ScpParameters,
    host_challenge: &[u8],
    out: &'o mut [u8; CardSession::MAX_ANSWER],
) -> Result<(CardSession, &'o [u8]), String> {
    let challenge = CardChallenge::PseudoRandom {
        counter: 1,
        aid: &AID,
    };
    CardSession::initialize_update_into(
        black_box(keys),
        parameters,
        0x30,
        [0; 10],
        challenge,
        host_challenge,
        out,
    )
    .map_err(|sw| sw.to_string())
}

/// Both ends compute the same: five key schedules (static ENC and MAC, S-ENC, S-MAC, S-RMAC), each
/// wiped in the end, and all MACs under them, with one call into the AES code for each key. Under
/// static ENC: the card challenge, S-ENC; under static MAC: S-MAC and S-RMAC; under S-MAC: two
/// cryptograms and the C-MAC of EXTERNAL AUTHENTICATE; under S-RMAC nothing but its subkeys.
fn bare<E, M>(key: &[u8], mode: Mode) -> Result<(), Box<dyn Error>>
where
    E: KeyInit,
    M: KeyInit + BlockCipherEncrypt<BlockSize = U16>,
{
    let wrong_length = |_| "key length";
    let new_mac = || M::new_from_slice(black_box(key)).map_err(wrong_length);
    // Label and context, the latter two challenges.
    let blocks = 1 + 2 * mode.length() / 16;
    let session_key = [blocks; 2];
    let outputs = key.len().div_ceil(16);
    let mac_of_authenticate = 1 + (5 + mode.length()).div_ceil(16);

    let (enc, mac) = (new_mac()?, new_mac()?);
    // Label, sequence counter and AID.
    enc.encrypt_with_backend(Macs(&[&[2], &session_key[..outputs]].concat()));
    mac.encrypt_with_backend(Macs(&[&session_key[..outputs]; 2].concat()));
    let s_enc = E::new_from_slice(black_box(key)).map_err(wrong_length)?;
    let (s_mac, s_rmac) = (new_mac()?, new_mac()?);
    s_mac.encrypt_with_backend(Macs(&[blocks, blocks, mac_of_authenticate]));
    s_rmac.encrypt_with_backend(Macs(&[]));
    black_box(s_enc);
    Ok(())
}

/// The same with the `cmac` crate, as a program calls it: each key made ready once, then one MAC after
/// the other: the card challenge, three session keys, two cryptograms, and the C-MAC of EXTERNAL
/// AUTHENTICATE.
fn by_crate<E, M>(key: &[u8], mode: Mode) -> Result<(), Box<dyn Error>>
where
    E: KeyInit,
    M: Mac + cmac::KeyInit + FixedOutputReset,
{
    let wrong_length = |_| "key length";
    let new_mac = || <M as cmac::KeyInit>::new_from_slice(black_box(key)).map_err(|_| "key length");
    let context = 16 + 2 * mode.length();
    let outputs = key.len().div_ceil(16);
    let macs = |mac: &mut M, lengths: &[usize]| {
        for length in lengths {
            Mac::update(mac, &[7; 64][..*length]);
            black_box(mac.finalize_reset());
        }
    };

    let session_key = [context; 2];
    let (mut enc, mut mac) = (new_mac()?, new_mac()?);
    macs(&mut enc, &[27]);
    macs(&mut enc, &session_key[..outputs]);
    macs(&mut mac, &session_key[..outputs]);
    macs(&mut mac, &session_key[..outputs]);
    let s_enc = E::new_from_slice(black_box(key)).map_err(wrong_length)?;
    let (mut s_mac, s_rmac) = (new_mac()?, new_mac()?);
    macs(&mut s_mac, &[context, context, 16 + 5 + mode.length()]);
    black_box((s_enc, s_rmac));
    Ok(())
}
