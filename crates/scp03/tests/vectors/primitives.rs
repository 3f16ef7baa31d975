//! Key derivation, check values, MACs and single steps of the channel.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use scp03::content_management_mac::{DapKey, ReceiptKey, TokenKey};
use scp03::cryptogram::pseudo_random_card_challenge;
use scp03::keys::SessionKeys;
use scp03::{AesKey, Channel, EncKey, Mode, SecurityLevel, kdf};

use crate::entry::{Because as _, Entry, Outcome, same};

pub fn kdf(entry: Entry<'_>) -> Outcome {
    let key = AesKey::from_bytes(&entry.hex("key")?).because("key")?;
    let bits = entry.number("length_bits")?;
    if bits % 8 != 0 {
        return Err(format!("{bits} bits are no whole bytes"));
    }
    let mut output = vec![0; bits as usize / 8];
    kdf::derive(
        &key,
        entry.byte("constant")?,
        &entry.hex("context")?,
        &mut output,
    )
    .because("kdf")?;
    entry.expect("output", output)
}

pub fn card_challenge(entry: Entry<'_>) -> Outcome {
    let key = EncKey::from_bytes(&entry.hex("key_enc")?).because("key")?;
    let expected = entry.hex("card_challenge")?;
    let mode = Mode::from_length(expected.len()).ok_or("length of no mode")?;
    let counter = entry.array("sequence_counter")?;
    let challenge = pseudo_random_card_challenge(&key, counter, &entry.hex("aid")?, mode);
    same("card_challenge", challenge.as_bytes(), expected)
}

pub fn kcv(entry: Entry<'_>) -> Outcome {
    let key = AesKey::from_bytes(&entry.hex("key")?).because("key")?;
    entry.expect("kcv", key.check_value())
}

pub fn content_management_mac(entry: Entry<'_>) -> Outcome {
    let (key, data) = (entry.hex("key")?, entry.hex("data")?);
    let mac = entry.hex("mac")?;
    let purpose = entry.text("purpose")?;
    let (computed, accepted) = if purpose.starts_with("token") {
        let key = TokenKey::from_bytes(&key).because("key")?;
        (key.token(&data), key.is_token(&mac, &data))
    } else if purpose.starts_with("receipt") {
        let key = ReceiptKey::from_bytes(&key).because("key")?;
        (key.receipt(&data), key.is_receipt(&mac, &data))
    } else if purpose.to_ascii_lowercase().starts_with("dap") {
        let key = DapKey::from_bytes(&key).because("key")?;
        (key.signature(&data), key.is_signature(&mac, &data))
    } else {
        return Err(format!("unknown purpose {purpose}"));
    };
    if !accepted {
        return Err("the MAC is refused".into());
    }
    same("mac", computed, mac)
}

pub fn primitive(entry: Entry<'_>) -> Outcome {
    match entry.text("operation")? {
        "AES-CMAC" => {
            let key = AesKey::from_bytes(&entry.hex("key")?).because("key")?;
            entry.expect("output", key.cmac(&entry.hex("data")?))
        }
        operation if operation.starts_with("C-MAC") => mac(entry, "s_mac"),
        operation if operation.starts_with("R-MAC") => mac(entry, "s_rmac"),
        "command encryption" => command_encryption(entry, "data", "output"),
        "command decryption" => command_encryption(entry, "output", "data"),
        "response encryption" => response_decryption(entry, "output", "data"),
        "response decryption" => response_decryption(entry, "data", "output"),
        operation => Err(format!("unknown operation {operation}")),
    }
}

/// The message is not one that a channel makes, so it is the MAC alone that is compared.
fn mac(entry: Entry<'_>, key: &str) -> Outcome {
    let key = AesKey::from_bytes(&entry.hex(key)?).because(key)?;
    let mut message = entry.hex("mac_chaining_value")?;
    message.extend(entry.hex("data")?);
    let output = entry.hex("output")?;
    let mac = key.cmac(&message);
    same(
        "output",
        mac.get(..output.len()).unwrap_or_default(),
        output,
    )
}

/// A channel just before the command with the counter of the entry; its MAC keys are of no
/// interest.
fn channel(entry: Entry<'_>, level: SecurityLevel) -> Outcome<(Channel, AesKey)> {
    let enc = entry.hex("s_enc")?;
    let mac = vec![0x3C; enc.len()];
    let keys = SessionKeys::from_bytes(&enc, &mac, &mac).because("s_enc")?;
    let before = entry
        .number("encryption_counter")?
        .checked_sub(1)
        .ok_or("counter is 0")?;
    let channel = Channel::danger_resume(keys, Mode::S8, level, [0; 16], before).because("keys")?;
    Ok((channel, AesKey::from_bytes(&mac).because("mac")?))
}

/// The padding is settled, so one direction proves the other.
fn command_encryption(entry: Entry<'_>, clear: &str, encrypted: &str) -> Outcome {
    let recorded = encrypted;
    let (mut channel, _) = channel(entry, SecurityLevel::CMacCDec)?;
    channel.allow_extended_length();
    let command = CommandApdu::new(0x80, 0xE2, 0x00, 0x00).with_data(entry.hex(clear)?);
    let wrapped = channel.wrap(&command).because("wrap")?;
    let encrypted = wrapped
        .data
        .len()
        .checked_sub(8)
        .and_then(|end| wrapped.data.get(..end));
    entry.expect(recorded, encrypted.ok_or("no MAC")?)
}

fn response_decryption(entry: Entry<'_>, encrypted: &str, recorded: &str) -> Outcome {
    let (mut channel, rmac) = channel(entry, SecurityLevel::Full)?;
    let command = channel
        .wrap(&CommandApdu::new(0x80, 0xCA, 0x00, 0x00))
        .because("wrap")?;
    // The R-MAC key is ours: make the R-MAC that belongs to the recorded cipher text.
    let header = [0x84, 0xCA, 0x00, 0x00, 0x08];
    let chaining = rmac.cmac(&[&[0; 16][..], &header].concat());
    same("C-MAC", &command.data, &chaining[..8])?;
    let mut data = entry.hex(encrypted)?;
    let mac = rmac.cmac(&[&chaining[..], &data, &[0x90, 0x00]].concat());
    data.extend_from_slice(&mac[..8]);
    let response = ResponseApdu {
        data,
        sw: StatusWord::OK,
    };
    let clear = channel.unwrap(&response).because("unwrap")?;
    entry.expect(recorded, clear.data)
}
