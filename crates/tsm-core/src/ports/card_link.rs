//! Delivery of scripts to a card, whatever the transport.

use async_trait::async_trait;
use globalplatform::status_word::StatusWord;

use crate::identity::Iccid;
use crate::time::Timestamp;

/// One command of a script.
#[derive(Clone, PartialEq, Eq)]
pub struct ScriptCommand {
    /// The command APDU as it crosses the card's contacts.
    pub apdu: Vec<u8>,
    /// Status words after which the next command is sent.
    pub accepted: Vec<StatusWord>,
}

impl core::fmt::Debug for ScriptCommand {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ScriptCommand({} bytes)", self.apdu.len())
    }
}

/// Commands that go to a card together; delivery stops at the first status
/// word that is not accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// In the order in which the card gets them.
    pub commands: Vec<ScriptCommand>,
}

/// Why no answer to a script was received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No device holds this card now; the script was not sent.
    #[error("the card is not reachable now")]
    NotAttached,
    /// The deadline passed before the script was sent.
    #[error("the deadline passed before the script was sent")]
    Expired,
    /// The lease is not the newest; the script was not sent.
    #[error("another worker holds the card")]
    StaleLease,
    /// The relay refused the script; it was not sent.
    #[error("the relay refused the script: {reason}")]
    Refused {
        /// Stable reason.
        reason: String,
    },
    /// The server in between has no room; the script was not sent.
    #[error("the link is overloaded")]
    Overloaded,
    /// Sent, and the answer did not come: its effect is in doubt.
    #[error("the script was sent and its answer lost")]
    InDoubt,
}

impl LinkError {
    /// Whether the card may have executed something.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        matches!(self, Self::InDoubt)
    }
}

/// Sends scripts to cards.
#[async_trait]
pub trait CardLink: Send + Sync {
    /// Plays `script` on the card and returns the response APDUs in order, as
    /// many as were executed: fewer than commands when it stopped at a status
    /// word that was not accepted, or when the card went away in mid-script
    /// (then the effect of the next command is not known).
    ///
    /// # Errors
    /// [`LinkError`]; every variant but `InDoubt` means that nothing was sent.
    async fn exchange(
        &self,
        iccid: &Iccid,
        lease_epoch: u64,
        script: Script,
        deadline: Timestamp,
    ) -> Result<Vec<Vec<u8>>, LinkError>;

    /// Whether the word that nothing was sent is our own; a relay of another
    /// organisation says false. Counter values of a script that somebody else
    /// had in his hands are never used again, whatever he says of it.
    fn is_own(&self) -> bool {
        true
    }
}
