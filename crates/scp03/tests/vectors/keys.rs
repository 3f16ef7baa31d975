//! Key diversification, and keys inside PUT KEY and STORE DATA, host and card end.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::put_key::{PutKey, PutKeyResponse};
use globalplatform::commands::store_data::{StoreData, Structure};
use globalplatform::status_word::StatusWord;
use scp03::put_key::{KeyBlockForm, PutKeyError, ReceivedKey, key_field, receive_keys};
use scp03::store_data_keys::{read_keys, write_keys};
use scp03::{AesKey, DekKey, MasterKey, StaticKeys};

use crate::entry::{Because as _, Entry, Outcome, encoded, same};

pub fn key_diversification(entry: Entry<'_>) -> Outcome {
    if entry.text("method")? != "KDF3" {
        return Err(format!("unknown method {}", entry.text("method")?));
    }
    let keys = diversified(entry)?;
    let expected = entry.object("keys")?;
    expected.expect("enc", keys.enc.danger_bytes())?;
    expected.expect("mac", keys.mac.danger_bytes())?;
    expected.expect("dek", keys.dek.danger_bytes())?;
    same(
        "kcvs",
        keys.check_values().concat(),
        entry.hex_list("kcvs")?.concat(),
    )
}

/// The keys of an object with `master` and `kdd`.
pub fn diversified(entry: Entry<'_>) -> Outcome<StaticKeys> {
    let master = MasterKey::from_bytes(&entry.hex("master")?).because("master")?;
    Ok(StaticKeys::kdf3(&master, &entry.array("kdd")?))
}

pub fn put_key(entry: Entry<'_>) -> Outcome {
    let dek = DekKey::from_bytes(&entry.hex("dek")?).because("dek")?;
    let recorded = entry.command("command")?;
    let command = decode_put_key(&recorded)?;
    same(
        "replaced_kvn",
        [command.replaces],
        entry.hex("replaced_kvn")?,
    )?;
    same("new_kvn", [command.new_version], entry.hex("new_kvn")?)?;
    same("key_id", [command.first_id], entry.hex("key_id")?)?;
    if command.multiple != entry.flag("multiple")? {
        return Err("multiple differs".into());
    }
    let response = put_key_on_card(entry, &command, &dek)?;
    same("response", response.encode(), entry.hex("response")?)?;
    put_key_by_host(entry, &recorded, &command, &dek)
}

/// Some cards come with keys of version FF, so that P1 looks as if more commands followed.
fn decode_put_key(recorded: &CommandApdu) -> Outcome<PutKey> {
    let mut command = recorded.clone();
    command.p1 &= 0x7F;
    let decoded = PutKey::from_apdu(&command).because("command")?;
    Ok(PutKey {
        replaces: recorded.p1,
        ..decoded
    })
}

/// The card takes the keys, or refuses all of them.
fn put_key_on_card(entry: Entry<'_>, command: &PutKey, dek: &DekKey) -> Outcome<ResponseApdu> {
    let received = match receive_keys(command, dek) {
        Ok(received) => received,
        Err(error) => return Ok(ResponseApdu::status(error.status_word())),
    };
    let keys: Vec<_> = received.iter().map(|key| key.key.danger_bytes()).collect();
    same(
        "new_keys",
        keys.concat(),
        entry.hex_list("new_keys")?.concat(),
    )?;
    let check_values: Vec<_> = received.iter().map(|key| key.key.check_value()).collect();
    same(
        "kcvs",
        check_values.concat(),
        entry.hex_list("kcvs")?.concat(),
    )?;
    if let Some(set) = as_set(&received, command.first_id)?
        && StaticKeys::unwrap_put_key(command, dek).because("set")? != set
    {
        return Err("the set differs from its keys".into());
    }
    let response = PutKeyResponse {
        version: command.new_version,
        check_values,
    };
    Ok(ResponseApdu::with_data(response.encode()))
}

/// ENC, MAC and DEK, if that is what was received.
fn as_set(received: &[ReceivedKey], first_id: u8) -> Outcome<Option<StaticKeys>> {
    let [enc, mac, dek] = received else {
        return Ok(None);
    };
    let plain = received.iter().all(|key| key.cmac_length.is_none());
    let lengths = [enc, mac, dek].map(|key| key.key.danger_bytes().len());
    if first_id != 1 || !plain || lengths != [lengths[0]; 3] {
        return Ok(None);
    }
    let [enc, mac, dek] = [enc, mac, dek].map(|key| key.key.danger_bytes());
    StaticKeys::from_bytes(enc, mac, dek)
        .map(Some)
        .because("set")
}

