//! The status objects: `E1` of the authentication credential and `E2` of the signature credential, for the service
//! provider (data groups 9F07 and 9F17) and the phone's app (GET DATA 00E1 and 00E2).

use globalplatform::tlv::{Tag, Writer};
use sha2::{Digest, Sha256};

use super::purpose::Purpose;
use super::slots::Slots;

/// Version of this applet: 1.1. Version 1.0 had neither a signature credential nor certificates of issuers.
const VERSION: [u8; 2] = [0x01, 0x01];

/// The value of the status object, without its tag.
pub(super) fn status(slots: &Slots) -> Vec<u8> {
    let mut value = Writer::new();
    value.tlv(Tag(0xC0), &[slots.live.is_some().into()]);
    if let Some(live) = &slots.live {
        value.tlv(Tag(0xC1), &live.id);
        value.tlv(Tag(0xC2), &Sha256::digest(&live.certificate));
    }
    value.tlv(Tag(0xC3), &[slots.tries_left()]);
    let pending = slots.pending.as_ref();
    let state = match pending {
        None => 0x00,
        Some(pending) if pending.proved => 0x03,
        Some(pending) if pending.is_complete() => 0x02,
        Some(_) => 0x01,
    };
    value.tlv(Tag(0xC4), &[state]);
    value.optional(Tag(0xC5), pending.map(|pending| pending.id));
    value.tlv(Tag(0xC6), &VERSION);
    value.optional(Tag(0xC7), slots.issuer.as_ref().map(Sha256::digest));
    value.into_vec()
}

/// The whole status object.
pub(super) fn status_object(slots: &Slots) -> Vec<u8> {
    let mut object = Writer::new();
    let tag = match slots.purpose {
        Purpose::Authentication => Tag(0xE1),
        Purpose::Signature => Tag(0xE2),
    };
    object.tlv(tag, &status(slots));
    object.into_vec()
}
