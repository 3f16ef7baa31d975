//! Commands that came in several pieces (G 11.1.5.1).

use globalplatform::apdu::{CommandApdu, CommandRef};
use globalplatform::status_word::StatusWord;

use super::{CardSession, State};

impl CardSession {
    /// Checks a command that came in several pieces, as [`CardSession::unwrap`] does. The MAC over the whole counts its
    /// length with three bytes (G 11.1.5.1), or with one where that is enough: hosts that protect first and cut then do so.
    ///
    /// # Errors
    /// As for [`CardSession::unwrap`].
    pub fn unwrap_joined(&mut self, command: &CommandApdu) -> Result<CommandApdu, StatusWord> {
        let extended = CommandRef {
            extended: true,
            ..command.into()
        };
        let is_extended = self.state == State::Open
            && self
                .session
                .has_c_mac(&extended.frame(), &mut command.data.clone());
        let unwrapped = self.unwrap(if is_extended {
            extended
        } else {
            command.into()
        })?;
        Ok(CommandApdu {
            extended: command.extended,
            ..unwrapped
        })
    }
}
