//! FCP templates: what SELECT and STATUS say about a file (TS 102 221 11.1.1.3 and 11.1.1.4).

use globalplatform::tlv::{Tag, Writer};

use super::USIM_AID;
use super::tree::{Body, Node, USIM};

/// File descriptor of a directory.
const DIRECTORY: u8 = 0x78;
/// File descriptor of a file without structure.
const TRANSPARENT: u8 = 0x41;
/// File descriptor of a file of records of equal length.
const LINEAR_FIXED: u8 = 0x42;
/// Data coding byte, the same everywhere.
const CODING: u8 = 0x21;
/// Activated.
const LIFE_CYCLE: u8 = 0x05;
/// UICC characteristics: the clock may be stopped, at either level.
const CHARACTERISTICS: u8 = 0x71;
/// PIN 1, which is disabled.
const PIN_STATUS: [u8; 6] = [0x90, 0x01, 0x00, 0x83, 0x01, 0x01];

/// The template of a file or directory.
pub(super) fn template(node: &Node) -> Vec<u8> {
    let mut template = Writer::new();
    template.nested(Tag(0x62), |fcp| {
        fcp.tlv(Tag(0x82), &descriptor(&node.body));
        fcp.tlv(Tag(0x83), &node.id().to_be_bytes());
        if node.id() == USIM {
            fcp.tlv(Tag(0x84), USIM_AID.as_bytes());
        }
        if node.is_directory() {
            fcp.nested(Tag(0xA5), |properties| {
                properties.tlv(Tag(0x80), &[CHARACTERISTICS]);
            });
        }
        fcp.tlv(Tag(0x8A), &[LIFE_CYCLE]);
        fcp.tlv(Tag(0x8B), &security(node));
        match &node.body {
            Body::Directory => fcp.tlv(Tag(0xC6), &PIN_STATUS),
            Body::Transparent(bytes) => file_size(fcp, bytes.len(), node.short_id),
            Body::Records(records) => {
                file_size(fcp, records.iter().map(Vec::len).sum(), node.short_id);
            }
        }
    });
    template.into_vec()
}

fn descriptor(body: &Body) -> Vec<u8> {
    match body {
        Body::Directory => vec![DIRECTORY, CODING],
        Body::Transparent(_) => vec![TRANSPARENT, CODING],
        Body::Records(records) => {
            let length = records.first().map_or(0, Vec::len);
            let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            let count = u8::try_from(records.len()).unwrap_or(u8::MAX);
            vec![LINEAR_FIXED, CODING, high, low, count]
        }
    }
}

/// Which record of which EF.ARR holds the rules.
fn security(node: &Node) -> [u8; 3] {
    let rules: u16 = if node.path.contains(&USIM) && node.id() != USIM {
        0x6F06
    } else {
        0x2F06
    };
    let [high, low] = rules.to_be_bytes();
    [high, low, node.rule.number()]
}

fn file_size(fcp: &mut Writer, bytes: usize, short_id: Option<u8>) {
    let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
    fcp.tlv(Tag(0x80), &bytes.to_be_bytes());
    // Empty: the file has no short identifier.
    match short_id {
        Some(id) => fcp.tlv(Tag(0x88), &[id << 3]),
        None => fcp.tlv(Tag(0x88), &[]),
    }
}
