//! Whole sessions: our host, our card and our script against what was recorded.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::initialize_update::InitializeUpdate;
use globalplatform::status_word::StatusWord;
use scp03::cryptogram::{card_cryptogram, host_cryptogram, pseudo_random_card_challenge};
use scp03::keys::SessionKeys;
use scp03::{
    AesKey, AwaitingAuthentication, AwaitingChallenge, CardChallenge, CardSession, Channel, Host,
    Mode, ScpParameters, ScriptBuilder, SecurityLevel, StaticKeys,
};

use crate::entry::{Because as _, Entry, Outcome, encoded, same};
use crate::in_place::InPlace;
use crate::keys::diversified;

pub fn mutual_authentication(entry: Entry<'_>) -> Outcome {
    if entry.has("diversification") {
        let keys = diversified(entry.object("diversification")?)?;
        if keys != entry.static_keys()? {
            return Err("diversified keys differ".into());
        }
    }
    cryptograms(entry)?;
    if entry.has("initialize_update") {
        let opening = Opening::read(entry)?;
        opening.host()?;
        opening.card()?;
    }
    Ok(())
}

pub fn session(entry: Entry<'_>) -> Outcome {
    cryptograms(entry)?;
    let opening = Opening::read(entry)?;
    let mut channel = opening.channel()?;
    let mut card = opening.open_card()?;
    let mut in_place = InPlace::new(opening.channel()?, opening.open_card()?);
    let s_mac = opening.s_mac()?;
    let mut chaining = mac_of_external_authenticate(entry, &opening, &s_mac)?;
    for exchange in entry.list("exchanges")? {
        let label = exchange
            .number("n")
            .map_or("exchange".to_owned(), |n| format!("exchange {n}"));
        run_exchange(exchange, &mut channel, &mut card).because(&label)?;
        in_place.run(exchange).because(&label)?;
        if opening.level.c_mac() {
            chaining = check_chaining(exchange, &chaining, &s_mac, opening.mode).because(&label)?;
        }
    }
    if opening.parameters.pseudo_random() {
        script(entry, &opening).because("script")?;
    }
    Ok(())
}

/// Session keys, challenge and cryptograms by the functions that make them.
fn cryptograms(entry: Entry<'_>) -> Outcome {
    let keys = entry.static_keys()?;
    let mode = entry.mode()?;
    let (host, card) = (entry.hex("host_challenge")?, entry.hex("card_challenge")?);
    let session = SessionKeys::derive(&keys, &host, &card);
    if entry.has("session_keys") {
        let expected = entry.object("session_keys")?;
        expected.expect_if_given("s_enc", session.enc.danger_bytes())?;
        expected.expect_if_given("s_mac", session.mac.danger_bytes())?;
        expected.expect_if_given("s_rmac", session.rmac.danger_bytes())?;
    }
    entry.expect_if_given(
        "card_cryptogram",
        card_cryptogram(&session.mac, mode, &host, &card).as_bytes(),
    )?;
    entry.expect_if_given(
        "host_cryptogram",
        host_cryptogram(&session.mac, mode, &host, &card).as_bytes(),
    )?;
    let is_random = entry.has("i") && !entry.parameters()?.pseudo_random();
    if !is_random && entry.has("card") && entry.object("card")?.has("sequence_counter") {
        let card = entry.object("card")?;
        let counter = card.array("sequence_counter")?;
        let challenge = pseudo_random_card_challenge(&keys.enc, counter, &card.hex("aid")?, mode);
        entry.expect("card_challenge", challenge.as_bytes())?;
    }
    Ok(())
}

/// INITIALIZE UPDATE and EXTERNAL AUTHENTICATE as recorded.
pub struct Opening<'a> {
    pub entry: Entry<'a>,
    pub keys: StaticKeys,
    pub mode: Mode,
    pub parameters: ScpParameters,
    pub level: SecurityLevel,
    pub logical_channel: u8,
    pub initialize_update: CommandApdu,
    host_challenge: Vec<u8>,
    answer: ResponseApdu,
    aid: Option<Vec<u8>>,
}

impl<'a> Opening<'a> {
    pub fn read(entry: Entry<'a>) -> Outcome<Self> {
        let exchange = entry.object("initialize_update")?;
        let initialize_update = exchange.command("command")?;
        let level = match entry.has("security_level") {
            true => entry.level()?,
            false => SecurityLevel::Authenticated,
        };
        let parameters = entry.parameters()?;
        let aid = match parameters.pseudo_random() {
            true => Some(entry.object("card")?.hex("aid")?),
            false => None,
        };
        Ok(Self {
            entry,
            keys: entry.static_keys()?,
            mode: entry.mode()?,
            parameters,
            level,
            logical_channel: initialize_update.logical_channel(),
            host_challenge: InitializeUpdate::from_apdu(&initialize_update)
                .because("command")?
                .host_challenge,
            initialize_update,
            answer: exchange.response("response")?,
            aid,
        })
    }

