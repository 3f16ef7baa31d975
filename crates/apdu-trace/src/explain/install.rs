//! INSTALL (G 11.5).

use globalplatform::apdu::CommandApdu;
use globalplatform::privileges::Privileges;
use globalplatform::tlv::{self as bertlv, Reader, Tag};

use super::tags::Space;
use super::{Explained, tlv};
use crate::tree::{Node, hex};
use crate::words::{aid, bits};

#[derive(Clone, Copy)]
enum Field {
    Aid(&'static str),
    Empty,
    Hash,
    Privileges,
    Parameters,
    Token,
}

use Field::{Aid, Empty, Hash, Parameters, Token};

fn layout(p1: u8) -> Option<(&'static str, [Field; 6])> {
    let privileges = Field::Privileges;
    Some(match p1 & 0x7F {
        0x02 => (
            "load",
            [
                Aid("load file"),
                Aid("security domain"),
                Hash,
                Parameters,
                Token,
                Empty,
            ],
        ),
        0x04 | 0x0C | 0x0E => (
            match p1 & 0x7F {
                0x04 => "install",
                0x0C => "install and make selectable",
                _ => "load, install and make selectable",
            },
            [
                Aid("load file"),
                Aid("module"),
                Aid("instance"),
                privileges,
                Parameters,
                Token,
            ],
        ),
        0x08 => (
            "make selectable",
            [Empty, Empty, Aid("instance"), privileges, Parameters, Token],
        ),
        0x10 => (
            "extradition",
            [
                Aid("new security domain"),
                Empty,
                Aid("application or load file"),
                Empty,
                Parameters,
                Token,
            ],
        ),
        0x40 => (
            "registry update",
            [
                Aid("new security domain"),
                Empty,
                Aid("application"),
                privileges,
                Parameters,
                Token,
            ],
        ),
        0x20 => (
            "personalization",
            [Empty, Empty, Aid("application"), Empty, Empty, Empty],
        ),
        _ => return None,
    })
}

/// `INSTALL [for load]`: what P1 alone tells.
pub(super) fn title(p1: u8) -> String {
    match layout(p1) {
        Some((purpose, _)) => format!("INSTALL [for {purpose}]"),
        None => "INSTALL".to_owned(),
    }
}

pub(super) fn install(command: &CommandApdu) -> Explained {
    let mut title = title(command.p1);
    let Some((_, layout)) = layout(command.p1) else {
        let names = [
            (0x80, "more follow"),
            (0x40, "registry update"),
            (0x20, "personalization"),
            (0x10, "extradition"),
            (0x08, "make selectable"),
            (0x04, "install"),
            (0x02, "load"),
        ];
        let text = format!("{:02X} ({})", command.p1, bits(command.p1, &names));
        let data = Node::bytes("data", &command.data);
        return Explained::new(title, vec![Node::new("purpose", text), data]);
    };
    let mut fields = Vec::new();
    if command.p1 & 0x80 != 0 {
        fields.push(Node::new("more commands follow", "yes"));
    }
    let mut reader = command.reader();
    let mut privileges = None;
    for (index, field) in layout.into_iter().enumerate() {
        // INSTALL [for load] has five fields.
        if index == 5 && command.p1 & 0x7F == 0x02 {
            break;
        }
        let value = match reader.lv() {
            Ok(value) => value,
            Err(error) => {
                fields.push(Node::wrong("ends too early", error.to_string()));
                return Explained::new(title, fields);
            }
        };
        match field {
            Aid(name) => {
                fields.push(Node::new(name, aid::describe(value)));
                if !value.is_empty() && matches!(name, "instance" | "application") {
                    let known = aid::name(value).map_or_else(|| hex(value), str::to_owned);
                    title = format!("{title} {known}");
                }
            }
            Empty if value.is_empty() => {}
            Empty => fields.push(Node::wrong("should be empty", hex(value))),
            Hash if value.is_empty() => fields.push(Node::new("hash", "none")),
            Hash => fields.push(Node::new("hash of the load file", hex(value))),
            Field::Privileges => {
                privileges = Privileges::from_bytes(value).ok();
                fields.push(Node::new("privileges", tlv::privileges(value)));
            }
            Parameters => fields.push(parameters(value, privileges)),
            Token if value.is_empty() => fields.push(Node::new("token", "none")),
            Token => fields.push(Node::new("token", hex(value))),
        }
    }
    if !reader.is_empty() {
        fields.push(Node::wrong("superfluous", hex(reader.remaining())));
    }
    Explained::new(title, fields)
}

/// Install parameters: C9 belongs to the application, and is BER-TLV for a security domain.
fn parameters(value: &[u8], privileges: Option<Privileges>) -> Node {
    if value.is_empty() {
        return Node::new("parameters", "none");
    }
    let mut nodes = tlv::objects(value, Space::Parameters);
    let is_domain = privileges.is_some_and(|p| p.contains(Privileges::SECURITY_DOMAIN));
    let own = bertlv::find(value, Tag(0xC9)).ok().flatten().unwrap_or(&[]);
    if let Some(node) = nodes.iter_mut().find(|node| node.name.starts_with("C9 ")) {
        node.name = if is_domain {
            "C9 security domain parameters".to_owned()
        } else {
            "C9 applet parameters".to_owned()
        };
        if is_domain && Reader::new(own).tlvs().all(|object| object.is_ok()) && !own.is_empty() {
            node.value.clear();
            node.children = tlv::objects(own, Space::DomainParameters);
        }
    }
    Node::group("parameters", nodes)
}
