//! Security levels of a session (Amendment D 5.3 and table 7-6, P1 of EXTERNAL AUTHENTICATE).

use thiserror::Error;

use crate::padding::padded_length;
use crate::parameters::{Mode, ScpParameters};

/// What protects the commands and responses that follow EXTERNAL AUTHENTICATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SecurityLevel {
    /// Both ends are authenticated; commands and responses are plain.
    Authenticated = 0x00,
    /// Commands carry a MAC.
    CMac = 0x01,
    /// Commands are encrypted and carry a MAC.
    CMacCDec = 0x03,
    /// Commands and responses carry a MAC.
    CMacRMac = 0x11,
    /// Commands are encrypted; commands and responses carry a MAC.
    CMacCDecRMac = 0x13,
    /// Commands and responses are encrypted and carry a MAC.
    Full = 0x33,
}

impl SecurityLevel {
    /// Every level, weakest first.
    pub const ALL: [Self; 6] = [
        Self::Authenticated,
        Self::CMac,
        Self::CMacCDec,
        Self::CMacRMac,
        Self::CMacCDecRMac,
        Self::Full,
    ];

    /// P1 of EXTERNAL AUTHENTICATE.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Commands carry a MAC.
    pub const fn c_mac(self) -> bool {
        self.byte() & 0x01 != 0
    }

    /// Commands are encrypted.
    pub const fn c_decryption(self) -> bool {
        self.byte() & 0x02 != 0
    }

    /// Responses carry a MAC.
    pub const fn r_mac(self) -> bool {
        self.byte() & 0x10 != 0
    }

    /// Responses are encrypted.
    pub const fn r_encryption(self) -> bool {
        self.byte() & 0x20 != 0
    }

    /// Whether a card with these parameters offers the level.
    pub const fn is_offered_by(self, parameters: ScpParameters) -> bool {
        (!self.r_mac() || parameters.r_mac()) && (!self.r_encryption() || parameters.r_encryption())
    }

    /// The most clear bytes that fit the data field of one short command, 255 bytes on the wire.
    pub const fn max_command_data(self, mode: Mode) -> usize {
        if !self.c_mac() {
            return 255;
        }
        let room = 255 - mode.length();
        if self.c_decryption() {
            room / 16 * 16 - 1
        } else {
            room
        }
    }

    /// How long a protected command with `data` plain bytes is at most, in bytes: a buffer of that
    /// length is large enough for [`Channel::wrap_into`](crate::Channel::wrap_into), whatever the
    /// form of the command.
    pub const fn max_wrapped_length(self, mode: Mode, data: usize) -> usize {
        // Header, extended Lc, padding, C-MAC, extended Le.
        let padded = if self.c_decryption() && data != 0 {
            padded_length(data)
        } else {
            data
        };
        let mac = if self.c_mac() { mode.length() } else { 0 };
        padded.saturating_add(4 + 3 + 2).saturating_add(mac)
    }

    /// The most clear bytes that fit the data field of one short response, 256 bytes on the wire.
    pub const fn max_response_data(self, mode: Mode) -> usize {
        if !self.r_mac() {
            return 256;
        }
        let room = 256 - mode.length();
        if self.r_encryption() {
            room / 16 * 16 - 1
        } else {
            room
        }
    }

    /// The level with `response` protection (10 or 30, as in BEGIN R-MAC SESSION, and nothing else)
    /// added, if that is a level.
    pub(crate) fn with_response_protection(self, response: u8) -> Option<Self> {
        matches!(response, 0x10 | 0x30)
            .then(|| Self::try_from(self.byte() | response).ok())
            .flatten()
    }
}

impl TryFrom<u8> for SecurityLevel {
    type Error = InvalidSecurityLevel;

    fn try_from(byte: u8) -> Result<Self, InvalidSecurityLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.byte() == byte)
            .ok_or(InvalidSecurityLevel { byte })
    }
}

impl From<SecurityLevel> for u8 {
    fn from(level: SecurityLevel) -> u8 {
        level.byte()
    }
}

/// The byte is no security level of SCP03.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{byte:02X} is not an SCP03 security level")]
pub struct InvalidSecurityLevel {
    /// The byte as given.
    pub byte: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_exactly_the_levels_of_the_specification() {
        let accepted = (0..=0xFF).filter(|&byte| SecurityLevel::try_from(byte).is_ok());
        assert!(accepted.eq([0x00, 0x01, 0x03, 0x11, 0x13, 0x33]));
    }

    #[test]
    fn knows_how_much_fits_a_short_apdu() {
        use SecurityLevel::{CMac, CMacRMac, Full};
        assert_eq!(
            [Mode::S8, Mode::S16].map(|m| CMac.max_command_data(m)),
            [247, 239]
        );
        assert_eq!(
            [Mode::S8, Mode::S16].map(|m| Full.max_command_data(m)),
            [239, 223]
        );
        assert_eq!(
            [Mode::S8, Mode::S16].map(|m| CMacRMac.max_response_data(m)),
            [248, 240]
        );
        assert_eq!(
            [Mode::S8, Mode::S16].map(|m| Full.max_response_data(m)),
            [239, 239]
        );
    }

    #[test]
    fn knows_how_long_a_wrapped_command_gets() {
        use SecurityLevel::{Authenticated, CMac, Full};
        let longest = |level: SecurityLevel, data| {
            [Mode::S8, Mode::S16].map(|mode| level.max_wrapped_length(mode, data))
        };
        assert_eq!(longest(Authenticated, 100), [109, 109]);
        assert_eq!(longest(CMac, 100), [117, 125]);
        assert_eq!(longest(Full, 0), [17, 25]);
        assert_eq!(longest(Full, 15), [33, 41]);
        assert_eq!(longest(Full, 16), [49, 57]);
    }

    #[test]
    fn response_protection_never_touches_the_commands() {
        for level in SecurityLevel::ALL {
            for response in (0x00..=0xFF).filter(|byte| ![0x10, 0x30].contains(byte)) {
                assert_eq!(level.with_response_protection(response), None);
            }
        }
        use SecurityLevel::{CMac, CMacCDec, CMacCDecRMac, CMacRMac, Full};
        assert_eq!(CMac.with_response_protection(0x10), Some(CMacRMac));
        assert_eq!(CMac.with_response_protection(0x30), None);
        assert_eq!(CMacCDec.with_response_protection(0x10), Some(CMacCDecRMac));
        assert_eq!(CMacCDec.with_response_protection(0x30), Some(Full));
    }

    #[test]
    fn every_level_is_its_byte_and_comes_back_from_it() {
        for (level, byte) in SecurityLevel::ALL
            .into_iter()
            .zip([0x00, 0x01, 0x03, 0x11, 0x13, 0x33])
        {
            assert_eq!(u8::from(level), byte);
            assert_eq!(SecurityLevel::try_from(byte), Ok(level));
        }
    }

    #[test]
    fn a_card_without_r_mac_offers_three_levels() {
        let parameters = ScpParameters::new(0x10).unwrap();
        let offered = SecurityLevel::ALL.map(|level| level.is_offered_by(parameters));
        assert_eq!(offered, [true, true, true, false, false, false]);
    }
}
