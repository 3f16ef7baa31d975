//! The class byte (G 11.1.4, Tables 11-11 to 11-13): who defined the command, secure messaging,
//! command chaining and logical channel.

use super::{CommandApdu, CommandRef};
use crate::error::EncodeError;

/// Logical channels 4 to 19 use the further interindustry form.
const FURTHER: u8 = 0x40;

impl CommandRef<'_> {
    /// The logical channel: 0 to 3 in the first form of the class byte, 4 to 19 in the further one.
    #[must_use]
    pub const fn logical_channel(&self) -> u8 {
        if self.cla & FURTHER == 0 {
            self.cla & 0x03
        } else {
            4 + (self.cla & 0x0F)
        }
    }

    /// Whether the class byte announces secure messaging.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        if self.cla & FURTHER == 0 {
            self.cla & 0x0C != 0
        } else {
            self.cla & 0x20 != 0
        }
    }

    /// Whether the class byte says that the command continues in the next one (ISO chaining).
    #[must_use]
    pub const fn is_chained(&self) -> bool {
        self.cla & 0x10 != 0
    }

    /// Whether the command is GlobalPlatform's (class 80) and not ISO's (class 00).
    #[must_use]
    pub const fn is_proprietary(&self) -> bool {
        self.cla & 0x80 != 0
    }

    /// The same command on a logical channel; whether it is secured or chained stays as it was.
    ///
    /// # Errors
    /// [`EncodeError::NoSuchChannel`] above 19.
    ///
    /// ```
    /// use globalplatform::apdu::CommandRef;
    ///
    /// let command = CommandRef::new(0x84, 0xF2, 0x40, 0x02);
    /// assert_eq!(command.on_channel(2)?.cla, 0x86);
    /// assert_eq!(command.on_channel(19)?.cla, 0xEF);
    /// # Ok::<(), globalplatform::error::EncodeError>(())
    /// ```
    pub fn on_channel(mut self, channel: u8) -> Result<Self, EncodeError> {
        let origin = self.cla & 0x90;
        let secured = self.is_secured();
        self.cla = match channel {
            0..=3 => origin | if secured { 0x04 } else { 0 } | channel,
            4..=19 => origin | FURTHER | if secured { 0x20 } else { 0 } | (channel - 4),
            _ => return Err(EncodeError::NoSuchChannel { channel }),
        };
        Ok(self)
    }
}

impl CommandApdu {
    /// The logical channel: 0 to 3 in the first form of the class byte, 4 to 19 in the further one.
    #[must_use]
    pub const fn logical_channel(&self) -> u8 {
        self.view().logical_channel()
    }

    /// Whether the class byte announces secure messaging.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        self.view().is_secured()
    }

    /// Whether the class byte says that the command continues in the next one (ISO chaining).
    #[must_use]
    pub const fn is_chained(&self) -> bool {
        self.view().is_chained()
    }

    /// Whether the command is GlobalPlatform's (class 80) and not ISO's (class 00).
    #[must_use]
    pub const fn is_proprietary(&self) -> bool {
        self.view().is_proprietary()
    }

    /// The same command on a logical channel; whether it is secured or chained stays as it was.
    ///
    /// # Errors
    /// [`EncodeError::NoSuchChannel`] above 19.
    pub fn on_channel(mut self, channel: u8) -> Result<Self, EncodeError> {
        self.cla = self.view().on_channel(channel)?.cla;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_and_security_survive_the_class_byte() {
        for base in [0x00, 0x80, 0x04, 0x84, 0x90] {
            for channel in 0..20 {
                let plain = CommandApdu::new(base, 0xCA, 0, 0);
                let moved = plain.clone().on_channel(channel).unwrap();
                assert_eq!(moved.logical_channel(), channel);
                assert_eq!(moved.is_secured(), plain.is_secured());
                assert_eq!(moved.is_proprietary(), plain.is_proprietary());
                assert_eq!(moved.is_chained(), plain.is_chained());
                assert_eq!(moved.on_channel(0).unwrap().cla, base);
            }
        }
    }

    #[test]
    fn refuses_channel_20() {
        assert_eq!(
            CommandApdu::new(0, 0xA4, 4, 0).on_channel(20),
            Err(EncodeError::NoSuchChannel { channel: 20 })
        );
    }

    #[test]
    fn matches_the_table_of_protected_classes() {
        for (cla, channel, secured) in [
            (0x00, 0, false),
            (0x83, 3, false),
            (0x84, 0, true),
            (0x0C, 0, true),
            (0x40, 4, false),
            (0xC1, 5, false),
            (0x60, 4, true),
            (0xEF, 19, true),
        ] {
            let command = CommandApdu::new(cla, 0, 0, 0);
            assert_eq!(command.logical_channel(), channel, "{cla:02X}");
            assert_eq!(command.is_secured(), secured, "{cla:02X}");
        }
    }
}
