//! The status object `E1`, for the service provider (data group 9F07) and the phone's app (GET DATA 00E1).

use globalplatform::tlv::{Tag, Writer};
use sha2::{Digest, Sha256};

use super::slots::Slots;

/// Version of this applet: 1.0.
const VERSION: [u8; 2] = [0x01, 0x00];

/// The value of the status object, without its tag E1.
pub(super) fn status(slots: &Slots) -> Vec<u8> {
    let mut value = Writer::new();
    value.tlv(Tag(0xC0), &[slots.live.is_some().into()]);
    if let Some(live) = &slots.live {
        value.tlv(Tag(0xC1), &live.id);
        value.tlv(Tag(0xC2), &Sha256::digest(&live.certificate));
    }
    let tries = slots.live.as_ref().map_or(0, |live| live.tries_left);
    value.tlv(Tag(0xC3), &[tries]);
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
    value.into_vec()
}

/// The whole status object.
pub(super) fn status_object(slots: &Slots) -> Vec<u8> {
    let mut object = Writer::new();
    object.tlv(Tag(0xE1), &status(slots));
    object.into_vec()
}
