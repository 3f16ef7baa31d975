//! BER-TLV as a tree.

use globalplatform::key::{KeyAccess, KeyType};
use globalplatform::privileges::Privileges;
use globalplatform::tlv::{Reader, Tag, Tlv};

use super::tags::{Kind, Space, describe};
use crate::tree::{Node, hex, hex_and_text, text};
use crate::words::{aid, bits, key, with_word};

/// Deepest nesting that is followed.
const DEEPEST: usize = 12;

/// All data objects in `data`, and what is wrong with the rest.
pub(super) fn objects(data: &[u8], space: Space) -> Vec<Node> {
    at_depth(Reader::new(data), space, 0)
}

/// The same, but nothing unless all of `data` is BER-TLV. Tag 00 is none (ISO 7816-4, 5.2.2.1).
pub(super) fn objects_only(data: &[u8], space: Space) -> Option<Vec<Node>> {
    let is_object = |object: Result<Tlv<'_>, _>| object.is_ok_and(|object| object.tag.0 != 0);
    let is_tlv = !data.is_empty() && Reader::new(data).tlvs().all(is_object);
    is_tlv.then(|| objects(data, space))
}

fn at_depth(reader: Reader<'_>, space: Space, depth: usize) -> Vec<Node> {
    let mut rest = reader.clone();
    let mut nodes = Vec::new();
    for object in reader.tlvs() {
        match object {
            Ok(object) => {
                nodes.push(one(&object, space, depth));
                let mut after = rest.clone();
                if after.tlv().is_ok() {
                    rest = after;
                }
            }
            Err(error) => {
                let text = format!("{} ({error})", hex(rest.remaining()));
                nodes.push(Node::wrong("not BER-TLV", text));
            }
        }
    }
    nodes
}

fn one(object: &Tlv<'_>, space: Space, depth: usize) -> Node {
    let number = hex_of(object.tag);
    let Some((name, kind)) = describe(space, object.tag.0) else {
        return unknown(object, &number, depth);
    };
    let name = format!("{number} {name}");
    match kind {
        Kind::Of(inner) if depth < DEEPEST => {
            Node::group(name, at_depth(object.reader(), inner, depth + 1))
        }
        Kind::KeyParts => key_parts(name, object.value),
        kind => Node::new(name, value(kind, object.value)),
    }
}

/// A tag that is not in the table: opened when it says that it is constructed and is.
fn unknown(object: &Tlv<'_>, number: &str, depth: usize) -> Node {
    let name = format!("{number} unknown");
    let is_sound = !object.value.is_empty() && object.reader().tlvs().all(|inner| inner.is_ok());
    if object.tag.is_constructed() && is_sound && depth < DEEPEST {
        let inner = at_depth(object.reader(), Space::Anywhere, depth + 1);
        return Node::group(name, inner);
    }
    Node::bytes(name, object.value)
}

fn hex_of(tag: Tag) -> String {
    format!("{:02X}", tag.0)
}

fn value(kind: Kind, bytes: &[u8]) -> String {
    match (kind, bytes) {
        (Kind::Aid, aid) => aid::describe(aid),
        (Kind::Text, bytes) => text(bytes).map_or_else(|| hex(bytes), |text| format!("\"{text}\"")),
        (Kind::Number, bytes) => number(bytes),
        (Kind::Oid, bytes) => oid(bytes),
        (Kind::Privileges, bytes) => privileges(bytes),
        (Kind::Implicit, [byte]) => implicit(*byte),
        (Kind::KeyId, [id]) => with_optional(*id, key::role(*id)),
        (Kind::KeyVersion, [version]) => key::describe_version(*version),
        (Kind::KeyType, [byte]) => KeyType(*byte).to_string(),
        (Kind::Usage, [byte]) => key::usage(*byte),
        (Kind::Access, [byte]) => with_word(*byte, Some(&KeyAccess(*byte).to_string())),
        (Kind::Curves, bytes) => list(bytes, key::curve),
        (Kind::Hashes, bytes) => list(bytes, hash),
        (Kind::ScpParameter, bytes) => scp(bytes),
        (_, bytes) => hex_and_text(bytes),
    }
}

