//! Commands of a phone to its UICC (ETSI TS 102 221, TS 102 223): by name, with their outer
//! objects.

use globalplatform::apdu::CommandApdu;
use globalplatform::tlv::Reader;

use super::{Explained, name, undecoded};
use crate::tree::Node;

pub(super) fn command(command: &CommandApdu) -> Explained {
    let title = name(command);
    let fields = match (command.ins, command.data.first()) {
        (0xC2, Some(tag)) => {
            let what = match tag {
                0xD1 => "SMS-PP download",
                0xD2 => "cell broadcast download",
                0xD3 => "menu selection",
                0xD4 => "call control",
                0xD5 => "MO short message control",
                0xD6 => "event download",
                0xD7 => "timer expiration",
                _ => "unknown",
            };
            vec![
                Node::new("what", format!("{tag:02X} ({what})")),
                undecoded("data", &command.data),
            ]
        }
        (0x14, Some(_)) => results(&command.data),
        (0x12, _) => Vec::new(),
        _ => vec![undecoded("data", &command.data)],
    };
    Explained::new(title, fields)
}

/// COMPREHENSION-TLV: the highest bit of the tag does not count.
fn results(data: &[u8]) -> Vec<Node> {
    let mut reader = Reader::new(data);
    let mut nodes = Vec::new();
    while !reader.is_empty() {
        let object = reader.u8().and_then(|tag| {
            let length = reader.length()?;
            Ok((tag & 0x7F, reader.take(length)?))
        });
        let Ok((tag, value)) = object else {
            nodes.push(Node::wrong("not COMPREHENSION-TLV", "ends too early"));
            break;
        };
        nodes.push(match (tag, value) {
            (0x01, [number, kind, qualifier]) => {
                let text = format!(
                    "{} number {number}, qualifier {qualifier:02X}",
                    proactive(*kind)
                );
                Node::new("command", text)
            }
            (0x02, [from, to]) => Node::new("devices", format!("{from:02X} to {to:02X}")),
            (0x03, [result, ..]) if *result < 0x10 => {
                Node::new("result", format!("{result:02X} (performed)"))
            }
            (0x03, [result, ..]) => Node::new("result", format!("{result:02X} (not performed)")),
            (tag, value) => Node::bytes(format!("object {tag:02X}"), value),
        });
    }
    nodes
}

/// A command of the UICC to the phone (tag D0).
pub(super) fn proactive_command(data: &[u8]) -> Vec<Node> {
    let mut reader = Reader::new(data);
    match reader.tlv() {
        Ok(object) if object.tag.0 == 0xD0 => results(object.value),
        _ => vec![Node::bytes("data", data)],
    }
}

/// TS 102 223, 9.4.
const fn proactive(kind: u8) -> &'static str {
    match kind {
        0x01 => "REFRESH",
        0x02 => "MORE TIME",
        0x03 => "POLL INTERVAL",
        0x04 => "POLLING OFF",
        0x05 => "SET UP EVENT LIST",
        0x10 => "SET UP CALL",
        0x13 => "SEND SHORT MESSAGE",
        0x20 => "PLAY TONE",
        0x21 => "DISPLAY TEXT",
        0x22 => "GET INKEY",
        0x23 => "GET INPUT",
        0x24 => "SELECT ITEM",
        0x25 => "SET UP MENU",
        0x26 => "PROVIDE LOCAL INFORMATION",
        0x27 => "TIMER MANAGEMENT",
        0x28 => "SET UP IDLE MODE TEXT",
        0x40 => "OPEN CHANNEL",
        0x41 => "CLOSE CHANNEL",
        0x42 => "RECEIVE DATA",
        0x43 => "SEND DATA",
        0x44 => "GET CHANNEL STATUS",
        _ => "unknown command",
    }
}
