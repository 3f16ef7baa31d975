//! The applet's elementary files: SELECT by file identifier and READ BINARY (ISO/IEC 7816-4, 7.1.1 and 7.2.3).

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;

use super::slots::Slots;

/// Token information that other JPKI software reads first: ASCII, padded with blanks.
const TOKEN_INFORMATION: &[u8; 32] = b"JPKIAPICCTOKEN2                 ";

/// An elementary file of the applet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// 0006.
    TokenInformation,
    /// 000A: the user-authentication certificate.
    Certificate,
    /// 0017: the user-authentication key.
    Key,
    /// 0018: the user-authentication PIN.
    Pin,
    /// 001B: the digital-signature PIN. It exists and is blocked: this applet has no signature key, but OpenSC refuses
    /// a card on which the file cannot be selected.
    SignaturePin,
}

impl File {
    /// The file that `00 A4 02 0C 02 id` selects.
    ///
    /// # Errors
    /// 6A82 for a file that does not exist, among them certificate and key without a live credential.
    pub(super) fn select(command: &CommandApdu, slots: &Slots) -> Result<Self, StatusWord> {
        if command.p1 != 0x02 || command.p2 & !0x0C != 0 {
            return Err(StatusWord::WRONG_P1P2);
        }
        let [high, low] = command.data.as_slice() else {
            return Err(StatusWord::WRONG_LENGTH);
        };
        let file = match u16::from_be_bytes([*high, *low]) {
            0x0006 => Self::TokenInformation,
            0x000A => Self::Certificate,
            0x0017 => Self::Key,
            0x0018 => Self::Pin,
            0x001B => Self::SignaturePin,
            _ => return Err(StatusWord::NOT_FOUND),
        };
        match file {
            Self::Certificate | Self::Key if slots.live.is_none() => Err(StatusWord::NOT_FOUND),
            file => Ok(file),
        }
    }

    /// What READ BINARY finds in the file.
    fn contents(self, slots: &Slots) -> Option<&[u8]> {
        match self {
            Self::TokenInformation => Some(TOKEN_INFORMATION),
            Self::Certificate => slots.live.as_ref().map(|live| live.certificate.as_slice()),
            Self::Key | Self::Pin | Self::SignaturePin => None,
        }
    }

    /// READ BINARY with a 15-bit offset.
    ///
    /// # Errors
    /// 6B00 for an offset at or behind the end, 6986 for a file that holds no bytes to read, 6A86 for a short file
    /// identifier.
    pub(super) fn read(
        self,
        command: &CommandApdu,
        slots: &Slots,
    ) -> Result<ResponseApdu, StatusWord> {
        if command.p1 & 0x80 != 0 {
            return Err(StatusWord::WRONG_P1P2);
        }
        let contents = self.contents(slots).ok_or(StatusWord::NO_CURRENT_EF)?;
        let offset = usize::from(u16::from_be_bytes([command.p1, command.p2]));
        let rest = contents.get(offset..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(StatusWord::OFFSET_OUTSIDE)?;
        let wanted = usize::try_from(command.le.unwrap_or(256)).unwrap_or(rest.len());
        let piece = rest.get(..wanted).unwrap_or(rest);
        Ok(ResponseApdu::with_data(piece))
    }
}
