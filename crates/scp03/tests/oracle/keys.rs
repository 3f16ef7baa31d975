//! Keys of cards: diversification, check values and PUT KEY.

use scp03::put_key::KeyBlockForm;
use scp03::{DekKey, MasterKey, StaticKeys};

use crate::host::encoded;
use crate::link::{bytes, number, word};
use crate::{static_keys, text};

/// The keys of one card by KDF3.
///
/// # Errors
/// A length is wrong.
pub fn diversify(master: &str, kdd: &str) -> Result<String, String> {
    let master = MasterKey::from_bytes(&bytes(master)?).map_err(text)?;
    let kdd = bytes(kdd)?.try_into().map_err(|_| "kdd has ten bytes")?;
    let keys = StaticKeys::kdf3(&master, &kdd);
    let keys = [
        keys.enc.danger_bytes(),
        keys.mac.danger_bytes(),
        keys.dek.danger_bytes(),
    ];
    Ok(keys.map(word).join(" "))
}

/// The check value of a key.
///
/// # Errors
/// The length is wrong.
pub fn check_value(key: &str) -> Result<String, String> {
    let key = DekKey::from_bytes(&bytes(key)?).map_err(text)?;
    Ok(word(&key.check_value()))
}

/// `ENC MAC DEK`, the same of the new set, the version it replaces, its own, `standard` or `raw` →
/// plain PUT KEY.
///
/// # Errors
/// The command cannot be built.
pub fn put_key(words: &[&str]) -> Result<String, String> {
    let [enc, mac, dek, new @ .., replaces, version, form] = words else {
        return Err("too few words".to_owned());
    };
    let [new_enc, new_mac, new_dek] = new else {
        return Err("a set has three keys".to_owned());
    };
    let present = static_keys(enc, mac, dek)?;
    let new = static_keys(new_enc, new_mac, new_dek)?;
    let form = match *form {
        "standard" => KeyBlockForm::AmendmentD,
        "raw" => KeyBlockForm::Raw,
        _ => return Err("no such form".to_owned()),
    };
    let command = new
        .put_key_as(form, number(replaces)?, number(version)?, &present.dek)
        .map_err(text)?;
    encoded(&command.to_apdu())
}
