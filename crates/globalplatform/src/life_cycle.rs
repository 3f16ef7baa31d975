//! Life cycle states of card, load files, applications and security domains (G 5, Tables 11-3 to
//! 11-6).

use core::fmt;

/// The life cycle of the card, which is that of the issuer security domain (G Table 11-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CardLifeCycle {
    /// OP_READY: as made.
    OpReady = 0x01,
    /// INITIALIZED: the issuer's data are in.
    Initialized = 0x07,
    /// SECURED: in the field.
    Secured = 0x0F,
    /// CARD_LOCKED: no content changes, only the Final Application can be selected.
    CardLocked = 0x7F,
    /// TERMINATED: only GET DATA is left.
    Terminated = 0xFF,
}

/// A byte that is no life cycle state of the entity in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{byte:02X} is no life cycle state")]
pub struct InvalidLifeCycle {
    /// The byte.
    pub byte: u8,
}

impl CardLifeCycle {
    /// The coded state.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Whether SET STATUS may go from this state to `next` (G 5.1.1, Figure 5-1): one step forward,
    /// back from CARD_LOCKED to SECURED, and to TERMINATED from everywhere.
    #[must_use]
    pub const fn can_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::OpReady, Self::Initialized)
                | (Self::Initialized | Self::CardLocked, Self::Secured)
                | (Self::Secured, Self::CardLocked)
                | (
                    Self::OpReady | Self::Initialized | Self::Secured | Self::CardLocked,
                    Self::Terminated
                )
        )
    }
}

impl TryFrom<u8> for CardLifeCycle {
    type Error = InvalidLifeCycle;

    fn try_from(byte: u8) -> Result<Self, InvalidLifeCycle> {
        [
            Self::OpReady,
            Self::Initialized,
            Self::Secured,
            Self::CardLocked,
            Self::Terminated,
        ]
        .into_iter()
        .find(|state| state.byte() == byte)
        .ok_or(InvalidLifeCycle { byte })
    }
}

impl fmt::Display for CardLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpReady => "OP_READY",
            Self::Initialized => "INITIALIZED",
            Self::Secured => "SECURED",
            Self::CardLocked => "CARD_LOCKED",
            Self::Terminated => "TERMINATED",
        })
    }
}

/// The life cycle of a load file; it has one state (G Table 11-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LoadFileLifeCycle {
    /// LOADED.
    Loaded = 0x01,
}

impl LoadFileLifeCycle {
    /// The coded state.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for LoadFileLifeCycle {
    type Error = InvalidLifeCycle;

    fn try_from(byte: u8) -> Result<Self, InvalidLifeCycle> {
        match byte {
            0x01 => Ok(Self::Loaded),
            _ => Err(InvalidLifeCycle { byte }),
        }
    }
}

impl fmt::Display for LoadFileLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LOADED")
    }
}

/// Set while an application or security domain is LOCKED.
const LOCKED: u8 = 0x80;

/// The life cycle of an application (G Table 11-4), the byte as the card keeps it. LOCKED hides
/// the state to which the application returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationLifeCycle(u8);

/// The life cycle of a security domain (G Table 11-5), the byte as the card keeps it. LOCKED hides
/// the state to which the domain returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecurityDomainLifeCycle(u8);

macro_rules! lockable {
    ($name:ident) => {
        impl $name {
            /// INSTALLED: there, but cannot be selected.
            pub const INSTALLED: Self = Self(0x03);
            /// SELECTABLE.
            pub const SELECTABLE: Self = Self(0x07);

            /// The coded state.
            #[must_use]
            pub const fn byte(self) -> u8 {
                self.0
            }

            /// Whether the entity is LOCKED.
            #[must_use]
            pub const fn is_locked(self) -> bool {
                self.0 & LOCKED != 0
            }

            /// Whether the entity is neither INSTALLED only nor LOCKED.
            #[must_use]
            pub const fn is_selectable(self) -> bool {
                !self.is_locked() && self.0 & 0x07 == 0x07
            }

            /// The same state, LOCKED.
            #[must_use]
            pub const fn locked(self) -> Self {
                Self(self.0 | LOCKED)
            }

            /// The state to which the entity returns when it is unlocked.
            #[must_use]
            pub const fn unlocked(self) -> Self {
                Self(self.0 & !LOCKED)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:02X} {self}", self.0)
            }
        }
    };
}