/// The host writes the same command from the clear keys.
fn put_key_by_host(
    entry: Entry<'_>,
    recorded: &CommandApdu,
    command: &PutKey,
    dek: &DekKey,
) -> Outcome {
    let form = match entry.text("format")? {
        format if format.starts_with("amendment D") => KeyBlockForm::AmendmentD,
        format if format.starts_with("raw") => KeyBlockForm::Raw,
        format => return Err(format!("unknown format {format}")),
    };
    let keys = entry.hex_list("new_keys")?;
    let good = entry.response("response")?.sw == StatusWord::OK;
    // What the host writes is well formed; a check value may be wrong.
    let refused = receive_keys(command, dek).err();
    if refused.is_some_and(|error| !matches!(error, PutKeyError::CheckValue { .. })) {
        return Ok(());
    }
    let mut written = command.clone();
    for (field, key) in written.keys.iter_mut().zip(&keys) {
        let key = AesKey::from_bytes(key).because("new_keys")?;
        let cipher_text = key.danger_bytes().len().next_multiple_of(16);
        let cmac_length = match form {
            KeyBlockForm::AmendmentD => field.block.get(1 + cipher_text).copied(),
            KeyBlockForm::Raw => None,
        };
        let mut own = key_field(&key, dek, form, cmac_length).because("key")?;
        if has_other_filler(&field.block, &key, dek)? {
            own.block.clone_from(&field.block);
        }
        if !good {
            own.kcv.clone_from(&field.kcv);
        }
        *field = own;
    }
    same(
        "command",
        encoded(&as_recorded(written.to_apdu(), recorded))?,
        encoded(recorded)?,
    )?;

    let [enc, mac, dek_key] = keys.as_slice() else {
        return Ok(());
    };
    let plain =
        command.first_id == 1 && good && enc.len() == mac.len() && mac.len() == dek_key.len();
    if plain
        && written
            .keys
            .iter()
            .all(|field| field.block.len() <= 1 + enc.len().next_multiple_of(16))
    {
        let set = StaticKeys::from_bytes(enc, mac, dek_key).because("set")?;
        let mut whole = set
            .put_key_as(form, command.replaces, command.new_version, dek)
            .because("set")?;
        for (field, recorded) in whole.keys.iter_mut().zip(&command.keys) {
            if has_other_filler(
                &recorded.block,
                &AesKey::from_bytes(enc).because("key")?,
                dek,
            )? {
                field.block.clone_from(&recorded.block);
            }
        }
        same(
            "set",
            encoded(&as_recorded(whole.to_apdu(), recorded))?,
            encoded(recorded)?,
        )?;
        let response = ResponseApdu::with_data(set.put_key_response(command.new_version).encode());
        same("response", response.encode(), entry.hex("response")?)?;
    }
    Ok(())
}

/// Whether an AES-192 key was filled up with other bytes than ours; the sender is free to choose
/// them.
fn has_other_filler(block: &[u8], key: &AesKey, dek: &DekKey) -> Outcome<bool> {
    if key.danger_bytes().len() != 24 {
        return Ok(false);
    }
    let mut clear = block.get(1..33).ok_or("block too short")?.to_vec();
    dek.decrypt(&mut clear).because("dek")?;
    Ok(clear[24..] != [0x80, 0, 0, 0, 0, 0, 0, 0])
}

/// Whether Le is sent is up to the transport.
fn as_recorded(mut command: CommandApdu, recorded: &CommandApdu) -> CommandApdu {
    command.le = recorded.le;
    command
}

pub fn store_data_keys(entry: Entry<'_>) -> Outcome {
    let dek = DekKey::from_bytes(&entry.hex("dek")?).because("dek")?;
    let recorded = entry.command("command")?;
    let command = StoreData::from_apdu(&recorded).because("command")?;
    if command.structure != Structure::Dgi || !command.last {
        return Err("not one block of data groupings".into());
    }
    let keys = read_keys(&command.data, &dek).because("keys")?;
    let bytes: Vec<_> = keys.iter().map(|key| key.key.danger_bytes()).collect();
    same(
        "new_keys",
        bytes.concat(),
        entry.hex_list("new_keys")?.concat(),
    )?;
    let check_values: Vec<_> = keys.iter().map(|key| key.key.check_value()).collect();
    same(
        "kcvs",
        check_values.concat(),
        entry.hex_list("kcvs")?.concat(),
    )?;
    let first = keys.first().ok_or("no key")?.description;
    same("key_id", [first.id], entry.hex("key_id")?)?;
    same("kvn", [first.version], entry.hex("kvn")?)?;

    let mut written = command.clone();
    written.data = write_keys(&keys, &dek).because("keys")?;
    if read_keys(&written.data, &dek).because("written keys")? != keys {
        return Err("the keys do not come back as they were written".into());
    }
    // We always write the optional access byte (tag 96), and choose the filler of AES-192 keys.
    let has_access = written.data.len() == command.data.len();
    if !has_access || bytes.iter().any(|key| key.len() == 24) {
        return Ok(());
    }
    same(
        "command",
        encoded(&as_recorded(written.to_apdu(), &recorded))?,
        encoded(&recorded)?,
    )?;
    let usages = keys.iter().map(|key| key.description.usage);
    let as_ours =
        usages.eq([0x38, 0x34, 0xC8]) && keys.iter().all(|key| key.description.access == 0);
    if let ([enc, mac, dek_key], 1, true) = (bytes.as_slice(), first.id, as_ours) {
        let set = StaticKeys::from_bytes(enc, mac, dek_key).because("set")?;
        let payload = set.store_data(first.version, &dek).because("set")?;
        same("payload of the set", payload, &command.data)?;
        let unwrapped = StaticKeys::unwrap_store_data(&command.data, &dek).because("set")?;
        if unwrapped != (first.version, set) {
            return Err("the set differs from its keys".into());
        }
    }
    Ok(())
}
