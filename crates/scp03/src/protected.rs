//! Commands that only a secure channel can make.
//!
//! A transport that takes [`Protected`] (bytes in somebody's buffer) or [`ProtectedApdu`] (a command
//! of its own) cannot be handed a plain command by mistake. Both are protected as the level of the
//! session demands: at level 00 that means not at all, and INITIALIZE UPDATE, which opens a script,
//! is never protected.
//!
//! ```compile_fail,E0308
//! use globalplatform::apdu::CommandApdu;
//! use scp03::ProtectedApdu;
//!
//! fn transmit(_: &ProtectedApdu) {}
//! transmit(&CommandApdu::new(0x80, 0xF2, 0x40, 0x02));
//! ```
//!
//! ```compile_fail,E0423
//! use globalplatform::apdu::CommandApdu;
//! let forged = scp03::ProtectedApdu(CommandApdu::new(0x80, 0xF2, 0x40, 0x02));
//! ```
//!
//! ```compile_fail,E0308
//! use globalplatform::apdu::CommandApdu;
//!
//! fn transmit(_: scp03::Protected<'_>) {}
//! transmit(CommandApdu::new(0x80, 0xF2, 0x40, 0x02).view());
//! ```

use core::fmt;
use core::ops::Deref;

use globalplatform::apdu::{CommandApdu, CommandFrame, CommandRef};
use globalplatform::error::EncodeError;

/// An encoded command in somebody else's buffer, made by a secure channel. Cheap to copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Protected<'a> {
    bytes: &'a [u8],
    command: CommandRef<'a>,
}

impl<'a> Protected<'a> {
    /// The command in `bytes`, which begin with it and were written around `frame`.
    pub(crate) fn new(bytes: &'a [u8], length: usize, frame: &CommandFrame) -> Self {
        let bytes = bytes.get(..length).unwrap_or(bytes);
        let begin = frame.data_offset();
        let data = bytes
            .get(begin..begin.saturating_add(frame.data_length))
            .unwrap_or(&[]);
        let [cla, ins, p1, p2] = frame.header;
        Self {
            bytes,
            command: CommandRef {
                data,
                le: frame.le,
                extended: frame.extended,
                ..CommandRef::new(cla, ins, p1, p2)
            },
        }
    }

    /// The bytes to send: `CLA INS P1 P2 [Lc data' C-MAC] [Le]`.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The fields of the protected command; its data end with the C-MAC.
    pub const fn command(&self) -> CommandRef<'a> {
        self.command
    }

    /// The same command at the beginning of another buffer.
    pub(crate) fn encode_into<'o>(&self, out: &'o mut [u8]) -> Result<Protected<'o>, EncodeError> {
        let field = self.command.frame().encode_around(out)?;
        field.copy_from_slice(self.command.data);
        Ok(Protected::new(out, self.bytes.len(), &self.command.frame()))
    }

    /// The same command with a data field of its own.
    #[must_use]
    pub fn to_owned(&self) -> ProtectedApdu {
        ProtectedApdu(self.command.to_owned())
    }
}

impl AsRef<[u8]> for Protected<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl<'a> From<Protected<'a>> for CommandRef<'a> {
    fn from(command: Protected<'a>) -> Self {
        command.command
    }
}

impl fmt::Debug for Protected<'_> {
    /// Header and length, never data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protected({:?})", self.command)
    }
}

/// A command made by a secure channel. It reads like a [`CommandApdu`], but cannot be changed.
#[derive(Clone, PartialEq, Eq)]
pub struct ProtectedApdu(pub(crate) CommandApdu);

impl ProtectedApdu {
    /// Writes the bytes to send to the beginning of `out`.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`]; the other errors cannot occur.
    pub fn encode_into<'o>(&self, out: &'o mut [u8]) -> Result<Protected<'o>, EncodeError> {
        let length = self.0.encode_into(out)?;
        Ok(Protected::new(out, length, &self.0.view().frame()))
    }

    /// A command that can be changed, and is trusted no more than any other.
    #[must_use]
    pub fn into_command(self) -> CommandApdu {
        self.0
    }
}

impl Deref for ProtectedApdu {
    type Target = CommandApdu;

    fn deref(&self) -> &CommandApdu {
        &self.0
    }
}

impl<'a> From<&'a ProtectedApdu> for CommandRef<'a> {
    fn from(command: &'a ProtectedApdu) -> Self {
        command.0.view()
    }
}

impl fmt::Debug for ProtectedApdu {
    /// Header and length, never data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protected({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn apdu(extended: bool) -> ProtectedApdu {
        let command = CommandApdu::new(0x84, 0xF2, 0x40, 0x02)
            .with_data([1, 2, 3])
            .with_le(256);
        ProtectedApdu(CommandApdu {
            extended,
            ..command
        })
    }

    #[test]
    fn shows_the_bytes_and_the_fields_of_the_same_command() {
        for extended in [false, true] {
            let apdu = apdu(extended);
            let mut out = [0xEE; 20];
            let protected = apdu.encode_into(&mut out).unwrap();
            assert_eq!(protected.as_bytes(), apdu.encode().unwrap());
            assert_eq!(protected.as_ref(), protected.as_bytes());
            assert_eq!(protected.command(), apdu.view());
            assert_eq!(protected.to_owned(), apdu);
            assert_eq!(CommandRef::from(protected), apdu.view());
            assert_eq!(CommandRef::from(&apdu), apdu.view());
            assert_eq!(apdu.clone().into_command(), *apdu);
        }
        assert!(apdu(false).encode_into(&mut [0; 8]).is_err());
    }

    #[test]
    fn debug_shows_no_data() {
        let apdu = apdu(false);
        let mut out = [0; 9];
        let protected = apdu.encode_into(&mut out).unwrap();
        let text = "Protected(CommandRef(84 F2 40 02, 3 bytes, le 256))";
        assert_eq!(format!("{protected:?}"), text);
        let text = "Protected(CommandApdu(84 F2 40 02, 3 bytes, le 256))";
        assert_eq!(format!("{apdu:?}"), text);
    }
}