lockable!(ApplicationLifeCycle);
lockable!(SecurityDomainLifeCycle);

impl TryFrom<u8> for ApplicationLifeCycle {
    type Error = InvalidLifeCycle;

    /// 03, or any state with the three low bits set, and each of them with the LOCKED bit.
    fn try_from(byte: u8) -> Result<Self, InvalidLifeCycle> {
        let state = byte & !LOCKED;
        if state == 0x03 || state & 0x07 == 0x07 {
            Ok(Self(byte))
        } else {
            Err(InvalidLifeCycle { byte })
        }
    }
}

impl SecurityDomainLifeCycle {
    /// PERSONALIZED: has its own keys and may manage content.
    pub const PERSONALIZED: Self = Self(0x0F);

    /// Whether the domain is PERSONALIZED and not LOCKED.
    #[must_use]
    pub const fn is_personalized(self) -> bool {
        self.0 == Self::PERSONALIZED.0
    }
}

impl TryFrom<u8> for SecurityDomainLifeCycle {
    type Error = InvalidLifeCycle;

    /// 03, 07 or 0F, and each of them with the LOCKED bit.
    fn try_from(byte: u8) -> Result<Self, InvalidLifeCycle> {
        match byte & !LOCKED {
            0x03 | 0x07 | 0x0F => Ok(Self(byte)),
            _ => Err(InvalidLifeCycle { byte }),
        }
    }
}

impl fmt::Display for ApplicationLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            byte if byte & LOCKED != 0 => f.write_str("LOCKED"),
            0x03 => f.write_str("INSTALLED"),
            0x07 => f.write_str("SELECTABLE"),
            byte => write!(f, "APPLICATION_SPECIFIC_{byte:02X}"),
        }
    }
}

