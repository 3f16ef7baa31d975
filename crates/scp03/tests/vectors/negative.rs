//! What must be refused: commands by the card, responses by the host.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::initialize_update::InitializeUpdateResponse;
use globalplatform::status_word::StatusWord;
use scp03::{
    Channel, ChannelError, Host, ScpParameters, ScriptBuilder, SecurityLevel, StaticKeys, WrapError,
};

use crate::card_model::{CardModel, KeySet};
use crate::entry::{Because as _, Entry, Outcome, encoded, same};
use crate::session::Opening;

pub fn negative(entry: Entry<'_>) -> Outcome {
    match entry.text("side")? {
        "card" => card(entry),
        "host" => host(entry),
        side => Err(format!("unknown side {side}")),
    }
}

fn card(entry: Entry<'_>) -> Outcome {
    let mut card = match entry.has("static_keys") {
        true => recorded_card(entry)?,
        false => described_card(entry)?,
    };
    let mut authenticate = None;
    if entry.has("initialize_update") {
        let exchange = entry.object("initialize_update")?;
        exchange.expect(
            "response",
            card.transmit(&exchange.hex("command")?).encode(),
        )?;
        authenticate = external_authenticate(entry)?;
    }
    for (n, step) in entry.list("steps")?.enumerate() {
        let command = step.hex("command")?;
        let answer = card.transmit(&command);
        let allowed = step.hex_list("expect_sw")?;
        // Ours answers the recorded INITIALIZE UPDATE, so it is the first one or none.
        let opens = matches!(command.get(1), Some(0x50 | 0x82));
        if let Some(own) = authenticate.take_if(|_| opens)
            && allowed.concat() == [0x90, 0x00]
        {
            same("EXTERNAL AUTHENTICATE", own, command)?;
        }
        if !allowed.iter().any(|sw| *sw == answer.sw.to_bytes()) {
            return Err(format!("step {}: the card answers {}", n + 1, answer.sw));
        }
        if !answer.sw.is_ok_or_warning() && !answer.data.is_empty() {
            return Err(format!("step {}: data with an error", n + 1));
        }
    }
    Ok(())
}

/// A card with the keys of the entry, just before the recorded INITIALIZE UPDATE, if there is one.
fn recorded_card(entry: Entry<'_>) -> Outcome<CardModel> {
    let card = entry.object("card")?;
    let answer = recorded_answer(entry)?;
    let number = |[a, b, c]: [u8; 3]| u32::from_be_bytes([0, a, b, c]);
    let used = answer.as_ref().and_then(|answer| answer.sequence_counter);
    let counter = match used {
        _ if card.has("sequence_counter_before") => number(card.array("sequence_counter_before")?),
        Some(used) => number(used).saturating_sub(1),
        None => 0,
    };
    let version = match &answer {
        Some(answer) => answer.key_version,
        None => entry.object("static_keys")?.byte("kvn")?,
    };
    let kdd = match &answer {
        Some(answer) => answer.kdd,
        None => card.array("kdd")?,
    };
    let challenge = answer.map(|answer| answer.card_challenge);
    let mut random = [0; 16];
    let bytes = challenge.iter().flatten();
    random
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    Ok(CardModel {
        parameters: entry.parameters()?,
        kdd,
        aid: if card.has("aid") {
            card.hex("aid")?
        } else {
            Vec::new()
        },
        random,
        key_sets: vec![KeySet {
            version,
            keys: entry.static_keys()?,
            counter,
        }],
        sessions: Default::default(),
    })
}

/// The answer to the recorded INITIALIZE UPDATE, if there is one and the card did not refuse.
fn recorded_answer(entry: Entry<'_>) -> Outcome<Option<InitializeUpdateResponse>> {
    if !entry.has("initialize_update") {
        return Ok(None);
    }
    let answer = entry.object("initialize_update")?.response("response")?;
    if answer.sw != StatusWord::OK {
        return Ok(None);
    }
    InitializeUpdateResponse::decode(&answer.data)
        .map(Some)
        .because("answer")
}

/// EXTERNAL AUTHENTICATE as our host sends it, unless the entry is about a level that the card does
/// not offer.
fn external_authenticate(entry: Entry<'_>) -> Outcome<Option<Vec<u8>>> {
    let parameters = entry.parameters()?;
    match entry.level() {
        Ok(level) if level.is_offered_by(parameters) && recorded_answer(entry)?.is_some() => {
            encoded(&Opening::read(entry)?.host()?.command()).map(Some)
        }
        _ => Ok(None),
    }
}

/// A card as `state_before` describes it in words: key versions as two hexadecimal digits, a
/// counter as six.
fn described_card(entry: Entry<'_>) -> Outcome<CardModel> {
    let text = if entry.has("state_before") {
        entry.text("state_before")?
    } else {
        ""
    };
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| hex::decode(word).ok());
    let keys = StaticKeys::from_bytes(&[0x40; 16], &[0x41; 16], &[0x42; 16]).because("keys")?;
    let mut key_sets = Vec::new();
    for word in words {
        match (word.as_slice(), key_sets.last_mut()) {
            (&[version], _) => key_sets.push(KeySet {
                version,
                keys: keys.clone(),
                counter: 0,
            }),
            (&[a, b, c], Some(set)) => set.counter = u32::from_be_bytes([0, a, b, c]),
            _ => {}
        }
    }
    if key_sets.is_empty() {
        key_sets.push(KeySet {
            version: 0x30,
            keys,
            counter: 0,
        });
    }
    let parameters = match entry.has("i") {
        true => entry.parameters()?,
        false => ScpParameters::new(if text.contains("S16") { 0x71 } else { 0x70 }).because("i")?,
    };
    Ok(CardModel {
        parameters,
        kdd: [0; 10],
        aid: vec![0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00],
        random: [0x5A; 16],
        key_sets,
        sessions: Default::default(),
    })
}

