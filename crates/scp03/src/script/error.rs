//! What the answers to a script can prove other than its success.

use globalplatform::status_word::StatusWord;
use thiserror::Error;

use crate::host::HostError;

/// The answers to a script prove something other than its success.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The card is genuine, but its sequence counter was elsewhere: build the script again for what
    /// follows `counter`. Nothing on the card has changed but the counter.
    #[error("the card's sequence counter is at {counter}")]
    CounterMoved {
        /// The value this INITIALIZE UPDATE has used.
        counter: u32,
    },
    /// The card has not proven that it knows the keys.
    #[error("the card is not genuine")]
    NotGenuine,
    /// The answer to INITIALIZE UPDATE does not fit the script.
    #[error("the session did not open")]
    Opening(#[source] HostError),
    /// The card refused INITIALIZE UPDATE (0) or EXTERNAL AUTHENTICATE (1). A bare status word
    /// proves nothing.
    #[error("the card refused command {index}: {sw}")]
    Refused {
        /// Place in the script.
        index: usize,
        /// The status word.
        sw: StatusWord,
    },
    /// Answers are missing although the last one was no refusal: how far the card went is not
    /// known. All that arrived was genuine.
    #[error("only {received} answers arrived")]
    Truncated {
        /// How many answers arrived.
        received: usize,
    },
    /// An answer is not what the card sent for this command.
    #[error("the answer to command {index} is not genuine")]
    ResponseForged {
        /// Place in the script.
        index: usize,
    },
    /// There are more answers than commands.
    #[error("{received} answers to {sent} commands")]
    TooManyResponses {
        /// How many answers arrived.
        received: usize,
        /// How many commands the script has.
        sent: usize,
    },
    /// The answers to this script were judged before.
    #[error("the script was verified before")]
    Spent,
}