impl fmt::Display for SecurityDomainLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            byte if byte & LOCKED != 0 => "LOCKED",
            0x03 => "INSTALLED",
            0x07 => "SELECTABLE",
            _ => "PERSONALIZED",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    #[test]
    fn card_goes_forward_only_except_for_the_lock() {
        use CardLifeCycle::{CardLocked, Initialized, OpReady, Secured, Terminated};
        let all = [OpReady, Initialized, Secured, CardLocked, Terminated];
        let allowed: Vec<_> = all
            .into_iter()
            .flat_map(|from| all.into_iter().map(move |to| (from, to)))
            .filter(|(from, to)| from.can_become(*to))
            .collect();
        assert_eq!(
            allowed,
            [
                (OpReady, Initialized),
                (OpReady, Terminated),
                (Initialized, Secured),
                (Initialized, Terminated),
                (Secured, CardLocked),
                (Secured, Terminated),
                (CardLocked, Secured),
                (CardLocked, Terminated),
            ]
        );
    }

    #[test]
    fn card_and_load_file_states_round_trip() {
        let valid = |byte: &u8| CardLifeCycle::try_from(*byte).is_ok_and(|s| s.byte() == *byte);
        let bytes: Vec<u8> = (0..=255).filter(valid).collect();
        assert_eq!(bytes, [0x01, 0x07, 0x0F, 0x7F, 0xFF]);
        let files: Vec<u8> = (0..=255)
            .filter(|byte| LoadFileLifeCycle::try_from(*byte).is_ok())
            .collect();
        assert_eq!(files, [LoadFileLifeCycle::Loaded.byte()]);
    }

    #[test]
    fn unlocking_returns_to_the_state_before() {
        let own = ApplicationLifeCycle::try_from(0x17).unwrap();
        assert!(own.is_selectable());
        assert!(own.locked().is_locked());
        assert!(!own.locked().is_selectable());
        assert_eq!(own.locked().byte(), 0x97);
        assert_eq!(own.locked().unlocked(), own);
        assert!(!ApplicationLifeCycle::INSTALLED.is_selectable());
    }

    #[test]
    fn knows_valid_bytes() {
        let domains: Vec<u8> = (0..=255)
            .filter(|byte| SecurityDomainLifeCycle::try_from(*byte).is_ok())
            .collect();
        assert_eq!(domains, [0x03, 0x07, 0x0F, 0x83, 0x87, 0x8F]);
        for byte in [0x00, 0x01, 0x02, 0x0B, 0x80, 0x81] {
            assert_eq!(
                ApplicationLifeCycle::try_from(byte),
                Err(InvalidLifeCycle { byte })
            );
        }
        assert!(ApplicationLifeCycle::try_from(0x83).is_ok());
        assert!(ApplicationLifeCycle::try_from(0x7F).is_ok());
    }

    #[test]
    fn a_security_domain_is_personalized_only_when_it_is_not_locked() {
        let state = |byte| SecurityDomainLifeCycle::try_from(byte).unwrap();
        for (byte, personalized, selectable, locked, text) in [
            (0x03, false, false, false, "03 INSTALLED"),
            (0x07, false, true, false, "07 SELECTABLE"),
            (0x0F, true, true, false, "0F PERSONALIZED"),
            (0x83, false, false, true, "83 LOCKED"),
            (0x8F, false, false, true, "8F LOCKED"),
        ] {
            assert_eq!(state(byte).is_personalized(), personalized, "{byte:02X}");
            assert_eq!(state(byte).is_selectable(), selectable, "{byte:02X}");
            assert_eq!(state(byte).is_locked(), locked, "{byte:02X}");
            assert_eq!(alloc::format!("{:?}", state(byte)), text);
        }
        assert_eq!(SecurityDomainLifeCycle::PERSONALIZED, state(0x0F));
        assert_eq!(SecurityDomainLifeCycle::INSTALLED.locked(), state(0x83));
    }

    #[test]
    fn every_state_has_its_word() {
        let words: Vec<_> = [0x01, 0x07, 0x0F, 0x7F, 0xFF]
            .map(|byte| CardLifeCycle::try_from(byte).unwrap().to_string())
            .into();
        assert_eq!(
            words,
            [
                "OP_READY",
                "INITIALIZED",
                "SECURED",
                "CARD_LOCKED",
                "TERMINATED"
            ]
        );
        assert_eq!(LoadFileLifeCycle::Loaded.to_string(), "LOADED");
        for (byte, word) in [
            (0x03, "03 INSTALLED"),
            (0x07, "07 SELECTABLE"),
            (0x17, "17 APPLICATION_SPECIFIC_17"),
            (0x87, "87 LOCKED"),
        ] {
            let state = ApplicationLifeCycle::try_from(byte).unwrap();
            assert_eq!(alloc::format!("{state:?}"), word);
        }
        let none = InvalidLifeCycle { byte: 0x02 };
        assert_eq!(LoadFileLifeCycle::try_from(0x02), Err(none));
        assert_eq!(none.to_string(), "02 is no life cycle state");
    }

    #[test]
    fn prints_the_specification_words() {
        assert_eq!(CardLifeCycle::CardLocked.to_string(), "CARD_LOCKED");
        assert_eq!(
            SecurityDomainLifeCycle::PERSONALIZED.to_string(),
            "PERSONALIZED"
        );
        assert_eq!(
            SecurityDomainLifeCycle::PERSONALIZED.locked().to_string(),
            "LOCKED"
        );
        assert_eq!(
            ApplicationLifeCycle::try_from(0x0F).unwrap().to_string(),
            "APPLICATION_SPECIFIC_0F"
        );
    }
}