    /// The host's INITIALIZE UPDATE, compared with the recorded one.
    pub fn start(&self) -> Outcome<AwaitingChallenge> {
        self.entry
            .expect_if_given("host_challenge", &self.host_challenge)?;
        let host = Host::start(
            &self.keys,
            self.initialize_update.p1,
            self.mode,
            &self.host_challenge,
        )
        .and_then(|host| host.on_channel(self.logical_channel))
        .because("start")?;
        same(
            "INITIALIZE UPDATE",
            encoded(&host.command())?,
            encoded(&self.initialize_update)?,
        )?;
        Ok(host)
    }

    /// The host after the card's answer.
    pub fn host(&self) -> Outcome<AwaitingAuthentication> {
        let host = self.start()?;
        let host = host.receive(&self.answer, self.level, self.aid.as_deref());
        let host = host.because("answer to INITIALIZE UPDATE")?;
        let keys = self.entry.object("static_keys")?;
        if keys.has("kvn") {
            keys.expect("kvn", [host.key_version()])?;
        }
        same("i", [host.parameters().byte()], [self.parameters.byte()])?;
        let card = self.entry.object("card")?;
        card.expect_if_given("kdd", host.key_diversification_data())?;
        if let Some(counter) = host.sequence_counter() {
            card.expect("sequence_counter", &counter.to_be_bytes()[1..])?;
        }
        Ok(host)
    }

    /// The host with its channel open.
    pub fn channel(&self) -> Outcome<Channel> {
        let host = self.host()?;
        let exchange = self.entry.object("external_authenticate")?;
        exchange.expect("command", encoded(&host.command())?)?;
        host.receive(&exchange.response("response")?)
            .because("answer to EXTERNAL AUTHENTICATE")
    }

    /// Key diversification data, which the card sends first.
    fn kdd(&self) -> Outcome<[u8; 10]> {
        let kdd = self.answer.data.first_chunk().copied();
        kdd.ok_or_else(|| "no key diversification data".to_owned())
    }

    /// The card after INITIALIZE UPDATE, its answer compared with the recorded one.
    pub fn card(&self) -> Outcome<CardSession> {
        let card = self.entry.object("card")?;
        let recorded = self
            .answer
            .data
            .get(13..13 + self.mode.length())
            .ok_or("no card challenge")?;
        let challenge = match &self.aid {
            Some(aid) => CardChallenge::PseudoRandom {
                counter: counter(card)?,
                aid,
            },
            None => {
                let mut random = [0; 16];
                random
                    .iter_mut()
                    .zip(recorded)
                    .for_each(|(to, from)| *to = *from);
                CardChallenge::Random(random)
            }
        };
        let key_version = self.answer.data.get(10).copied().ok_or("no key version")?;
        let (session, answer) = CardSession::initialize_update(
            &self.keys,
            self.parameters,
            key_version,
            self.kdd()?,
            challenge,
            &self.host_challenge,
        )
        .because("INITIALIZE UPDATE")?;
        same("answer of the card", answer.encode(), self.answer.encode())?;
        Ok(session)
    }

    /// S-MAC of the session.
    fn s_mac(&self) -> Outcome<AesKey> {
        let challenge = self.entry.hex("card_challenge")?;
        let keys = SessionKeys::derive(&self.keys, &self.host_challenge, &challenge);
        AesKey::from_bytes(keys.mac.danger_bytes()).because("s_mac")
    }

    /// The card after EXTERNAL AUTHENTICATE.
    fn open_card(&self) -> Outcome<CardSession> {
        let mut card = self.card()?;
        let exchange = self.entry.object("external_authenticate")?;
        let answer = card.external_authenticate(&exchange.command("command")?);
        exchange.expect("response", answer.encode())?;
        if (card.is_authenticated(), card.level()) != (true, self.level) {
            return Err("the card is not at the level".into());
        }
        Ok(card)
    }
}

fn counter(card: Entry<'_>) -> Outcome<u32> {
    let [a, b, c] = card.array("sequence_counter")?;
    Ok(u32::from_be_bytes([0, a, b, c]))
}

