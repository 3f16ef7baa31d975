//! LOAD, DELETE, SET STATUS, and the response that may carry a receipt (G 11.2, 11.6, 11.10).

use globalplatform::apdu::CommandApdu;
use globalplatform::privileges::Privileges;
use globalplatform::tlv::{Reader, Tag};

use super::tags::Space;
use super::{Context, Explained, registry, tlv};
use crate::tree::{Node, count, hex};
use crate::words::aid;

pub(super) fn load(command: &CommandApdu, context: &Context<'_>) -> Explained {
    let last = if command.p1 & 0x80 == 0 {
        "more follow"
    } else {
        "the last"
    };
    let mut fields = vec![
        Node::new("block", format!("{} ({last})", command.p2)),
        Node::new("length", count(command.data.len())),
    ];
    if command.p2 == 0 {
        fields.extend(load_file(&command.data));
    }
    if let Some(joined) = context.joined {
        fields.push(Node::new(
            "load file",
            format!("{} in all", count(joined.len())),
        ));
    }
    Explained::new(format!("LOAD block {}", command.p2), fields)
}

/// The beginning of a load file: DAP blocks, and the length of what follows.
fn load_file(data: &[u8]) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut reader = Reader::new(data);
    while let Ok(tag) = reader.tag() {
        let Ok(length) = reader.length() else { break };
        let name = match tag {
            Tag(0xE2) => "E2 DAP block",
            Tag(0xC4) => "C4 load file data block",
            Tag(0xD3) => "D3 ICV",
            Tag(0xD4) => "D4 ciphered load file data block",
            _ => break,
        };
        nodes.push(Node::new(name, count(length)));
        if reader.take(length).is_err() {
            break;
        }
    }
    if nodes.is_empty() {
        nodes.push(Node::note("load file", "does not begin as load files do"));
    }
    nodes
}

pub(super) fn delete(command: &CommandApdu) -> Explained {
    let objects = tlv::objects(&command.data, Space::Delete);
    let is_key = objects
        .iter()
        .any(|node| node.name.starts_with("D0 ") || node.name.starts_with("D2 "));
    let target = globalplatform::tlv::find(&command.data, Tag(0x4F))
        .ok()
        .flatten();
    let title = match target {
        _ if is_key => "DELETE keys".to_owned(),
        Some(target) => format!(
            "DELETE {}",
            aid::name(target).map_or_else(|| hex(target), str::to_owned)
        ),
        None => "DELETE".to_owned(),
    };
    let what = match command.p2 {
        0x00 => "the object alone",
        0x80 => "the object and what was made from it",
        _ => "unknown",
    };
    let mut fields = vec![Node::new("what", format!("{:02X} ({what})", command.p2))];
    if command.p1 & 0x80 != 0 {
        fields.push(Node::new("more commands follow", "yes"));
    }
    fields.extend(objects);
    Explained::new(title, fields)
}

pub(super) fn set_status(command: &CommandApdu) -> Explained {
    let scope = match command.p1 {
        0x80 => "card",
        0x40 => "application or security domain",
        0x60 => "security domain and everything below it",
        _ => "unknown scope",
    };
    let p1 = command.p1 & 0x80;
    // The kind of the entity is not in the command: a state that only domains have tells.
    let is_domain = command.p1 == 0x60 || matches!(command.p2, 0x0F | 0x8F);
    let privileges = is_domain.then_some(Privileges::SECURITY_DOMAIN);
    let state = registry::life_cycle(p1, privileges, &[command.p2]);
    let mut fields = vec![
        Node::new("scope", format!("{:02X} ({scope})", command.p1)),
        Node::new("new state", format!("{:02X} ({state})", command.p2)),
    ];
    if !command.data.is_empty() {
        fields.push(Node::new("AID", aid::describe(&command.data)));
    }
    Explained::new(format!("SET STATUS {state}"), fields)
}

/// `00`, or receipt and confirmation data of Delegated Management (G 11.1.6).
pub(super) fn management_response(data: &[u8]) -> Vec<Node> {
    if data == [0x00] {
        return vec![Node::new("receipt", "none")];
    }
    let mut reader = Reader::new(data);
    let Ok(receipt) = reader.lv() else {
        return vec![Node::bytes("data", data)];
    };
    let mut nodes = vec![Node::new("receipt", hex(receipt))];
    let mut confirmation = Reader::new(reader.remaining());
    match (confirmation.lv(), confirmation.lv()) {
        (Ok(counter), Ok(unique)) if counter.len() == 2 => {
            nodes.push(Node::new("confirmation counter", tlv::number(counter)));
            nodes.push(Node::new("card unique data", hex(unique)));
            for name in ["token identifier", "token data digest"] {
                if let Ok(value) = confirmation.lv() {
                    nodes.push(Node::new(name, hex(value)));
                }
            }
        }
        _ => nodes.push(Node::bytes("confirmation data", reader.remaining())),
    }
    nodes
}
