//! Our script built ahead, for comparison with Py-GP's.

use globalplatform::apdu::CommandApdu;
use scp03::{ScpParameters, ScriptBuilder};

use crate::host::level;
use crate::link::{bytes, number, word};
use crate::{static_keys, text};

/// `ENC MAC DEK VERSION I AID COUNTER LEVEL CHALLENGE COMMAND…` → every APDU of the script.
///
/// # Errors
/// The script cannot be built.
pub fn build(words: &[&str]) -> Result<String, String> {
    let [
        enc,
        mac,
        dek,
        version,
        i,
        aid,
        counter,
        level_word,
        challenge,
        commands @ ..,
    ] = words
    else {
        return Err("too few words".to_owned());
    };
    let mut builder = ScriptBuilder::start(
        &static_keys(enc, mac, dek)?,
        number(version)?,
        ScpParameters::new(number(i)?).map_err(text)?,
        &bytes(aid)?,
        number(counter)?,
        level(level_word)?,
        &bytes(challenge)?,
    )
    .map_err(text)?;
    for command in commands {
        let command = CommandApdu::decode(&bytes(command)?).map_err(text)?;
        builder.push(&command).map_err(text)?;
    }
    let (apdus, _) = builder.finish();
    let apdus: Vec<_> = apdus.iter().map(|apdu| word(apdu.as_bytes())).collect();
    Ok(apdus.join(" "))
}
