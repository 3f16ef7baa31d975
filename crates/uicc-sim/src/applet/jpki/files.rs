//! The applet's elementary files: SELECT by file identifier and READ BINARY (ISO/IEC 7816-4, 7.1.1 and 7.2.3).

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, Writer};

use super::contents::Contents;
use super::purpose::Purpose::{self, Authentication, Signature};

/// Token information that other JPKI software reads first: ASCII, padded with blanks.
const TOKEN_INFORMATION: &[u8; 32] = b"JPKIAPICCTOKEN2                 ";

/// The template that SELECT answers for P2 04.
pub(super) const CONTROL_PARAMETERS: Tag = Tag(0x62);
/// The template that SELECT answers for P2 08: there are no management data.
pub(super) const MANAGEMENT_DATA: Tag = Tag(0x64);
/// The template that SELECT answers for P2 00.
pub(super) const CONTROL_INFORMATION: Tag = Tag(0x6F);
/// File descriptor of a file that can be read (ISO/IEC 7816-4, table 12).
const WORKING: u8 = 0x01;
/// File descriptor of a file that the card itself uses.
const INTERNAL: u8 = 0x09;

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

/// Every file.
const ALL: [File; 9] = [
    File::TokenInformation,
    File::Certificate(Authentication),
    File::Certificate(Signature),
    File::Issuer(Authentication),
    File::Issuer(Signature),
    File::Key(Authentication),
    File::Key(Signature),
    File::Pin(Authentication),
    File::Pin(Signature),
];

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
        let id = u16::from_be_bytes([*high, *low]);
        let file = ALL.into_iter().find(|file| file.id() == id);
        let file = file.ok_or(StatusWord::NOT_FOUND)?;
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

    /// The file identifier.
    const fn id(self) -> u16 {
        match self {
            Self::TokenInformation => 0x0006,
            Self::Certificate(Authentication) => 0x000A,
            Self::Certificate(Signature) => 0x0001,
            Self::Issuer(Authentication) => 0x000B,
            Self::Issuer(Signature) => 0x0002,
            Self::Key(Authentication) => 0x0017,
            Self::Key(Signature) => 0x001A,
            Self::Pin(Authentication) => 0x0018,
            Self::Pin(Signature) => 0x001B,
        }
    }

    /// The template with size (80), descriptor (82) and identifier (83); without the size of what may not be read.
    pub(super) fn description(
        self,
        template: Tag,
        contents: &Contents,
        is_readable: bool,
    ) -> Vec<u8> {
        let bytes = self.bytes(contents);
        let mut description = Writer::new();
        description.nested(template, |objects| {
            if template == MANAGEMENT_DATA {
                return;
            }
            let size = bytes.filter(|_| is_readable).map(<[u8]>::len);
            let size = size.and_then(|size| u16::try_from(size).ok());
            objects.optional(Tag(0x80), size.map(u16::to_be_bytes));
            let descriptor = if bytes.is_some() { WORKING } else { INTERNAL };
            objects.tlv(Tag(0x82), &[descriptor]);
            objects.tlv(Tag(0x83), &self.id().to_be_bytes());
        });
        description.into_vec()
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