fn run_exchange(exchange: Entry<'_>, channel: &mut Channel, card: &mut CardSession) -> Outcome {
    let command = exchange.command("command")?;
    let on_wire = exchange.command("wrapped_command")?;
    if on_wire.extended && !command.extended {
        if channel.wrap(&command).is_ok() {
            return Err("a short command grew although that was not allowed".into());
        }
        channel.allow_extended_length();
    }
    let wrapped = channel.wrap(&command).because("wrap")?;
    exchange.expect("wrapped_command", encoded(&wrapped)?)?;

    let mut plain = card
        .unwrap(&on_wire)
        .map_err(|sw| format!("the card refuses: {sw}"))?;
    plain.extended = command.extended;
    exchange.expect("command", encoded(&plain)?)?;
    if !exchange.has("response") {
        return Ok(());
    }
    let response = exchange.response("response")?;
    if plain.is_proprietary() && matches!(plain.ins, 0x78 | 0x7A) {
        let own = if plain.ins == 0x7A {
            card.begin_r_mac(&plain)
        } else {
            card.end_r_mac(&plain)
        };
        same("own response of the card", own.encode(), response.encode())?;
    }
    exchange.expect("wrapped_response", card.wrap(response).encode())?;
    let opened = channel
        .unwrap(&exchange.response("wrapped_response")?)
        .because("unwrap")?;
    exchange.expect("response", opened.encode())
}

/// The chaining values are recomputed from what is on the wire: the channel does not show them.
fn mac_of_external_authenticate(
    entry: Entry<'_>,
    opening: &Opening<'_>,
    s_mac: &AesKey,
) -> Outcome<Vec<u8>> {
    let exchange = entry.object("external_authenticate")?;
    let command = exchange.command("command")?;
    let chaining = c_mac(s_mac, &command, &[0; 16], opening.mode)?;
    exchange.expect_if_given("mac_chaining_value", &chaining)?;
    Ok(chaining)
}

fn check_chaining(
    exchange: Entry<'_>,
    before: &[u8],
    s_mac: &AesKey,
    mode: Mode,
) -> Outcome<Vec<u8>> {
    let wrapped = exchange.command("wrapped_command")?;
    let chaining = c_mac(s_mac, &wrapped, before, mode)?;
    exchange.expect_if_given("mac_chaining_value", &chaining)?;
    Ok(chaining)
}

fn c_mac(key: &AesKey, wrapped: &CommandApdu, before: &[u8], mode: Mode) -> Outcome<Vec<u8>> {
    let end = wrapped
        .data
        .len()
        .checked_sub(mode.length())
        .ok_or("no MAC")?;
    let (data, mac) = wrapped.data.split_at(end);
    let lc = (wrapped.data.len() as u16).to_be_bytes();
    let mut message = before.to_vec();
    message.extend([
        wrapped.cla & 0x80 | 0x04,
        wrapped.ins,
        wrapped.p1,
        wrapped.p2,
    ]);
    if wrapped.extended {
        message.extend([0, lc[0], lc[1]]);
    } else {
        message.push(lc[1]);
    }
    message.extend(data);
    let chaining = key.cmac(&message);
    same("MAC", mac, &chaining[..mac.len()])?;
    Ok(chaining.to_vec())
}

/// The same session built ahead.
fn script(entry: Entry<'_>, opening: &Opening<'_>) -> Outcome {
    let aid = opening.aid.as_deref().ok_or("no AID")?;
    let counter = counter(entry.object("card")?)?;
    let key_version = opening.initialize_update.p1;
    let mut script = ScriptBuilder::start(
        &opening.keys,
        key_version,
        opening.parameters,
        aid,
        counter,
        opening.level,
        &opening.host_challenge,
    )
    .and_then(|script| script.on_channel(opening.logical_channel))
    .because("start")?;
    let authenticate = entry.object("external_authenticate")?;
    let mut on_wire = vec![
        encoded(&opening.initialize_update)?,
        authenticate.hex("command")?,
    ];
    let mut answers = vec![opening.answer.clone(), authenticate.response("response")?];
    let mut clear = Vec::new();
    let mut complete = true;
    for exchange in entry.list("exchanges")? {
        let wrapped = exchange.command("wrapped_command")?;
        if wrapped.extended {
            script.allow_extended_length();
        }
        script.push(&exchange.command("command")?).because("push")?;
        on_wire.push(encoded(&wrapped)?);
        complete &= exchange.has("wrapped_response");
        if complete {
            answers.push(exchange.response("wrapped_response")?);
            clear.push(exchange.response("response")?);
        }
    }
    let (commands, mut verifier) = script.finish();
    for (command, expected) in commands.iter().zip(&on_wire) {
        same("command", command, expected)?;
    }
    same("script", commands.as_bytes(), on_wire.concat())?;
    if commands.len() != on_wire.len() {
        return Err("the script has another number of commands".into());
    }
    if !complete && clear.last().is_none_or(|last| last.sw == StatusWord::OK) {
        return match verifier.verify(&answers) {
            Err(scp03::ScriptError::Truncated { received }) if received == answers.len() => Ok(()),
            other => Err(format!("{other:?} of a script without its last answers")),
        };
    }
    let verified = verifier.verify(&answers).because("verify")?;
    if verified.responses != clear {
        return Err("the answers differ".into());
    }
    Ok(())
}