fn host(entry: Entry<'_>) -> Outcome {
    if !entry.has("external_authenticate") {
        return refused_answer(entry);
    }
    let opening = Opening::read(entry)?;
    if !entry.has("command") {
        opening.host()?;
        return match opening.channel() {
            Err(_) => Ok(()),
            Ok(_) => Err("the host goes on after the answer to EXTERNAL AUTHENTICATE".into()),
        };
    }
    let command = entry.command("command")?;
    if entry.has("good_response") {
        let (mut channel, wrapped) = sent(entry, &opening)?;
        entry.expect_if_given("wrapped_command", wrapped)?;
        channel
            .unwrap(&entry.response("good_response")?)
            .because("good response")?;
    }
    // What is no response at all can only be refused in the buffer of the transport.
    let mut bad = entry.hex("bad_response")?;
    if let Ok(bad) = ResponseApdu::decode(&bad) {
        let (mut channel, _) = sent(entry, &opening)?;
        let refused = channel.unwrap(&bad);
        is_refused(refused, channel, &command)?;
    }
    let (mut channel, _) = sent(entry, &opening)?;
    let refused = channel
        .unwrap_in_place(&mut bad)
        .map(|response| response.to_owned());
    is_refused(refused, channel, &command)?;
    if opening.parameters.pseudo_random() && bad.len() >= 2 {
        script(entry, &opening)
    } else {
        Ok(())
    }
}

/// A channel that waits for the answer to the command of the entry, and the command as sent.
fn sent(entry: Entry<'_>, opening: &Opening<'_>) -> Outcome<(Channel, Vec<u8>)> {
    let mut channel = opening.channel()?;
    if grows(entry)? {
        channel.allow_extended_length();
    }
    let wrapped = channel.wrap(&entry.command("command")?).because("wrap")?;
    Ok((channel, encoded(&wrapped)?))
}

/// Whether the command of the entry was recorded as an extended one.
fn grows(entry: Entry<'_>) -> Outcome<bool> {
    Ok(entry.has("wrapped_command") && entry.command("wrapped_command")?.extended)
}

fn is_refused(
    refused: Result<ResponseApdu, ChannelError>,
    mut channel: Channel,
    command: &CommandApdu,
) -> Outcome {
    if refused != Err(ChannelError::NotGenuine) {
        return Err(format!("the bad response gives {refused:?}"));
    }
    if channel.wrap(command) != Err(WrapError::Closed) {
        return Err("the session goes on after the bad response".into());
    }
    Ok(())
}

/// The host goes no further than the answer to INITIALIZE UPDATE, whatever is wrong with it.
fn refused_answer(entry: Entry<'_>) -> Outcome {
    let exchange = entry.object("initialize_update")?;
    let command = exchange.command("command")?;
    entry.expect_if_given("host_challenge", &command.data)?;
    let host = Host::start(
        &entry.static_keys()?,
        command.p1,
        entry.mode()?,
        &command.data,
    )
    .and_then(|host| host.on_channel(command.logical_channel()))
    .because("start")?;
    same(
        "INITIALIZE UPDATE",
        encoded(&host.command())?,
        encoded(&command)?,
    )?;
    let aid = entry.object("card")?.hex("aid").ok();
    let level = entry.level().unwrap_or(SecurityLevel::Authenticated);
    let Ok(answer) = ResponseApdu::decode(&exchange.hex("response")?) else {
        // No response at all: the transport has nothing to hand in.
        return Ok(());
    };
    match host.receive(&answer, level, aid.as_deref()) {
        Err(_) => Ok(()),
        Ok(_) => Err("the host goes on after the answer to INITIALIZE UPDATE".into()),
    }
}

/// A script with the same bad response is not believed either.
fn script(entry: Entry<'_>, opening: &Opening<'_>) -> Outcome {
    let card = entry.object("card")?;
    let [a, b, c] = card.array("sequence_counter")?;
    let mut script = ScriptBuilder::start(
        &opening.keys,
        opening.initialize_update.p1,
        opening.parameters,
        &card.hex("aid")?,
        u32::from_be_bytes([0, a, b, c]),
        opening.level,
        &opening.initialize_update.data,
    )
    .and_then(|script| script.on_channel(opening.logical_channel))
    .because("script")?;
    if grows(entry)? {
        script.allow_extended_length();
    }
    script.push(&entry.command("command")?).because("push")?;
    let (commands, mut verifier) = script.finish();
    let last = commands.iter().last().ok_or("no command")?;
    entry.expect_if_given("wrapped_command", last)?;
    let answers = [
        entry.object("initialize_update")?.response("response")?,
        StatusWord::OK.into(),
        entry.response("bad_response")?,
    ];
    match verifier.verify(&answers) {
        Err(scp03::ScriptError::ResponseForged { index: 2 }) => Ok(()),
        other => Err(format!("the script gives {other:?}")),
    }
}
