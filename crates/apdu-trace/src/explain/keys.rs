//! PUT KEY (G 11.8; Amendment D 7.2).

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::put_key::PutKey;
use globalplatform::key::KeyType;
use globalplatform::tlv::Reader;
use scp03::DekKey;
use scp03::put_key::{PutKeyError, receive_keys};

use super::{Context, Explained};
use crate::tree::{Node, count, hex};
use crate::words::{key, with_word};

pub(super) fn put_key(command: &CommandApdu, context: &Context<'_>) -> Explained {
    let replaced = command.p1 & 0x7F;
    let what = match replaced {
        0x00 => "a new key set".to_owned(),
        version => format!("replaces version {}", key::describe_version(version)),
    };
    let mut fields = vec![Node::new("what", what)];
    if command.p1 & 0x80 != 0 {
        fields.push(Node::new("more commands follow", "yes"));
    }
    let several = if command.p2 & 0x80 == 0 {
        "one key"
    } else {
        "several keys"
    };
    let first = command.p2 & 0x7F;
    fields.push(Node::new(
        "first identifier",
        format!("{first:02X} ({several})"),
    ));
    let mut reader = command.reader();
    let Ok(version) = reader.u8() else {
        fields.push(Node::wrong("new version", "missing"));
        return Explained::new("PUT KEY", fields);
    };
    fields.push(Node::new("new version", key::describe_version(version)));
    let mut id = first;
    while !reader.is_empty() {
        match key_field(&mut reader, id, context) {
            Some(node) => fields.push(node),
            None => {
                fields.push(Node::wrong("key", "ends too early"));
                break;
            }
        }
        id = id.wrapping_add(1);
    }
    if let Some(dek) = context.dek {
        fields.push(check(command, dek));
    }
    let title = format!("PUT KEY version {version:02X}");
    Explained::new(title, fields)
}

/// `type | length | block | KCV`, or several parts before the check value for EC keys.
fn key_field(reader: &mut Reader<'_>, id: u8, context: &Context<'_>) -> Option<Node> {
    let mut parts = Vec::new();
    loop {
        let kind = reader.u8().ok()?;
        let kind_text = if kind == 0xFF {
            format!("FF{:02X} (extended)", reader.u8().ok()?)
        } else {
            KeyType(kind).to_string()
        };
        let block = reader.lv().ok()?;
        parts.push(match (kind, block) {
            (0xF0, [reference]) => {
                Node::new("curve", with_word(*reference, key::curve(*reference)))
            }
            _ => Node::new("type", kind_text).with(vec![value(kind, block, context)]),
        });
        // Parameters of an elliptic curve belong to the key before them.
        if !matches!(reader.peek(), Some(0xB0..=0xB7 | 0xF0 | 0xA0..=0xA8)) {
            break;
        }
    }
    let check_value = reader.lv().ok()?;
    parts.push(match check_value {
        [] => Node::new("check value", "none"),
        check_value => Node::new("check value", hex(check_value)),
    });
    let name = match key::role(id) {
        Some(role) => format!("key {id:02X} ({role})"),
        None => format!("key {id:02X}"),
    };
    Some(Node::group(name, parts))
}

fn value(kind: u8, block: &[u8], context: &Context<'_>) -> Node {
    let is_public = matches!(kind, 0xA0 | 0xA1 | 0xB0 | 0xB2..=0xB7);
    if is_public {
        Node::bytes("value", block)
    } else if context.show_secrets {
        open(block, context)
    } else {
        Node::new(
            "value",
            format!("{}, under the DEK, hidden", count(block.len())),
        )
    }
}

/// A key block with `--show-secrets`: decrypted when the DEK is known.
fn open(block: &[u8], context: &Context<'_>) -> Node {
    let (length, cipher_text) = match block.split_first() {
        Some((length, rest)) if !block.len().is_multiple_of(16) => (usize::from(*length), rest),
        _ => (block.len(), block),
    };
    let whole = cipher_text.len() / 16 * 16;
    let mut clear = cipher_text.get(..whole).unwrap_or(&[]).to_vec();
    match context.dek.map(|dek| dek.decrypt(&mut clear)) {
        Some(Ok(())) => Node::new("key", hex(clear.get(..length).unwrap_or(&clear))),
        _ => Node::new("value under the DEK", hex(block)),
    }
}

/// Opens the keys and compares their check values.
fn check(command: &CommandApdu, dek: &DekKey) -> Node {
    let Ok(keys) = PutKey::from_apdu(command) else {
        return Node::note("check values", "not checked: an unusual form");
    };
    match receive_keys(&keys, dek) {
        Ok(keys) => Node::right("check values", format!("right for {} keys", keys.len())),
        Err(PutKeyError::CheckValue { index }) => Node::wrong(
            "check values",
            format!("wrong for key {} of the command", index + 1),
        ),
        Err(error) => Node::note("check values", format!("not checked: {error}")),
    }
}

pub(super) fn put_key_response(data: &[u8]) -> Vec<Node> {
    let Some((version, rest)) = data.split_first() else {
        return Vec::new();
    };
    let mut nodes = vec![Node::new("version", key::describe_version(*version))];
    for check_value in rest.chunks(3) {
        nodes.push(Node::new("check value", hex(check_value)));
    }
    nodes
}
