//! Our host against our card: live sessions, scripts built ahead, and what `Debug` shows of them.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

#[path = "host_against_card/card.rs"]
mod card;
#[path = "host_against_card/chains.rs"]
mod chains;
#[path = "host_against_card/follower.rs"]
mod follower;
#[path = "host_against_card/levels.rs"]
mod levels;
#[path = "host_against_card/live.rs"]
mod live;
#[path = "host_against_card/redaction.rs"]
mod redaction;
#[path = "host_against_card/script.rs"]
mod script;
#[path = "host_against_card/setup.rs"]
mod setup;
