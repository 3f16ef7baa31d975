//! Host against card, byte for byte as it goes over the contacts: whatever the keys, the mode, the
//! level, the logical channel, the sizes and the status words, everything arrives as it was sent;
//! and whatever is changed on the way is refused by the end that can notice, which is dead from
//! then on.
//!
//! What Amendment D protects, and so what these properties demand, without exceptions:
//!
//! * **Commands** at a level with C-MAC: every bit but those of Le. The C-MAC itself leaves out the
//!   logical channel in the class byte, but the session knows its own.
//! * **Responses** at a level with R-MAC: every bit of 9000, 62xx and 63xx with all their data. An
//!   error status word comes alone and is proven by nothing: it may become another error unseen,
//!   but never a success, and never carry data.
//! * **The opening**: what the card cryptogram covers, that is both challenges and all keys; with
//!   the AID known, the sequence counter too. Key diversification data, key version and `i` are
//!   checked against what was asked for, and are otherwise taken as they come. Of EXTERNAL
//!   AUTHENTICATE everything but the logical channel, and its answer by nothing.
//! * Level `Authenticated` protects nothing after the opening.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

#[path = "properties/ends.rs"]
mod ends;
#[path = "properties/faults.rs"]
mod faults;
#[path = "properties/intact.rs"]
mod intact;
#[path = "properties/opening.rs"]
mod opening;
#[path = "properties/order.rs"]
mod order;
#[path = "properties/scripts.rs"]
mod scripts;
#[path = "properties/traffic.rs"]
mod traffic;