fn with_optional(byte: u8, word: Option<&str>) -> String {
    match word {
        Some(word) => format!("{byte:02X} ({word})"),
        None => format!("{byte:02X}"),
    }
}

fn list(bytes: &[u8], word: fn(u8) -> Option<&'static str>) -> String {
    let words: Vec<_> = bytes
        .iter()
        .map(|byte| with_word(*byte, word(*byte)))
        .collect();
    words.join(", ")
}

const fn hash(byte: u8) -> Option<&'static str> {
    match byte {
        1 => Some("SHA-1"),
        2 => Some("SHA-256"),
        3 => Some("SHA-384"),
        4 => Some("SHA-512"),
        _ => None,
    }
}

/// A big-endian number of up to eight bytes.
pub(super) fn number(bytes: &[u8]) -> String {
    match bytes {
        [] => "empty".to_owned(),
        bytes if bytes.len() <= 8 => {
            let number = bytes.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
            format!("{number} ({})", hex(bytes))
        }
        bytes => hex(bytes),
    }
}

/// Privileges of one or three bytes by name.
pub(super) fn privileges(bytes: &[u8]) -> String {
    match (bytes, Privileges::from_bytes(bytes)) {
        ([], _) => "none".to_owned(),
        (_, Ok(privileges)) => format!("{} ({privileges})", hex(bytes)),
        (_, Err(_)) => format!("{} (unknown)", hex(bytes)),
    }
}

fn implicit(byte: u8) -> String {
    let interfaces = bits(byte & 0xE0, &[(0x80, "contactless"), (0x40, "contacts")]);
    format!("{byte:02X} ({interfaces}; logical channel {})", byte & 0x1F)
}

fn scp(bytes: &[u8]) -> String {
    match bytes {
        [protocol, i] => format!("SCP{protocol:02X}, i = {i:02X}"),
        bytes => hex(bytes),
    }
}

/// An object identifier with what GlobalPlatform means by it (G H.2).
fn oid(bytes: &[u8]) -> String {
    const GLOBALPLATFORM: [u8; 6] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B];
    let Some(dotted) = dotted(bytes) else {
        return hex(bytes);
    };
    let arcs = bytes.strip_prefix(&GLOBALPLATFORM).unwrap_or(&[]);
    let meaning = match arcs {
        [0x01] => "GlobalPlatform card".to_owned(),
        [0x02, version @ ..] => {
            let numbers: Vec<_> = version.iter().map(u8::to_string).collect();
            format!("GlobalPlatform {}", numbers.join("."))
        }
        [0x03] => "globally unique identification".to_owned(),
        [0x04, protocol, i] if *i < 0x80 => format!("SCP{protocol:02X}, i = {i:02X}"),
        [0x04, protocol, high, low] => {
            let i = u16::from(high & 0x7F) << 7 | u16::from(*low);
            format!("SCP{protocol:02X}, i = {i:02X}")
        }
        _ => return dotted,
    };
    format!("{dotted} ({meaning})")
}

fn dotted(bytes: &[u8]) -> Option<String> {
    let (first, rest) = bytes.split_first()?;
    let mut arcs = vec![u64::from(first / 40).min(2)];
    arcs.push(u64::from(*first) - arcs.first()? * 40);
    let mut arc = 0u64;
    let mut is_open = false;
    for byte in rest {
        arc = arc.checked_mul(128)? | u64::from(byte & 0x7F);
        is_open = byte & 0x80 != 0;
        if !is_open {
            arcs.push(core::mem::take(&mut arc));
        }
    }
    let arcs: Vec<_> = arcs.iter().map(u64::to_string).collect();
    (!is_open).then(|| arcs.join("."))
}

