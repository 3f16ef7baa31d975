//! The class byte as secure messaging sees it (G 11.1.4, Amendment D 6.2.4): who defined the
//! command, which logical channel it goes to, whether it is protected.

/// A class byte that SCP03 can carry: no chaining, no ISO secure messaging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// `80` for GlobalPlatform's commands, `00` for ISO's.
    origin: u8,
    pub(crate) channel: u8,
    pub(crate) is_secured: bool,
}

impl Class {
    /// The highest logical channel.
    pub(crate) const MAX_CHANNEL: u8 = 19;

    /// An ISO command on a logical channel, 0 to 19.
    pub(crate) const fn iso(channel: u8) -> Self {
        Self {
            origin: 0x00,
            channel,
            is_secured: false,
        }
    }

    pub(crate) const fn parse(cla: u8) -> Option<Self> {
        let origin = cla & 0x80;
        match cla & 0x70 {
            0x00 => match cla & 0x0C {
                0x00 => Some(Self {
                    origin,
                    channel: cla & 0x03,
                    is_secured: false,
                }),
                0x04 => Some(Self {
                    origin,
                    channel: cla & 0x03,
                    is_secured: true,
                }),
                _ => None,
            },
            0x40 => Some(Self {
                origin,
                channel: 4 + (cla & 0x0F),
                is_secured: false,
            }),
            0x60 => Some(Self {
                origin,
                channel: 4 + (cla & 0x0F),
                is_secured: true,
            }),
            _ => None,
        }
    }

    /// The class byte; no two of its parts have a bit in common.
    pub(crate) const fn byte(self) -> u8 {
        match (self.channel, self.is_secured) {
            (0..=3, false) => self.origin + self.channel,
            (0..=3, true) => self.origin + 0x04 + self.channel,
            (_, false) => self.origin + 0x40 + (self.channel.wrapping_sub(4) & 0x0F),
            (_, true) => self.origin + 0x60 + (self.channel.wrapping_sub(4) & 0x0F),
        }
    }

    pub(crate) const fn secured(self, is_secured: bool) -> Self {
        Self { is_secured, ..self }
    }

    pub(crate) const fn on_channel(self, channel: u8) -> Self {
        Self { channel, ..self }
    }

    pub(crate) const fn is_proprietary(self) -> bool {
        self.origin != 0
    }

    /// The class byte as the C-MAC covers it: the logical channel is left out, whatever it is.
    pub(crate) const fn mac_byte(self) -> u8 {
        self.origin + 0x04
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_that_parses_comes_back_as_the_same_byte() {
        let parsed = (0..=0xFF).filter_map(|cla| Some((cla, Class::parse(cla)?)));
        let count = parsed
            .inspect(|(cla, class)| assert_eq!(class.byte(), *cla))
            .count();
        assert_eq!(count, 2 * 2 * 20);
    }

    #[test]
    fn the_mac_never_sees_the_channel() {
        for cla in [0x84, 0x85, 0x87, 0xE0, 0xEF] {
            assert_eq!(Class::parse(cla).map(Class::mac_byte), Some(0x84));
        }
        assert_eq!(Class::parse(0x6F).map(Class::mac_byte), Some(0x04));
    }

    #[test]
    fn refuses_chaining_and_iso_secure_messaging() {
        for cla in [0x90, 0x10, 0x88, 0x0C, 0x50, 0x20, 0xFF] {
            assert_eq!(Class::parse(cla), None, "{cla:02X}");
        }
    }
}
