//! GET STATUS and the registry of the card (G 11.4).

use globalplatform::apdu::CommandApdu;
use globalplatform::life_cycle::{
    ApplicationLifeCycle, CardLifeCycle, LoadFileLifeCycle, SecurityDomainLifeCycle,
};
use globalplatform::privileges::Privileges;
use globalplatform::tlv::{self as bertlv, Reader, Tag};

use super::tags::Space;
use super::{Explained, tlv};
use crate::tree::{Node, hex};
use crate::words::aid;

const fn scope(p1: u8) -> &'static str {
    match p1 {
        0x80 => "issuer security domain",
        0x40 => "applications and security domains",
        0x20 => "load files",
        0x10 => "load files with their modules",
        _ => "unknown scope",
    }
}

pub(super) fn get_status(command: &CommandApdu) -> Explained {
    let mut fields = vec![Node::new(
        "scope",
        format!("{:02X} ({})", command.p1, scope(command.p1)),
    )];
    let occurrence = if command.p2 & 0x01 == 0 {
        "first or all"
    } else {
        "next"
    };
    fields.push(Node::new("occurrence", occurrence));
    if command.p2 & 0x02 == 0 {
        fields.push(Node::note("format", "the obsolete one"));
    }
    for object in command.reader().tlvs() {
        fields.push(match object {
            Ok(object) if object.tag == Tag(0x4F) && object.value.is_empty() => {
                Node::new("AID", "any")
            }
            Ok(object) if object.tag == Tag(0x4F) => {
                Node::new("AID begins with", aid::describe(object.value))
            }
            Ok(object) if object.tag == Tag(0x5C) => {
                let text = format!("{} ({})", hex(object.value), tag_list(object.value));
                Node::new("wanted", text)
            }
            Ok(object) => Node::bytes(format!("{:02X} criterion", object.tag.0), object.value),
            Err(error) => Node::wrong("search criteria", error.to_string()),
        });
    }
    Explained::new(format!("GET STATUS of {}", scope(command.p1)), fields)
}

fn tag_list(mut list: &[u8]) -> String {
    let mut names = Vec::new();
    while !list.is_empty() {
        let mut reader = Reader::new(list);
        let Ok(tag) = reader.tag() else { break };
        let name = match tag.0 {
            0x9F70 => "life cycle",
            0x84 => "modules",
            _ => super::tags::describe(Space::Registry, tag.0).map_or("unknown", |(name, _)| name),
        };
        names.push(name);
        list = reader.remaining();
    }
    names.join(", ")
}

pub(super) fn get_status_response(command: &CommandApdu, data: &[u8]) -> Vec<Node> {
    if command.p2 & 0x02 == 0 {
        return obsolete(command.p1, data);
    }
    let mut nodes = Vec::new();
    for object in Reader::new(data).tlvs() {
        nodes.push(match object {
            Ok(object) if object.tag == Tag(0xE3) => entry(command.p1, object.value),
            Ok(object) => Node::bytes(format!("{:02X} unknown", object.tag.0), object.value),
            Err(error) => Node::wrong("registry", error.to_string()),
        });
    }
    nodes
}

/// One entry: a line with what matters, and the rest below it.
fn entry(p1: u8, value: &[u8]) -> Node {
    let find = |tag| bertlv::find(value, Tag(tag)).ok().flatten();
    let privileges = find(0xC5).and_then(|bytes| Privileges::from_bytes(bytes).ok());
    let state = find(0x9F70).map(|bytes| life_cycle(p1, privileges, bytes));
    let line = format!(
        "{}  {}",
        find(0x4F).map_or_else(|| "no AID".to_owned(), aid::describe),
        state.unwrap_or_default()
    );
    let rest = tlv::objects(value, Space::Registry).into_iter();
    let rest = rest.filter(|node| !node.name.starts_with("4F ") && !node.name.starts_with("9F70 "));
    Node::new(kind(p1, privileges), line.trim_end()).with(rest.collect())
}

fn kind(p1: u8, privileges: Option<Privileges>) -> &'static str {
    match (p1, privileges) {
        (0x80, _) => "issuer security domain",
        (0x40, Some(privileges)) if privileges.contains(Privileges::SECURITY_DOMAIN) => {
            "security domain"
        }
        (0x40, _) => "application",
        (0x20 | 0x10, _) => "load file",
        _ => "entry",
    }
}

/// A life cycle by the kind of its entity.
pub(super) fn life_cycle(p1: u8, privileges: Option<Privileges>, bytes: &[u8]) -> String {
    let Some(byte) = bytes.first().copied() else {
        return "empty".to_owned();
    };
    let is_domain = privileges.is_some_and(|p| p.contains(Privileges::SECURITY_DOMAIN));
    let name = match p1 {
        0x80 => CardLifeCycle::try_from(byte).map(|state| state.to_string()),
        0x20 | 0x10 => LoadFileLifeCycle::try_from(byte).map(|state| state.to_string()),
        _ if is_domain => SecurityDomainLifeCycle::try_from(byte).map(|state| state.to_string()),
        _ => ApplicationLifeCycle::try_from(byte).map(|state| state.to_string()),
    };
    name.unwrap_or_else(|_| format!("unknown state {}", hex(bytes)))
}

/// `LV AID | state | privileges`, one after the other.
fn obsolete(p1: u8, data: &[u8]) -> Vec<Node> {
    let mut reader = Reader::new(data);
    let mut nodes = Vec::new();
    while !reader.is_empty() {
        let entry = reader
            .lv()
            .and_then(|aid| Ok((aid, reader.u8()?, reader.u8()?)));
        let Ok((aid, state, privilege)) = entry else {
            nodes.push(Node::wrong("registry", "ends too early"));
            break;
        };
        let privileges = Privileges::from_bytes(&[privilege]).ok();
        let line = format!(
            "{}  {}",
            aid::describe(aid),
            life_cycle(p1, privileges, &[state])
        );
        let rest = vec![Node::new("privileges", tlv::privileges(&[privilege]))];
        nodes.push(Node::new(kind(p1, privileges), line).with(rest));
    }
    nodes
}
