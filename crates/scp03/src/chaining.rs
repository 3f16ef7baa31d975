//! Commands and responses that are longer than one short APDU (G 11.1.5).
//!
//! Protection comes first and covers the whole; then it is cut. So a chain of commands has one
//! C-MAC, over Lc' as `00 hi lo` and over P1 and P2 of the last command, and its intermediate
//! answers are a bare 9000 without R-MAC (G 11.1.5.1). A chain of responses has one R-MAC at its
//! end (G 11.1.5.2).
//!
//! * [`Channel::wrap_chained`](crate::Channel::wrap_chained) cuts, on the host;
//! * [`CommandChain`] joins, on the card, before [`CardSession::unwrap`](crate::CardSession::unwrap);
//! * [`ResponseChain`] joins what a card gives in pieces (61xx), before
//!   [`Channel::unwrap`](crate::Channel::unwrap).
//!
//! ```
//! use globalplatform::apdu::ResponseApdu;
//! use globalplatform::status_word::StatusWord;
//! use scp03::chaining::{Received, ResponseChain};
//!
//! let mut chain = ResponseChain::new(0);
//! let first = ResponseApdu { data: vec![1; 256], sw: StatusWord(0x6102) };
//! let Received::More(get_response) = chain.receive(&first)? else { panic!("61xx: more") };
//! assert_eq!(get_response.encode()?, [0x00, 0xC0, 0x00, 0x00, 0x02]);
//! let Received::Whole(response) = chain.receive(&ResponseApdu::with_data([2, 3]))? else { panic!("9000") };
//! assert_eq!(response.data.len(), 258);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod command;
mod response;

pub use command::{CommandChain, Joined};
pub(crate) use command::{cut, is_chainable};
pub use response::{Received, ResponseChain, ResponseChainError};
