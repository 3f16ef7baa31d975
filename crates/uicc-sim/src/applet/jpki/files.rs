//! The applet's elementary files: SELECT by file identifier and READ BINARY (ISO/IEC 7816-4, 7.1.1 and 7.2.3).

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;

use super::contents::Contents;
use super::purpose::Purpose::{self, Authentication, Signature};

/// Token information that other JPKI software reads first: ASCII, padded with blanks.
const TOKEN_INFORMATION: &[u8; 32] = b"JPKIAPICCTOKEN2                 ";

/// An elementary file of the applet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// 0006.
    TokenInformation,
    /// 000A for authentication, 0001 for signatures, which only whoever knows the signature PIN may read.
    Certificate(Purpose),
    /// 000B and 0002: the certificate of whoever issued the certificate.
    Issuer(Purpose),
    /// 0017 and 001A.
    Key(Purpose),
    /// 0018 and 001B. Both exist, even without a credential: OpenSC refuses a card on which one cannot be selected.
    Pin(Purpose),
}

impl File {
    /// The file that `00 A4 02 0C 02 id` selects.
    ///
    /// # Errors
    /// 6A82 for a file that does not exist, among them certificate and key without a live credential.
    pub(super) fn select(command: &CommandApdu, contents: &Contents) -> Result<Self, StatusWord> {
        if command.p1 != 0x02 || command.p2 & !0x0C != 0 {
            return Err(StatusWord::WRONG_P1P2);
        }
        let [high, low] = command.data.as_slice() else {
            return Err(StatusWord::WRONG_LENGTH);
        };
        let file = match u16::from_be_bytes([*high, *low]) {
            0x0006 => Self::TokenInformation,
            0x000A => Self::Certificate(Authentication),
            0x0001 => Self::Certificate(Signature),
            0x000B => Self::Issuer(Authentication),
            0x0002 => Self::Issuer(Signature),
            0x0017 => Self::Key(Authentication),
            0x001A => Self::Key(Signature),
            0x0018 => Self::Pin(Authentication),
            0x001B => Self::Pin(Signature),
            _ => return Err(StatusWord::NOT_FOUND),
        };
        let exists = match file {
            Self::Certificate(purpose) | Self::Key(purpose) => contents.of(purpose).live.is_some(),
            Self::Issuer(purpose) => contents.of(purpose).issuer.is_some(),
            Self::TokenInformation | Self::Pin(_) => true,
        };
        if exists {
            Ok(file)
        } else {
            Err(StatusWord::NOT_FOUND)
        }
    }

    /// What READ BINARY finds in the file.
    fn bytes(self, contents: &Contents) -> Option<&[u8]> {
        match self {
            Self::TokenInformation => Some(TOKEN_INFORMATION),
            Self::Certificate(purpose) => {
                let live = contents.of(purpose).live.as_ref();
                live.map(|live| live.certificate.as_slice())
            }
            Self::Issuer(purpose) => contents.of(purpose).issuer.as_deref(),
            Self::Key(_) | Self::Pin(_) => None,
        }
    }

    /// The PIN that has to be verified before the file can be read.
    pub(super) const fn read_protection(self) -> Option<Purpose> {
        match self {
            Self::Certificate(Signature) => Some(Signature),
            _ => None,
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
        contents: &Contents,
    ) -> Result<ResponseApdu, StatusWord> {
        if command.p1 & 0x80 != 0 {
            return Err(StatusWord::WRONG_P1P2);
        }
        let bytes = self.bytes(contents).ok_or(StatusWord::NO_CURRENT_EF)?;
        let offset = usize::from(u16::from_be_bytes([command.p1, command.p2]));
        let rest = bytes.get(offset..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(StatusWord::OFFSET_OUTSIDE)?;
        let wanted = usize::try_from(command.le.unwrap_or(256)).unwrap_or(rest.len());
        let piece = rest.get(..wanted).unwrap_or(rest);
        Ok(ResponseApdu::with_data(piece))
    }
}
