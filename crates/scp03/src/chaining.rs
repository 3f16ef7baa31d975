//! Responses that are longer than one short APDU (G 11.1.5.2, ISO/IEC 7816-4 5.1.1): 61xx says that
//! GET RESPONSE brings more.
//!
//! Protection comes first and covers the whole; then it is cut. So a chain of responses has one
//! R-MAC at its end: join the pieces here, and hand the whole to
//! [`Channel::unwrap`](crate::Channel::unwrap).
//!
//! Chains of commands (G 11.1.5.1) have one C-MAC in the same way:
//! [`Channel::wrap_chained`](crate::Channel::wrap_chained) protects and cuts, and a card joins with
//! [`Joiner`](globalplatform::commands::chaining::Joiner) before
//! [`CardSession::unwrap`](crate::CardSession::unwrap).
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

use core::fmt;

use alloc::vec::Vec;
use globalplatform::apdu::{CommandApdu, MAX_EXTENDED_LE, ResponseApdu};
use thiserror::Error;

use crate::class::Class;
use crate::protected::ProtectedApdu;

const GET_RESPONSE: u8 = 0xC0;

/// What one response makes of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Send this GET RESPONSE, which is never protected, and hand in its answer.
    More(ProtectedApdu),
    /// The whole response, as it was protected.
    Whole(ResponseApdu),
}

/// A chain of responses leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResponseChainError {
    /// The whole is longer than any response.
    #[error("the response is longer than {limit} bytes")]
    TooLong {
        /// The longest response data, in bytes.
        limit: usize,
    },
    /// GET RESPONSE has brought nothing, and the card asks for another one.
    #[error("the card announces data that it does not give")]
    NoProgress,
}

/// Joins the pieces of the response to one command, on the host.
#[derive(Clone)]
pub struct ResponseChain {
    logical_channel: u8,
    data: Vec<u8>,
    /// GET RESPONSE has been asked for.
    has_asked: bool,
    /// It has been repeated with the Le that the card named.
    has_corrected: bool,
}

impl ResponseChain {
    /// Waits for the response to a command on this logical channel, 0 to 19.
    pub const fn new(logical_channel: u8) -> Self {
        Self {
            logical_channel,
            data: Vec::new(),
            has_asked: false,
            has_corrected: false,
        }
    }

    /// Takes the next response as it came over the contacts.
    ///
    /// # Errors
    /// The card's chain has no end, or is longer than a response can be.
    pub fn receive(&mut self, response: &ResponseApdu) -> Result<Received, ResponseChainError> {
        let (remaining, corrected) = (response.sw.bytes_remaining(), response.sw.correct_le());
        if let Some(le) = corrected.filter(|_| self.has_asked) {
            if core::mem::replace(&mut self.has_corrected, true) {
                return Err(ResponseChainError::NoProgress);
            }
            return Ok(Received::More(self.get_response(le)));
        }
        if remaining.is_some() && self.has_asked && response.data.is_empty() {
            return Err(ResponseChainError::NoProgress);
        }
        let limit = MAX_EXTENDED_LE as usize;
        if response.data.len() > limit.saturating_sub(self.data.len()) {
            return Err(ResponseChainError::TooLong { limit });
        }
        self.data.extend_from_slice(&response.data);
        if let Some(le) = remaining {
            self.has_asked = true;
            self.has_corrected = false;
            return Ok(Received::More(self.get_response(le)));
        }
        let data = core::mem::take(&mut self.data);
        self.has_asked = false;
        self.has_corrected = false;
        let sw = response.sw;
        Ok(Received::Whole(ResponseApdu { data, sw }))
    }

    fn get_response(&self, le: u16) -> ProtectedApdu {
        let cla = Class::iso(self.logical_channel).byte();
        ProtectedApdu(CommandApdu::new(cla, GET_RESPONSE, 0x00, 0x00).with_le(le.into()))
    }
}

impl fmt::Debug for ResponseChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseChain({} bytes)", self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use globalplatform::status_word::StatusWord;

    use super::*;

    fn response(data: usize, sw: u16) -> ResponseApdu {
        ResponseApdu {
            data: vec![7; data],
            sw: StatusWord(sw),
        }
    }

    fn more(channel: u8, le: u32) -> Result<Received, ResponseChainError> {
        let cla = if channel < 4 {
            channel
        } else {
            0x40 | (channel - 4)
        };
        let command = CommandApdu::new(cla, 0xC0, 0, 0).with_le(le);
        Ok(Received::More(ProtectedApdu(command)))
    }

    #[test]
    fn joins_until_another_status_word_comes() {
        for channel in [0, 3, 4, 19] {
            let mut chain = ResponseChain::new(channel);
            assert_eq!(chain.receive(&response(0, 0x6100)), more(channel, 256));
            assert_eq!(chain.receive(&response(256, 0x6110)), more(channel, 16));
            let whole = Ok(Received::Whole(response(272, 0x9000)));
            assert_eq!(chain.receive(&response(16, 0x9000)), whole);
            // The next response begins anew.
            let error = Ok(Received::Whole(response(0, 0x6A88)));
            assert_eq!(chain.receive(&response(0, 0x6A88)), error);
        }
    }

    #[test]
    fn a_le_that_the_card_corrects_is_repeated_once() {
        let mut chain = ResponseChain::new(0);
        // To the command itself 6Cxx is an answer like any other.
        let wrong_le = response(0, 0x6C05);
        assert_eq!(
            chain.receive(&wrong_le),
            Ok(Received::Whole(wrong_le.clone()))
        );
        assert_eq!(chain.receive(&response(1, 0x6120)), more(0, 32));
        assert_eq!(chain.receive(&wrong_le), more(0, 5));
        assert_eq!(
            chain.receive(&wrong_le),
            Err(ResponseChainError::NoProgress)
        );
        let mut chain = ResponseChain::new(0);
        assert_eq!(chain.receive(&response(1, 0x6120)), more(0, 32));
        assert_eq!(chain.receive(&wrong_le), more(0, 5));
        assert_eq!(chain.receive(&response(5, 0x6105)), more(0, 5));
        assert_eq!(chain.receive(&wrong_le), more(0, 5));
    }

    #[test]
    fn an_endless_chain_is_refused() {
        let mut chain = ResponseChain::new(0);
        assert_eq!(chain.receive(&response(0, 0x6101)), more(0, 1));
        let empty = chain.receive(&response(0, 0x6101));
        assert_eq!(empty, Err(ResponseChainError::NoProgress));

        let mut chain = ResponseChain::new(0);
        for _ in 0..256 {
            assert_eq!(chain.receive(&response(256, 0x6100)), more(0, 256));
        }
        let mut full = chain.clone();
        let limit = 65_536;
        assert!(full.receive(&response(0, 0x9000)).is_ok());
        let too_long = chain.receive(&response(1, 0x9000));
        assert_eq!(too_long, Err(ResponseChainError::TooLong { limit }));
    }

    #[test]
    fn debug_shows_no_data() {
        let chain = ResponseChain::new(0);
        assert_eq!(alloc::format!("{chain:?}"), "ResponseChain(0 bytes)");
    }
}
