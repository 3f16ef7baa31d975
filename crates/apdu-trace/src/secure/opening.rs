//! INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: which keys, and are they right.

use globalplatform::commands::initialize_update::InitializeUpdateResponse;
use scp03::cryptogram::{host_cryptogram, pseudo_random_card_challenge};
use scp03::{CardChallenge, CardSession, Mode, ScpParameters, SecurityLevel, StaticKeys};

use super::keyring::{Found, Keyring, Opening};
use super::session::{Known, Session};
use crate::pairing::Pair;
use crate::tree::{Node, Verdict, hex};

/// AIDs of issuer security domains, tried when the trace does not say what is selected.
const ISSUER_DOMAINS: [&[u8]; 3] = [
    &[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00],
    &[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00],
    &[0xA0, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00],
];

/// The session that INITIALIZE UPDATE prepares, and what can be said about its answer.
pub(super) fn initialize(
    pair: &Pair,
    keyring: &Keyring,
    aid: Option<&[u8]>,
    selected: Option<&[u8]>,
) -> (Option<Session>, Vec<Node>) {
    let Some(response) = pair.response.as_ref().filter(|r| r.sw.is_success()) else {
        return (None, Vec::new());
    };
    if response.data.len() == 28 && response.data.get(11) == Some(&0x02) {
        let note = Node::note("secure channel", "SCP02: what is encrypted stays closed");
        return (Some(Session::closed(Mode::S8)), vec![note]);
    }
    let Ok(answer) = InitializeUpdateResponse::decode(&response.data) else {
        return (None, Vec::new());
    };
    let Some(mode) = Mode::from_length(answer.card_challenge.len()) else {
        return (None, Vec::new());
    };
    let host_challenge = &pair.command.data;
    let closed = Some(Session::closed(mode));
    if keyring.is_empty() {
        let note = Node::note(
            "secure channel",
            "no keys given: what is encrypted stays closed",
        );
        return (closed, vec![note]);
    }
    let opening = Opening {
        kdd: &answer.kdd,
        host_challenge,
        card_challenge: &answer.card_challenge,
        cryptogram: &answer.card_cryptogram,
    };
    let found = keyring.find(&opening, |keys| {
        challenge(&answer, keys, mode, aid, selected)
            .is_some_and(|node| node.verdict == Some(Verdict::Right))
    });
    let Some(found) = found else {
        let text = match keyring.len() {
            1 => "wrong: the key given is not that of this session".to_owned(),
            n => format!("wrong: none of the {n} keys given is that of this session"),
        };
        return (closed, vec![Node::wrong("card cryptogram", text)]);
    };
    let text = format!("right; keys: {}", found.origin);
    let mut about = vec![Node::right("card cryptogram", text)];
    about.extend(challenge(&answer, &found.keys, mode, aid, selected));
    let session = known(&answer, found, mode, host_challenge).or(closed);
    (session, about)
}

/// The card end with the keys found. It offers every level, so that a card which does what it does
/// not announce is followed as well.
fn known(
    answer: &InitializeUpdateResponse,
    found: Found,
    mode: Mode,
    host_challenge: &[u8],
) -> Option<Session> {
    let i = match mode {
        Mode::S8 => 0x60,
        Mode::S16 => 0x61,
    };
    let mut random = [0; 16];
    random
        .get_mut(..answer.card_challenge.len())?
        .copy_from_slice(&answer.card_challenge);
    let (card, _) = CardSession::initialize_update(
        &found.keys,
        ScpParameters::new(i).ok()?,
        answer.key_version,
        answer.kdd,
        CardChallenge::Random(random),
        host_challenge,
    )
    .ok()?;
    let (_, mac, _) = card.danger_session_keys();
    let expected = host_cryptogram(mac, mode, host_challenge, &answer.card_challenge);
    Some(Session::known(
        mode,
        ScpParameters::new(answer.i).ok(),
        Known {
            host_cryptogram: expected.as_bytes().to_vec(),
            dek: found.keys.dek.clone(),
            card,
        },
    ))
}

/// Recomputes a pseudo-random challenge for the AIDs that come into question.
fn challenge(
    answer: &InitializeUpdateResponse,
    keys: &StaticKeys,
    mode: Mode,
    aid: Option<&[u8]>,
    selected: Option<&[u8]>,
) -> Option<Node> {
    let counter = answer.sequence_counter?;
    let is_from = |aid: &&[u8]| {
        let expected = pseudo_random_card_challenge(&keys.enc, counter, aid, mode);
        expected.as_bytes() == answer.card_challenge.as_slice()
    };
    if let Some(aid) = aid {
        return Some(if is_from(&aid) {
            right_challenge(counter, aid)
        } else {
            let text = format!("wrong: not what counter and AID {} give", hex(aid));
            Node::wrong("card challenge", text)
        });
    }
    let found = selected.into_iter().chain(ISSUER_DOMAINS).find(is_from);
    Some(found.map_or_else(
        || {
            let text = "pseudo-random, but the AID that enters it is not known (--aid)";
            Node::note("card challenge", text)
        },
        |aid| right_challenge(counter, aid),
    ))
}

fn right_challenge(counter: [u8; 3], aid: &[u8]) -> Node {
    let text = format!(
        "right: what counter {} and AID {} give",
        hex(&counter),
        hex(aid)
    );
    Node::right("card challenge", text)
}

/// Checks EXTERNAL AUTHENTICATE and opens the session when the card did.
pub(super) fn authenticate(session: &mut Session, pair: &Pair) -> Vec<Node> {
    let accepted = pair.response.as_ref().is_none_or(|r| r.sw.is_success());
    let level = SecurityLevel::try_from(pair.command.p1).ok();
    let about = session.check_authentication(&pair.command, level, accepted);
    if let (true, Some(level)) = (accepted, level) {
        session.authenticated_at(level);
    }
    about
}
