//! GlobalPlatform Secure Channel Protocol 03 (Amendment D), host and card end, without I/O.
//!
//! The crate turns plain commands into protected ones and back, on either side of the contacts. It
//! opens no connection, reads no clock and draws no random number: challenges are handed in, APDUs
//! are handed out.
//!
//! | Module | What it is | Clauses |
//! |---|---|---|
//! | [`host`] | opening a live session, one type for each step | D 5.4, 6.2.2, 7.1.1, 7.1.2 |
//! | [`channel`] | the open session: wrap, unwrap, changes of level | D 6.2.4 to 6.2.7, 7.1.3, 7.1.4 |
//! | [`levels`], [`security_level`] | levels as types, and at run time | D 5.3 |
//! | [`protected`] | commands that only a channel can make | |
//! | [`script`] | a session built ahead of the responses, in one buffer, verified afterwards | D 6.2.2.1 |
//! | [`chaining`] | commands and responses longer than one short APDU | G 11.1.5 |
//! | [`card`] | the strict card end | D 5.4 to 5.6, 6.2 |
//! | [`parameters`] | what a card offers: S8 or S16, challenge, response protection | D 5.1 |
//! | [`keys`], [`kdf`], [`cryptogram`] | keys, their diversification, derivation and check values | D 4.1.5, 6.1, 6.2 |
//! | [`put_key`], [`store_data_keys`], [`key_agreement`] | how keys reach a card | G 11.8, 11.11; D 7.2 |
//! | [`content_management_mac`] | AES-CMAC of tokens and receipts | D 8, G C.2 to C.5 |
//!
//! # Levels
//!
//! EXTERNAL AUTHENTICATE sets the level for the whole session; BEGIN R-MAC SESSION raises the
//! responses for a while ([`LevelChange`]). Lengths are those of clear data that fit one short APDU,
//! in S8 and in S16 mode.
//!
//! | P1 | Type | Commands | Responses | Command data | Response data |
//! |---|---|---|---|---|---|
//! | 00 | [`levels::Authenticated`] | plain | plain | 255 / 255 | 256 / 256 |
//! | 01 | [`levels::CMac`] | MAC | plain | 247 / 239 | 256 / 256 |
//! | 03 | [`levels::CMacCDec`] | encrypted, MAC | plain | 239 / 223 | 256 / 256 |
//! | 11 | [`levels::CMacRMac`] | MAC | MAC | 247 / 239 | 248 / 240 |
//! | 13 | [`levels::CMacCDecRMac`] | encrypted, MAC | MAC | 239 / 223 | 248 / 240 |
//! | 33 | [`levels::Full`] | encrypted, MAC | encrypted, MAC | 239 / 223 | 239 / 239 |
//!
//! # A session from end to end
//!
//! One buffer serves both directions, and nothing is allocated once the session is open.
//!
//! ```
//! use globalplatform::apdu::{CommandRef, ResponseRef};
//! use scp03::{CardChallenge, CardSession, Host, Mode, ScpParameters, StaticKeys, levels};
//!
//! let keys = StaticKeys::from_bytes(&[0x40; 16], &[0x41; 16], &[0x42; 16])?;
//! let isd = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
//! let host_challenge = [7; 8]; // from the system's generator
//!
//! // INITIALIZE UPDATE, and the card's answer.
//! let host = Host::start(&keys, 0x30, Mode::S8, &host_challenge)?;
//! let (i, challenge) = (ScpParameters::new(0x70)?, CardChallenge::PseudoRandom { counter: 1, aid: &isd });
//! let (mut card, answer) =
//!     CardSession::initialize_update(&keys, i, 0x30, [0; 10], challenge, &host.command().data[..])
//!         .map_err(|sw| sw.to_string())?;
//!
//! // The card is genuine: EXTERNAL AUTHENTICATE.
//! let host = host.receive(&answer, levels::Full, Some(&isd))?;
//! let answer = card.external_authenticate(&host.command());
//! let mut channel = host.receive(&answer)?;
//!
//! // GET STATUS there …
//! let mut buffer = [0; 261];
//! let get_status = CommandRef { data: &[0x4F, 0x00], le: Some(256), ..CommandRef::new(0x80, 0xF2, 0x40, 0x02) };
//! let length = channel.wrap_into(get_status, &mut buffer)?.as_bytes().len();
//! let plain = card.unwrap_in_place(&mut buffer[..length]).map_err(|sw| sw.to_string())?;
//! assert_eq!(plain, get_status);
//!
//! // … and its answer back.
//! let length = card.wrap_into(ResponseRef::with_data(b"registry"), &mut buffer)?.len();
//! let response = channel.unwrap_in_place(&mut buffer[..length])?;
//! assert_eq!(response.data, b"registry");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Clause numbers are those of *Amendment D, Secure Channel Protocol 03, 1.1.1* ("D") and of *Card
//! Specification 2.3.1* ("G"). S16 mode comes from Amendment D 1.2, where the other clauses named
//! here stand unchanged, but for AES itself and its padding (D 4.1.1 to 4.1.4), PUT KEY (7.2) and
//! STORE DATA (7.3): these are now G B.2, 11.8 and 11.11.
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
