//! STORE DATA: data groupings and BER-TLV (G 11.11).

use globalplatform::apdu::CommandApdu;
use globalplatform::commands::store_data::DgiReader;
use scp03::store_data_keys::{StoreDataKeysError, read_keys};

use super::tags::Space;
use super::{Context, Explained, tlv};
use crate::tree::{Node, count, hex};

pub(super) fn store_data(command: &CommandApdu, context: &Context<'_>) -> Explained {
    let is_last = command.p1 & 0x80 != 0;
    let last = if is_last { "the last" } else { "more follow" };
    let mut fields = vec![
        Node::new("block", format!("{} ({last})", command.p2)),
        Node::new(
            "encryption",
            match command.p1 & 0x60 {
                0x00 => "none or unknown",
                0x20 => "the application decides",
                0x60 => "encrypted under the DEK",
                _ => "unknown",
            },
        ),
        Node::new(
            "structure",
            match command.p1 & 0x18 {
                0x00 => "free",
                0x08 => "data groupings (DGI)",
                0x10 => "BER-TLV",
                _ => "unknown",
            },
        ),
    ];
    if command.p1 & 0x01 != 0 {
        fields.push(Node::new("response", "expected"));
    }
    // Blocks are cut anywhere: what they hold is known at the last one.
    match context.joined {
        Some(joined) => {
            if command.p2 != 0 {
                fields.push(Node::new("data of all blocks", count(joined.len())));
            }
            fields.extend(content(command.p1, joined, context));
        }
        None => fields.push(Node::new(
            "data",
            format!(
                "{}, explained with the last block",
                count(command.data.len())
            ),
        )),
    }
    Explained::new(format!("STORE DATA block {}", command.p2), fields)
}

fn content(p1: u8, data: &[u8], context: &Context<'_>) -> Vec<Node> {
    let is_secret = p1 & 0x60 != 0;
    match p1 & 0x18 {
        0x08 => groupings(data, is_secret, context),
        0x10 if !is_secret => tlv::objects(data, Space::Anywhere),
        _ if is_secret => vec![context.secret("data", data)],
        _ => tlv::objects_only(data, Space::Anywhere)
            .unwrap_or_else(|| vec![context.secret("data", data)]),
    }
}

/// Names of data groupings (G 11.11.4, Amendment A, EMV CPS, and our applet).
const fn name(tag: u16) -> Option<&'static str> {
    Some(match tag {
        0x0010 => "RSA modulus",
        0x0011 => "RSA public exponent",
        0x0030..=0x0035 => "curve parameter",
        0x0036 => "EC public key",
        0x0070 => "data objects",
        0x00A6 => "control reference template",
        0x00B9 => "descriptions of keys",
        0x7F49 => "public key",
        0x8010 => "secret (offline PIN, or keys under RSA)",
        0x8112 => "RSA private key",
        0x8113 => "secret key",
        0x8121 => "RSA prime p",
        0x8122 => "RSA prime q",
        0x8123 => "RSA d mod (p-1)",
        0x8124 => "RSA d mod (q-1)",
        0x8125 => "RSA q^-1 mod p",
        0x8137 => "EC private key",
        0x9F01 => "JPKI: new slot",
        0x9F02 => "JPKI: certificate",
        0x9F03 => "JPKI: PIN",
        0x9F04 => "JPKI: challenge for the pending key",
        0x9F05 => "JPKI: commit",
        0x9F06 => "JPKI: wipe",
        0x9F07 => "JPKI: read status",
        0x9F08 => "JPKI: new PIN",
        0x9F09 => "JPKI: issuer's certificate",
        0x8131 => "JPKI: RSA prime p of the signature key",
        0x8132 => "JPKI: RSA prime q of the signature key",
        0x8147 => "JPKI: EC private key for signatures",
        0x9F11 => "JPKI: new signature slot",
        0x9F12 => "JPKI: signature certificate",
        0x9F13 => "JPKI: signature PIN",
        0x9F14 => "JPKI: challenge for the pending signature key",
        0x9F15 => "JPKI: commit of the signature credential",
        0x9F16 => "JPKI: wipe of the signature credential",
        0x9F17 => "JPKI: read status of the signature credential",
        0x9F18 => "JPKI: new signature PIN",
        0x9F19 => "JPKI: issuer's certificate for signatures",
        _ => return None,
    })
}

/// What is no secret by its definition. Everything else may be one.
const fn is_public(tag: u16) -> bool {
    matches!(
        tag,
        0x0010 | 0x0011 | 0x0030..=0x0036 | 0x0070 | 0x00A6 | 0x00B9 | 0x7F49 | 0x9F01 | 0x9F02
            | 0x9F04..=0x9F07 | 0x9F09 | 0x9F11 | 0x9F12 | 0x9F14..=0x9F17 | 0x9F19
    )
}

fn groupings(data: &[u8], is_secret: bool, context: &Context<'_>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut end = 0;
    let mut has_keys = false;
    for grouping in DgiReader::new(data) {
        let Ok(grouping) = grouping else {
            let rest = data.len().saturating_sub(end);
            nodes.push(Node::wrong("not a data grouping", count(rest)));
            break;
        };
        end = grouping.data_offset + grouping.data.len();
        has_keys |= grouping.tag == 0x00B9;
        let title = format!(
            "DGI {:04X} {}",
            grouping.tag,
            name(grouping.tag).unwrap_or("unknown")
        );
        nodes.push(match grouping.tag {
            0x0070 | 0x00A6 | 0x00B9 => {
                Node::group(title, tlv::objects(grouping.data, Space::Anywhere))
            }
            tag if is_public(tag) && !is_secret => Node::bytes(title, grouping.data),
            tag if is_public(tag) && matches!(tag, 0x9F00..=0x9FFF) => {
                Node::bytes(title, grouping.data)
            }
            _ => context.secret(title, grouping.data),
        });
    }
    if let (true, Some(dek)) = (has_keys, context.dek) {
        nodes.push(match read_keys(data, dek) {
            Ok(keys) => Node::right("check values", format!("right for {} keys", keys.len())),
            Err(StoreDataKeysError::CheckValue { .. }) => Node::wrong("check values", "wrong"),
            Err(error) => Node::note("check values", format!("not checked: {error}")),
        });
    }
    nodes
}

pub(super) fn response(data: &[u8]) -> Vec<Node> {
    if let Some(nodes) = tlv::objects_only(data, Space::Anywhere) {
        return nodes;
    }
    vec![Node::new("data", hex(data))]
}
