//! INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, BEGIN and END R-MAC SESSION (Amendment D 7.1).

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::initialize_update::InitializeUpdateResponse;
use scp03::ScpParameters;

use super::{Explained, undecoded};
use crate::tree::{Node, hex};
use crate::words::key;

pub(super) fn initialize_update(command: &CommandApdu) -> Explained {
    let mode = match command.data.len() {
        8 => "S8",
        16 => "S16",
        _ => "unusual length",
    };
    let mut fields = vec![
        Node::new("key version", key::describe_version(command.p1)),
        Node::new("host challenge", format!("{} ({mode})", hex(&command.data))),
    ];
    if command.p2 != 0x00 {
        fields.insert(
            1,
            Node::new("key identifier", format!("{:02X}", command.p2)),
        );
    }
    Explained::new("INITIALIZE UPDATE", fields)
}

pub(super) fn initialize_update_response(data: &[u8]) -> Vec<Node> {
    if data.len() == 28 && data.get(11) != Some(&0x03) {
        return older(data);
    }
    let Ok(answer) = InitializeUpdateResponse::decode(data) else {
        return vec![Node::wrong("not the answer of SCP02 or SCP03", hex(data))];
    };
    let mut nodes = vec![
        Node::new("key diversification data", hex(&answer.kdd)),
        Node::new("key version", key::describe_version(answer.key_version)),
        Node::new(
            "protocol",
            format!("SCP03, i = {:02X}: {}", answer.i, parameters(answer.i)),
        ),
        Node::new("card challenge", hex(&answer.card_challenge)),
        Node::new("card cryptogram", hex(&answer.card_cryptogram)),
    ];
    if let Some(counter) = answer.sequence_counter {
        let number = u32::from_be_bytes([0, counter[0], counter[1], counter[2]]);
        nodes.push(Node::new(
            "sequence counter",
            format!("{number} ({})", hex(&counter)),
        ));
    }
    nodes
}

/// SCP01 and SCP02: 28 bytes.
fn older(data: &[u8]) -> Vec<Node> {
    let part = |from: usize, to: usize| hex(data.get(from..to).unwrap_or(&[]));
    let version = data.get(10).copied().unwrap_or(0);
    let mut nodes = vec![
        Node::new("key diversification data", part(0, 10)),
        Node::new("key version", key::describe_version(version)),
        Node::new("protocol", format!("SCP{}", part(11, 12))),
    ];
    if data.get(11) == Some(&0x02) {
        nodes.push(Node::new("sequence counter", part(12, 14)));
        nodes.push(Node::new("card challenge", part(14, 20)));
    } else {
        nodes.push(Node::new("card challenge", part(12, 20)));
    }
    nodes.push(Node::new("card cryptogram", part(20, 28)));
    nodes
}

/// `i` of SCP03 in words.
fn parameters(i: u8) -> String {
    let Ok(parameters) = ScpParameters::new(i) else {
        return "not a valid combination".to_owned();
    };
    let challenge = if parameters.pseudo_random() {
        "pseudo-random challenge"
    } else {
        "random challenge"
    };
    let responses = match (parameters.r_mac(), parameters.r_encryption()) {
        (false, _) => "no protection of responses",
        (true, false) => "R-MAC",
        (true, true) => "R-MAC and R-ENCRYPTION",
    };
    format!("{:?}, {challenge}, {responses}", parameters.mode())
}

/// P1 of EXTERNAL AUTHENTICATE in words (Amendment D, table 7-4).
fn level(p1: u8) -> String {
    let words = match p1 {
        0x00 => "authenticated, nothing protected",
        0x01 => "C-MAC",
        0x03 => "C-MAC and C-DECRYPTION",
        0x11 => "C-MAC and R-MAC",
        0x13 => "C-MAC, C-DECRYPTION and R-MAC",
        0x33 => "C-MAC, C-DECRYPTION, R-MAC and R-ENCRYPTION",
        _ => "no level of SCP03",
    };
    format!("{p1:02X} ({words})")
}

pub(super) fn external_authenticate(command: &CommandApdu) -> Explained {
    let half = command.data.len() / 2;
    let mut fields = vec![Node::new("security level", level(command.p1))];
    match command.data.split_at_checked(half) {
        Some((cryptogram, mac)) if matches!(command.data.len(), 16 | 32) => {
            fields.push(Node::new("host cryptogram", hex(cryptogram)));
            fields.push(Node::new("C-MAC", hex(mac)));
        }
        _ => fields.push(undecoded("data", &command.data)),
    }
    Explained::new("EXTERNAL AUTHENTICATE", fields)
}

pub(super) fn r_mac_session(command: &CommandApdu) -> Explained {
    if command.ins == 0x78 {
        return Explained::new("END R-MAC SESSION", Vec::new());
    }
    let words = match command.p1 {
        0x10 => "R-MAC",
        0x30 => "R-MAC and R-ENCRYPTION",
        _ => "unknown",
    };
    let level = format!("{:02X} ({words})", command.p1);
    let mut fields = vec![Node::new("protection of responses", level)];
    if !command.data.is_empty() {
        fields.push(undecoded("challenge with length", &command.data));
    }
    Explained::new("BEGIN R-MAC SESSION", fields)
}
