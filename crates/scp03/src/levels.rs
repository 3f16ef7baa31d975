//! Security levels as types.
//!
//! [`SecurityLevel`] says at run time how a session is protected. The types here say it to the
//! compiler: a [`Channel<levels::Full>`](crate::Channel) cannot be anything else, and a function
//! that sends keys can demand `L: EncryptsCommands`. Each is handed to
//! [`AwaitingChallenge::receive`](crate::AwaitingChallenge::receive) in the place of a
//! [`SecurityLevel`], and takes no room.
//!
//! | Type | P1 | Commands | Responses |
//! |---|---|---|---|
//! | [`Authenticated`] | 00 | plain | plain |
//! | [`CMac`] | 01 | [MAC](AuthenticatesCommands) | plain |
//! | [`CMacCDec`] | 03 | MAC, [encrypted](EncryptsCommands) | plain |
//! | [`CMacRMac`] | 11 | MAC | [MAC](AuthenticatesResponses) |
//! | [`CMacCDecRMac`] | 13 | MAC, encrypted | MAC |
//! | [`Full`] | 33 | MAC, encrypted | MAC, [encrypted](EncryptsResponses) |
//!
//! A type promises the least that holds: BEGIN R-MAC SESSION may raise the responses above it for a
//! while, and nothing lets them fall below it.
//!
//! ```
//! use scp03::levels::{self, EncryptsCommands};
//! use scp03::{Channel, WrapError};
//! # use globalplatform::apdu::CommandApdu;
//!
//! /// PUT KEY goes nowhere in clear, whatever the caller's level.
//! fn put_key<L: EncryptsCommands>(channel: &mut Channel<L>, put_key: &CommandApdu) -> Result<(), WrapError> {
//!     channel.wrap(put_key)?;
//!     Ok(())
//! }
//! fn at_full(channel: &mut Channel<levels::Full>, command: &CommandApdu) -> Result<(), WrapError> {
//!     put_key(channel, command)
//! }
//! ```
//!
//! A channel that only authenticates commands is no place for keys:
//!
//! ```compile_fail,E0277
//! use scp03::levels::{self, EncryptsCommands};
//! use scp03::{Channel, WrapError};
//! # use globalplatform::apdu::CommandApdu;
//!
//! fn put_key<L: EncryptsCommands>(channel: &mut Channel<L>, put_key: &CommandApdu) -> Result<(), WrapError> {
//!     channel.wrap(put_key)?;
//!     Ok(())
//! }
//! fn at_c_mac(channel: &mut Channel<levels::CMac>, command: &CommandApdu) -> Result<(), WrapError> {
//!     put_key(channel, command)
//! }
//! ```
//!
//! Nor is one whose level only the running program knows; [`Channel::try_at`](crate::Channel::try_at)
//! turns it into one that the compiler knows:
//!
//! ```compile_fail,E0277
//! use scp03::levels::EncryptsCommands;
//! use scp03::{Channel, SecurityLevel};
//!
//! fn send_keys<L: EncryptsCommands>(_: &mut Channel<L>) {}
//! fn at_any(channel: &mut Channel<SecurityLevel>) {
//!     send_keys(channel)
//! }
//! ```

use core::fmt;

use crate::security_level::SecurityLevel;

mod sealed {
    pub trait Sealed {}
}

/// A security level, known to the compiler or only at run time ([`SecurityLevel`]). Nothing else
/// can implement it.
pub trait Level: sealed::Sealed + Copy + Eq + fmt::Debug + Into<SecurityLevel> + 'static {
    /// The level that the type promises; none for [`SecurityLevel`], which promises nothing.
    const PROMISED: Option<SecurityLevel>;
}

/// Commands carry a MAC (C-MAC, D 6.2.4).
pub trait AuthenticatesCommands: Level {}

/// Commands are encrypted as well (C-DECRYPTION, D 6.2.6).
pub trait EncryptsCommands: AuthenticatesCommands {}

