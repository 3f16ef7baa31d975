//! GlobalPlatform Secure Channel Protocol 03 (Amendment D), host and card end, without I/O.
//!
//! The crate turns plain commands into protected ones and back, on either side of the contacts. It
//! opens no connection, reads no clock and draws no random number: challenges are handed in, APDUs
//! are handed out.
//!
//! * [`host`]: a live session, one step at a time: [`host::Host`] → [`host::AwaitingChallenge`] →
//!   [`host::AwaitingAuthentication`] → [`channel::Channel`].
//! * [`script`]: a whole session built before the card was heard, and verified afterwards.
//! * [`card`]: the strict card end.
//! * [`keys`], [`put_key`], [`store_data_keys`], [`key_agreement`]: keys and how they reach a card.
//!
//! Clause numbers are those of *Amendment D, Secure Channel Protocol 03, 1.1.1* ("D") and of *Card
//! Specification 2.3.1* ("G"). S16 mode follows Amendment D 1.2 as its published implementations
//! agree on it.
#![no_std]

extern crate alloc;

pub mod card;
pub mod chaining;
pub mod channel;
pub mod content_management_mac;
pub mod cryptogram;
pub mod host;
pub mod kdf;
pub mod key_agreement;
pub mod keys;
pub mod levels;
pub mod parameters;
pub mod protected;
pub mod put_key;
pub mod script;
pub mod security_level;
pub mod store_data_keys;

mod block;
mod class;
mod initialize_update;
mod padding;

pub use card::{CardChallenge, CardSession};
pub use channel::{
    Channel, ChannelError, LevelChange, LevelError, NotChanged, OtherLevel, WrapError,
};
pub use cryptogram::Challenge;
pub use host::{AwaitingAuthentication, AwaitingChallenge, Host, HostError};
pub use keys::{
    AesKey, DekKey, EncKey, KeyError, MacKey, MasterKey, SEnc, SMac, SRmac, StaticKeys,
};
pub use levels::Level;
pub use parameters::{Mode, ScpParameters};
pub use protected::{Protected, ProtectedApdu};
pub use script::{Script, ScriptBuilder, ScriptError, ScriptVerifier, Verified};
pub use security_level::SecurityLevel;