/// `C0`: identifier, version, and type and length of each part (G 11.3.3.1); the extended form
/// begins with type FF.
fn key_parts(name: String, bytes: &[u8]) -> Node {
    let [id, version, parts @ ..] = bytes else {
        return Node::wrong(name, hex(bytes));
    };
    let mut texts = Vec::new();
    if parts.first() == Some(&0xFF) {
        texts.push(format!("extended {}", hex(parts)));
    } else {
        for part in parts.chunks(2) {
            texts.push(match part {
                [0xF0, reference] => {
                    format!("curve {}", with_word(*reference, key::curve(*reference)))
                }
                [kind, 0] => format!("{} of 256 bytes or more", KeyType(*kind)),
                [kind, length] => format!("{} of {length} bytes", KeyType(*kind)),
                _ => format!("incomplete {}", hex(part)),
            });
        }
    }
    let text = format!(
        "identifier {id:02X}, version {}: {}",
        key::describe_version(*version),
        texts.join(", ")
    );
    Node::new(name, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(nodes: &[Node]) -> Vec<String> {
        nodes
            .iter()
            .flat_map(|node| {
                let own = format!("{}: {}", node.name, node.value);
                std::iter::once(own).chain(lines(&node.children))
            })
            .collect()
    }

    fn read(data: &str) -> Vec<String> {
        lines(&objects(&hex::decode(data).unwrap(), Space::Anywhere))
    }

    #[test]
    fn names_depend_on_the_structure() {
        assert_eq!(
            read("6F108408A000000151000000A5049F6501FF"),
            [
                "6F file control information: ",
                "84 AID: A000000151000000 (GlobalPlatform issuer security domain)",
                "A5 proprietary data: ",
                "9F65 maximum command data: 255 (FF)",
            ]
        );
    }

    #[test]
    fn recognition_data_are_put_into_words() {
        assert_eq!(
            read("6625732306072A864886FC6B01600B06092A864886FC6B020202640B06092A864886FC6B040370")
                [3..],
            [
                "60 card management type and version: ",
                "06 object identifier: 1.2.840.114283.2.2.2 (GlobalPlatform 2.2)",
                "64 secure channel protocol: ",
                "06 object identifier: 1.2.840.114283.4.3.112 (SCP03, i = 70)",
            ]
        );
        assert_eq!(oid(&[0x2A, 0x86]), "2A86");
        assert_eq!(
            oid(&hex::decode("2A864886FC6B04028155").unwrap()),
            "1.2.840.114283.4.2.213 (SCP02, i = D5)"
        );
    }

    #[test]
    fn key_information_and_resources_are_put_into_words() {
        assert_eq!(
            read("E00CC00401308810C00402308820"),
            [
                "E0 key information: ",
                "C0 key: identifier 01, version 30 (SCP03): 88 (AES) of 16 bytes",
                "C0 key: identifier 02, version 30 (SCP03): 88 (AES) of 32 bytes",
            ]
        );
        assert_eq!(
            read("FF2110810200058204000169CC8304000008F3")[1..],
            [
                "81 installed applications: 5 (0005)",
                "82 free non-volatile memory: 92620 (000169CC)",
                "83 free volatile memory: 2291 (000008F3)",
            ]
        );
    }

    #[test]
    fn what_is_no_tlv_is_shown_and_marked() {
        let nodes = objects(&[0x4F, 0x01, 0xAA, 0x84, 0x05, 0x01], Space::Anywhere);
        assert_eq!(nodes.len(), 2);
        assert!(nodes[1].is_wrong());
        assert_eq!(
            nodes[1].value,
            "840501 (input ends at offset 6, at least 4 more byte(s) needed)"
        );
        assert_eq!(objects_only(&[0x4F, 0x05, 0x01], Space::Anywhere), None);
        assert_eq!(objects_only(&[], Space::Anywhere), None);
        assert_eq!(objects_only(&[0x00, 0x00], Space::Anywhere), None);
    }

    #[test]
    fn deep_nesting_ends() {
        let mut data = vec![0x4F, 0x00];
        for _ in 0..40 {
            data.insert(0, data.len() as u8);
            data.insert(0, 0x6F);
        }
        assert!(lines(&objects(&data, Space::Anywhere)).len() <= DEEPEST + 2);
    }
}
