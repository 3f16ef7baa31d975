//! Commands of ISO 7816-4 and -8 that a trace of a card meets.

use globalplatform::apdu::CommandApdu;

use super::tags::Space;
use super::{Context, Explained, name, tlv, undecoded};
use crate::tree::{Node, count, hex};
use crate::words::instruction;

pub(super) fn command(command: &CommandApdu, context: &Context<'_>) -> Explained {
    let title = name(command);
    let fields = match command.ins {
        ins if instruction::carries_a_secret(ins) => reference_data(command, context),
        0x70 => manage_channel(command),
        0xB0 | 0xD0 | 0xD6 => binary(command),
        0xB2 | 0xD2 | 0xDC => record(command),
        0x2A => security_operation(command),
        0x84 => vec![Node::new("length", expected(command))],
        0xC0 => vec![Node::new("length", expected(command))],
        0xF2 => Vec::new(),
        _ => vec![
            Node::new("P1 P2", hex(&[command.p1, command.p2])),
            undecoded("data", &command.data),
        ],
    };
    Explained::new(title, fields)
}

pub(super) fn response(command: &CommandApdu, data: &[u8], context: &Context<'_>) -> Vec<Node> {
    match (command.ins, data) {
        (0x70, [channel]) => vec![Node::new("opened", format!("logical channel {channel}"))],
        (0x84, data) => vec![Node::new("challenge", hex(data))],
        (0x2A, data) if (command.p1, command.p2) == (0x9E, 0x9A) => {
            vec![Node::new("signature", hex(data))]
        }
        (0x2A, data) if (command.p1, command.p2) == (0x80, 0x86) => {
            vec![context.secret("deciphered data", data)]
        }
        (0xB0, data) => vec![Node::bytes("content", data)],
        (_, data) => tlv::objects_only(data, Space::Anywhere)
            .filter(|nodes| nodes.iter().any(|node| !node.name.ends_with("unknown")))
            .unwrap_or_else(|| vec![Node::bytes("data", data)]),
    }
}

fn expected(command: &CommandApdu) -> String {
    match command.le {
        Some(le) => format!("at most {le} bytes"),
        None => "not said".to_owned(),
    }
}

fn reference_data(command: &CommandApdu, context: &Context<'_>) -> Vec<Node> {
    let which = match command.p2 {
        0x00 => "not named".to_owned(),
        p2 if p2 & 0x80 == 0 => format!("global, number {}", p2 & 0x1F),
        p2 => format!("of the application, number {}", p2 & 0x1F),
    };
    let reference = Node::new("reference", format!("{:02X} ({which})", command.p2));
    let data = match (command.ins, command.data.as_slice()) {
        (0x20 | 0x21, []) => Node::new("asks for", "the tries left"),
        (_, []) => Node::new("data", "empty"),
        (_, data) => context.secret("PIN or other secret", data),
    };
    vec![reference, data]
}

fn manage_channel(command: &CommandApdu) -> Vec<Node> {
    vec![match (command.p1, command.p2) {
        (0x00, 0x00) => Node::new("open", "the next free logical channel"),
        (0x00, channel) => Node::new("open", format!("logical channel {channel}")),
        (0x80, channel) => Node::new("close", format!("logical channel {channel}")),
        (p1, p2) => Node::new("P1 P2", hex(&[p1, p2])),
    }]
}

/// Short file identifier in P1 when its highest bit is set, else an offset.
fn place(p1: u8, p2: u8) -> Node {
    if p1 & 0x80 == 0 {
        let offset = u16::from_be_bytes([p1, p2]);
        Node::new("offset", format!("{offset}"))
    } else {
        let file = p1 & 0x1F;
        Node::new("short file identifier", format!("{file}, offset {p2}"))
    }
}

fn binary(command: &CommandApdu) -> Vec<Node> {
    let mut fields = vec![place(command.p1, command.p2)];
    if command.data.is_empty() {
        fields.push(Node::new("length", expected(command)));
    } else {
        fields.push(undecoded("data", &command.data));
    }
    fields
}

fn record(command: &CommandApdu) -> Vec<Node> {
    let how = match command.p2 & 0x07 {
        0x02 => "next",
        0x03 => "previous",
        0x04 => "absolute",
        _ => "other",
    };
    let mut fields = vec![
        Node::new("record", format!("{} ({how})", command.p1)),
        Node::new("short file identifier", format!("{}", command.p2 >> 3)),
    ];
    if !command.data.is_empty() {
        fields.push(undecoded("data", &command.data));
    }
    fields
}

fn security_operation(command: &CommandApdu) -> Vec<Node> {
    let what = match (command.p1, command.p2) {
        (0x9E, 0x9A) => "compute a digital signature",
        (0x00, 0x80) => "sign (as JPKI cards do it)",
        (0x80, 0x86) => "decipher",
        (0x86, 0x80) => "encipher",
        (0x90, 0x80 | 0xA0) => "hash",
        (0x00, 0xA8) => "verify a digital signature",
        (0x00, 0xBE | 0xAE) => "verify a certificate",
        _ => "unknown operation",
    };
    let p1p2 = hex(&[command.p1, command.p2]);
    vec![
        Node::new("operation", format!("{p1p2} ({what})")),
        Node::new(
            "input",
            format!("{} {}", count(command.data.len()), hex(&command.data)),
        ),
    ]
}
