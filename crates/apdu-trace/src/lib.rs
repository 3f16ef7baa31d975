//! Reads recorded traffic between a host and a card and explains it for people.
//!
//! A [`Decoder`] takes a trace line by line, in whatever form common tools print it: plain hex,
//! arrows, GlobalPlatformPro's `-d`, pySim, GPShell, OpenSC, pcscd, and the `apdu.log` of our
//! simulated card. It joins what belongs together (GET RESPONSE, repetitions after 6Cxx, command
//! chaining, blocks of STORE DATA), follows the secure channel of every logical channel, and gives
//! one [`Exchange`] after the other: the name of the command, its fields, the response, and what
//! every check said.
//!
//! SCP03 (Amendment D) is followed by the card end of the crate `scp03`. Which of the keys in a
//! [`Keyring`] a session uses is found out with its card cryptogram; key sets that the trace puts
//! on the card with PUT KEY are tried as well. Keys and PINs are not shown unless asked for.
//!
//! ```
//! use apdu_trace::{Decoder, Item, Options};
//!
//! let mut decoder = Decoder::new(Options::default());
//! let trace = "A>> T=1 (4+0000) 00A40400 00\n\
//!              A<< (0018+2) (17ms) 6F108408A000000151000000A5049F6501FF 9000\n";
//! let mut items: Vec<Item> = trace
//!     .lines()
//!     .flat_map(|line| decoder.push_line(line.as_bytes()))
//!     .collect();
//! items.extend(decoder.finish());
//! let [Item::Exchange(exchange)] = items.as_slice() else {
//!     panic!("one exchange");
//! };
//! assert_eq!(exchange.title, "SELECT the default application");
//! assert_eq!(exchange.response.as_ref().unwrap().status, 0x9000);
//! assert!(!exchange.is_wrong());
//! ```
//!
//! Nothing that a trace holds makes the decoder panic, and it remembers no more than the sessions,
//! at most 64 learned key sets, and the blocks of one command sequence (256 KiB per logical
//! channel).

mod decoder;
mod explain;
mod input;
mod line;
mod pairing;
mod render;
mod secure;
mod tree;
mod words;

pub use decoder::{Decoder, Exchange, Item, Options, Reply};
pub use render::{Plain, Style, render};
pub use secure::{Keyring, KeyringError};
pub use tree::{Node, Verdict};
