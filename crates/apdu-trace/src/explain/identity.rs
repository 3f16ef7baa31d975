//! SELECT and GET DATA: what is on the card.

use globalplatform::apdu::CommandApdu;

use super::tags::Space;
use super::{Explained, tlv};
use crate::tree::{Node, hex};
use crate::words::aid;

pub(super) fn select(command: &CommandApdu) -> Explained {
    let data = command.data.as_slice();
    let (title, mut fields) = match command.p1 {
        0x04 if data.is_empty() => (
            "SELECT the default application".to_owned(),
            vec![Node::new("AID", "none: the issuer security domain")],
        ),
        0x04 => (
            format!(
                "SELECT {}",
                aid::name(data).map_or_else(|| hex(data), str::to_owned)
            ),
            vec![Node::new("AID", aid::describe(data))],
        ),
        p1 => {
            let how = match p1 {
                0x00 => "file identifier",
                0x01 => "child directory",
                0x02 => "file below the current directory",
                0x03 => "parent directory",
                0x08 => "path from the master file",
                0x09 => "path from the current directory",
                _ => "unknown selection",
            };
            let value = match data {
                [] if p1 == 0x00 => "none: the master file".to_owned(),
                [0x3F, 0x00] => "3F00 (master file)".to_owned(),
                [0x7F, 0xFF] => "7FFF (current application)".to_owned(),
                data => hex(data),
            };
            (
                format!("SELECT file {}", hex(data)),
                vec![Node::new(how, value)],
            )
        }
    };
    let occurrence = match command.p2 & 0x03 {
        0x00 => None,
        0x01 => Some("last"),
        0x02 => Some("next"),
        _ => Some("previous"),
    };
    fields.extend(occurrence.map(|which| Node::new("occurrence", which)));
    let answer = match command.p2 & 0x0C {
        0x04 => Some("file control parameters"),
        0x08 => Some("file management data"),
        0x0C => Some("nothing"),
        _ => None,
    };
    fields.extend(answer.map(|what| Node::new("answer with", what)));
    Explained::new(title, fields)
}

pub(super) fn select_response(data: &[u8]) -> Vec<Node> {
    match data.first() {
        Some(0x6F | 0x62 | 0x61) => tlv::objects(data, Space::Anywhere),
        _ => tlv::objects_only(data, Space::Anywhere)
            .unwrap_or_else(|| vec![Node::bytes("data", data)]),
    }
}

/// Objects of GET DATA (G Table 11-25 and field practice).
fn object(tag: u16) -> Option<&'static str> {
    Some(match tag {
        0x0042 => "issuer identification number",
        0x0045 => "card image number",
        0x004F => "AID of the issuer security domain",
        0x0066 => "card data",
        0x0067 => "card capabilities",
        0x006E => "application data (OpenPGP)",
        0x00C1 => "sequence counter of the default keys",
        0x00C2 => "confirmation counter",
        0x00CF => "key diversification data",
        0x00D3 => "current security level",
        0x00E0 => "key information",
        0x00E1 => "status of the JPKI applet",
        0x2F00 => "list of applications",
        0x5F50 => "URL of the security domain manager",
        0x7F21 => "certificate",
        0x9F7F => "card production life cycle (CPLC)",
        0xBF0C => "issuer's discretionary data",
        0xFF21 => "card resources",
        _ => return None,
    })
}

const fn tag_of(command: &CommandApdu) -> u16 {
    u16::from_be_bytes([command.p1, command.p2])
}

pub(super) fn get_data(command: &CommandApdu) -> Explained {
    let tag = tag_of(command);
    let name = object(tag).map_or_else(|| format!("{tag:04X}"), str::to_owned);
    let mut fields = vec![Node::new(
        "data object",
        format!("{tag:04X} ({})", object(tag).unwrap_or("unknown")),
    )];
    if !command.data.is_empty() {
        let inner = tlv::objects_only(&command.data, Space::Anywhere);
        fields.extend(inner.unwrap_or_else(|| vec![Node::bytes("data", &command.data)]));
    }
    Explained::new(format!("GET DATA {name}"), fields)
}

pub(super) fn get_data_response(command: &CommandApdu, data: &[u8]) -> Vec<Node> {
    let tag = tag_of(command);
    if tag == 0x9F7F {
        return production(data);
    }
    // Class 00 answers with the value alone.
    let space = match tag {
        0x0066 => Space::Recognition,
        0x0067 => Space::Capability,
        0x00E0 => Space::KeyTemplate,
        0xFF21 => Space::CardResources,
        _ => Space::Anywhere,
    };
    let outer = outer_tag(data);
    let space = if outer == Some(u32::from(tag)) {
        Space::Anywhere
    } else {
        space
    };
    tlv::objects_only(data, space).unwrap_or_else(|| vec![Node::bytes("data", data)])
}

fn outer_tag(data: &[u8]) -> Option<u32> {
    let mut reader = globalplatform::tlv::Reader::new(data);
    reader.tag().ok().map(|tag| tag.0)
}

/// CPLC: 42 bytes of fixed fields.
const PRODUCTION: [(&str, usize); 18] = [
    ("IC fabricator", 2),
    ("IC type", 2),
    ("operating system", 2),
    ("operating system date", 2),
    ("operating system level", 2),
    ("IC fabrication date", 2),
    ("IC serial number", 4),
    ("IC batch", 2),
    ("module fabricator", 2),
    ("module packaging date", 2),
    ("card manufacturer", 2),
    ("embedding date", 2),
    ("pre-personaliser", 2),
    ("pre-personalisation date", 2),
    ("pre-personalisation equipment", 4),
    ("personaliser", 2),
    ("personalisation date", 2),
    ("personalisation equipment", 4),
];

fn production(data: &[u8]) -> Vec<Node> {
    let mut rest = data.strip_prefix(&[0x9F, 0x7F, 0x2A]).unwrap_or(data);
    let mut nodes = Vec::new();
    for (name, length) in PRODUCTION {
        let Some((value, after)) = rest.split_at_checked(length) else {
            break;
        };
        rest = after;
        let text = match value {
            [high, low] if name.ends_with("date") => date(*high, *low),
            value => hex(value),
        };
        nodes.push(Node::new(name, text));
    }
    if !rest.is_empty() || nodes.len() < PRODUCTION.len() {
        nodes.push(Node::wrong(
            "length",
            format!("{} bytes instead of 42", data.len()),
        ));
    }
    nodes
}

/// `YDDD` in binary-coded decimals: last digit of the year, day of the year.
fn date(high: u8, low: u8) -> String {
    let text = hex(&[high, low]);
    let is_decimal = text.bytes().all(|digit| digit.is_ascii_digit());
    match (
        text.get(..1),
        text.get(1..).and_then(|day| day.parse::<u16>().ok()),
    ) {
        (Some(year), Some(day @ 1..=366)) if is_decimal => {
            format!("{text} (day {day} of a year ending in {year})")
        }
        _ => text,
    }
}
