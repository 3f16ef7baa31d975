//! The parameter `i` of SCP03: what a card offers (Amendment D 5.1, table 5-1; bit 01 from
//! Amendment D 1.2).

use thiserror::Error;

const S16: u8 = 0x01;
const PSEUDO_RANDOM: u8 = 0x10;
const R_MAC: u8 = 0x20;
const R_ENCRYPTION: u8 = 0x40;

/// Length of challenges, cryptograms and MACs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Eight bytes.
    S8,
    /// Sixteen bytes.
    S16,
}

impl Mode {
    /// Length in bytes of a challenge, a cryptogram and a MAC in this mode.
    pub const fn length(self) -> usize {
        match self {
            Self::S8 => 8,
            Self::S16 => 16,
        }
    }

    /// The mode whose challenges have `length` bytes.
    pub const fn from_length(length: usize) -> Option<Self> {
        match length {
            8 => Some(Self::S8),
            16 => Some(Self::S16),
            _ => None,
        }
    }
}

/// A validated `i` byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScpParameters(u8);

impl ScpParameters {
    /// Reads an `i` byte.
    ///
    /// # Errors
    /// Reserved bits are set, or R-ENCRYPTION is offered without R-MAC.
    pub const fn new(i: u8) -> Result<Self, InvalidParameters> {
        let reserved = i & !(S16 | PSEUDO_RANDOM | R_MAC | R_ENCRYPTION) != 0;
        let encryption_without_mac = i & R_ENCRYPTION != 0 && i & R_MAC == 0;
        if reserved || encryption_without_mac {
            return Err(InvalidParameters { i });
        }
        Ok(Self(i))
    }

    /// The byte as a card reports it.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Length of challenges, cryptograms and MACs.
    pub const fn mode(self) -> Mode {
        if self.0 & S16 != 0 {
            Mode::S16
        } else {
            Mode::S8
        }
    }

    /// The card computes its challenge from a sequence counter, which it also reports.
    pub const fn pseudo_random(self) -> bool {
        self.0 & PSEUDO_RANDOM != 0
    }

    /// The card can protect responses by a MAC.
    pub const fn r_mac(self) -> bool {
        self.0 & R_MAC != 0
    }

    /// The card can encrypt responses.
    pub const fn r_encryption(self) -> bool {
        self.0 & R_ENCRYPTION != 0
    }
}

impl TryFrom<u8> for ScpParameters {
    type Error = InvalidParameters;

    fn try_from(i: u8) -> Result<Self, InvalidParameters> {
        Self::new(i)
    }
}

impl From<ScpParameters> for u8 {
    fn from(parameters: ScpParameters) -> u8 {
        parameters.byte()
    }
}

/// The byte is no SCP03 parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{i:02X} is not a valid SCP03 parameter i")]
pub struct InvalidParameters {
    /// The byte as given.
    pub i: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_exactly_the_twelve_combinations_of_the_specification() {
        let accepted = (0..=0xFF).filter(|&i| ScpParameters::new(i).is_ok());
        assert!(accepted.eq([
            0x00, 0x01, 0x10, 0x11, 0x20, 0x21, 0x30, 0x31, 0x60, 0x61, 0x70, 0x71
        ]));
    }

    #[test]
    fn reads_every_bit() {
        let all = ScpParameters::new(0x71).unwrap();
        assert_eq!(all.mode(), Mode::S16);
        assert!(all.pseudo_random() && all.r_mac() && all.r_encryption());
        let none = ScpParameters::new(0x00).unwrap();
        assert_eq!(none.mode(), Mode::S8);
        assert!(!none.pseudo_random() && !none.r_mac() && !none.r_encryption());
    }
}
