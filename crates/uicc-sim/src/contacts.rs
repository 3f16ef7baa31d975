//! What a phone or reader sees of a card: something that answers, can be reset, and may be gone.

use crate::Uicc;

/// No answer came; nobody knows whether the card executed the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the card does not answer")]
pub enum NoAnswer {
    /// The card was pulled out, or power is gone.
    CardGone,
    /// The command or its answer was lost on the way; the card is still there, with its selections and sessions.
    Lost,
}

/// The contacts of a card.
pub trait CardContacts: Send {
    /// One command APDU in, one response APDU out, as bytes.
    ///
    /// # Errors
    /// [`NoAnswer`].
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer>;

    /// Power off and on; a card that was gone may be back.
    fn reset(&mut self);

    /// Number of the card.
    fn iccid(&self) -> String;

    /// Answer to reset.
    fn atr(&self) -> Vec<u8>;
}

/// At its contacts, a card takes the time that its latency model says.
impl CardContacts for Uicc {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        let response = Self::transmit(self, command);
        if response.is_empty() {
            return Err(NoAnswer::CardGone);
        }
        let takes = self.last_duration();
        if !takes.is_zero() {
            std::thread::sleep(takes);
        }
        Ok(response)
    }

    fn reset(&mut self) {
        Self::reset(self);
    }

    fn iccid(&self) -> String {
        Self::iccid(self).to_owned()
    }

    fn atr(&self) -> Vec<u8> {
        Self::atr(self).to_vec()
    }
}