/// Responses carry a MAC (R-MAC, D 6.2.5).
pub trait AuthenticatesResponses: AuthenticatesCommands {}

/// Responses are encrypted as well (R-ENCRYPTION, D 6.2.7).
pub trait EncryptsResponses: AuthenticatesResponses + EncryptsCommands {}

/// A level that BEGIN R-MAC SESSION can reach from `Base` (D 7.1.3): the same for commands, more
/// for responses. From one run-time level to another it is checked when it is asked for.
pub trait Raises<Base: Level>: Level {}

impl sealed::Sealed for SecurityLevel {}

impl Level for SecurityLevel {
    const PROMISED: Option<SecurityLevel> = None;
}

macro_rules! level {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name;

        impl sealed::Sealed for $name {}

        impl Level for $name {
            const PROMISED: Option<SecurityLevel> = Some(SecurityLevel::$name);
        }

        impl From<$name> for SecurityLevel {
            fn from(_: $name) -> Self {
                Self::$name
            }
        }
    };
}

level!(
    /// Both ends are authenticated; commands and responses are plain.
    Authenticated
);
level!(
    /// Commands carry a MAC.
    CMac
);
level!(
    /// Commands are encrypted and carry a MAC.
    CMacCDec
);
level!(
    /// Commands and responses carry a MAC.
    CMacRMac
);
level!(
    /// Commands are encrypted; commands and responses carry a MAC.
    CMacCDecRMac
);
level!(
    /// Commands and responses are encrypted and carry a MAC.
    Full
);

macro_rules! capable {
    ($capability:ident: $($level:ident),+) => {
        $(impl $capability for $level {})+
    };
}

capable!(AuthenticatesCommands: CMac, CMacCDec, CMacRMac, CMacCDecRMac, Full);
capable!(EncryptsCommands: CMacCDec, CMacCDecRMac, Full);
capable!(AuthenticatesResponses: CMacRMac, CMacCDecRMac, Full);
capable!(EncryptsResponses: Full);

impl Raises<CMac> for CMacRMac {}
impl Raises<CMacCDec> for CMacCDecRMac {}
impl Raises<CMacCDec> for Full {}
impl Raises<CMacCDecRMac> for Full {}
impl Raises<Self> for SecurityLevel {}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised<L: Level>(level: L) -> (Option<SecurityLevel>, SecurityLevel) {
        (L::PROMISED, level.into())
    }

    #[test]
    fn every_type_promises_the_level_it_stands_for() {
        let all = [
            promised(Authenticated),
            promised(CMac),
            promised(CMacCDec),
            promised(CMacRMac),
            promised(CMacCDecRMac),
            promised(Full),
        ];
        assert_eq!(all, SecurityLevel::ALL.map(|level| (Some(level), level)));
        let level = SecurityLevel::Full;
        assert_eq!(promised(level), (None, level));
    }

    #[test]
    fn capabilities_are_those_of_the_byte() {
        fn c_mac<L: AuthenticatesCommands>(level: L) -> bool {
            level.into().c_mac()
        }
        fn c_decryption<L: EncryptsCommands>(level: L) -> bool {
            level.into().c_decryption()
        }
        fn r_mac<L: AuthenticatesResponses>(level: L) -> bool {
            level.into().r_mac()
        }
        fn r_encryption<L: EncryptsResponses>(level: L) -> bool {
            level.into().r_encryption()
        }
        assert!(c_mac(CMac) && c_mac(CMacCDec) && c_mac(CMacRMac));
        assert!(c_mac(CMacCDecRMac) && c_mac(Full));
        assert!(c_decryption(CMacCDec) && c_decryption(CMacCDecRMac) && c_decryption(Full));
        assert!(r_mac(CMacRMac) && r_mac(CMacCDecRMac) && r_mac(Full));
        assert!(r_encryption(Full));
    }
}
