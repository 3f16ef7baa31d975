//! What one product does otherwise than another, within what the specifications leave open: a profile sets it in the
//! table `[behaviour]`, and the card keeps it for life.

use std::time::Duration;

use scp03::SecurityLevel;
use serde::{Deserialize, Serialize};

/// Channels 0 to 19.
const MOST_CHANNELS: u8 = 20;
/// The longest registry entry of this card, a load file with many modules apart; a page holds one at least.
const SHORTEST_PAGE: u16 = 40;

/// How a card of one product behaves. The default accepts everything that real hosts send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Security levels that EXTERNAL AUTHENTICATE may set, in hexadecimal; others are answered by 6A86. Empty: all that
    /// `i` offers.
    #[serde(with = "levels")]
    pub security_levels: Vec<SecurityLevel>,
    /// Whether a command without data may come encrypted all the same, as one block of padding (real hosts do both;
    /// Amendment D 6.2.6 sends no data field). Otherwise it is answered by 6700.
    pub encrypted_empty_data: bool,
    /// Forms of GET STATUS that the card knows; the other one is answered by 6A86.
    pub get_status: StatusForms,
    /// Whether GET STATUS takes a tag list (5C); otherwise 6A80.
    pub tag_list: bool,
    /// Longest data of one GET STATUS answer, in bytes, 40 at least; a smaller page means more commands. Absent: as much
    /// as fits a short APDU.
    pub status_page_bytes: Option<u16>,
    /// Whether the card takes APDUs of extended length; otherwise 6700. Chains of short ones work in any case.
    pub extended_length: bool,
    /// Logical channels, the basic one included: 1 to 20.
    pub logical_channels: u8,
    /// Whether a security domain may become a controlling authority's (CASD); otherwise 6A80.
    pub casd: bool,
    /// Writes that the non-volatile memory endures; then every further one is answered by 6581. Absent: any number.
    pub endurance_writes: Option<u64>,
    /// How long commands take.
    pub latency: Latency,
}

/// Forms of GET STATUS (Card Specification 2.3.1, 11.4.2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StatusForms {
    /// Both.
    #[default]
    Both,
    /// E3 data objects only (P2 b2 set).
    Tlv,
    /// Only the one of Card Specification 2.1.1, without data objects.
    Obsolete,
}

/// How long a command takes, in microseconds: so much for every command, for every byte over the contacts in either
/// direction, and for every write to non-volatile memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Every command.
    pub command_us: u32,
    /// Every byte of command and response.
    pub byte_us: u32,
    /// Every write.
    pub write_us: u32,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            security_levels: Vec::new(),
            encrypted_empty_data: true,
            get_status: StatusForms::Both,
            tag_list: true,
            status_page_bytes: None,
            extended_length: true,
            logical_channels: MOST_CHANNELS,
            casd: true,
            endurance_writes: None,
            latency: Latency::default(),
        }
    }
}

impl Behaviour {
    /// The key that is out of range, and why.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str)> {
        if !(1..=MOST_CHANNELS).contains(&self.logical_channels) {
            return Some(("behaviour.logical_channels", "is 1 to 20"));
        }
        if self
            .status_page_bytes
            .is_some_and(|bytes| bytes < SHORTEST_PAGE)
        {
            return Some(("behaviour.status_page_bytes", "is 40 or more"));
        }
        None
    }

    /// Whether EXTERNAL AUTHENTICATE may set this level, as far as the product decides.
    pub(crate) fn allows_level(&self, byte: u8) -> bool {
        let levels = &self.security_levels;
        levels.is_empty() || levels.iter().any(|level| level.byte() == byte)
    }
}

impl Latency {
    /// The time of one command.
    ///
    /// ```
    /// use std::time::Duration;
    /// use uicc_sim::behaviour::Latency;
    ///
    /// let card = Latency { command_us: 2_000, byte_us: 100, write_us: 3_000 };
    /// assert_eq!(card.of(20, 2), Duration::from_micros(2_000 + 2_000 + 6_000));
    /// ```
    #[must_use]
    pub fn of(&self, bytes: usize, writes: u64) -> Duration {
        let each = |microseconds: u32, count: u64| u64::from(microseconds).saturating_mul(count);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let total = u64::from(self.command_us)
            .saturating_add(each(self.byte_us, bytes))
            .saturating_add(each(self.write_us, writes));
        Duration::from_micros(total)
    }
}

/// Security levels as two hexadecimal digits each.
mod levels {
    use scp03::SecurityLevel;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(
        levels: &[SecurityLevel],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(levels.iter().map(|level| format!("{:02X}", level.byte())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<SecurityLevel>, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let level = |word: &String| {
            let byte = u8::from_str_radix(word, 16).ok()?;
            SecurityLevel::try_from(byte).ok()
        };
        let unknown = || D::Error::custom("a security level of SCP03 is 00, 01, 03, 11, 13 or 33");
        words
            .iter()
            .map(|word| level(word).ok_or_else(unknown))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_as_a_table() {
        let text = "security_levels = [\"01\", \"33\"]\nget_status = \"obsolete\"\n\
                    logical_channels = 4\n[latency]\nbyte_us = 90\n";
        let behaviour: Behaviour = toml::from_str(text).unwrap();
        let levels = [SecurityLevel::CMac, SecurityLevel::Full];
        assert_eq!(behaviour.security_levels, levels);
        assert_eq!(behaviour.get_status, StatusForms::Obsolete);
        assert_eq!((behaviour.logical_channels, behaviour.casd), (4, true));
        assert_eq!(behaviour.latency.byte_us, 90);
        let json = serde_json::to_string(&behaviour).unwrap();
        assert_eq!(serde_json::from_str::<Behaviour>(&json).unwrap(), behaviour);
        assert_eq!(
            toml::from_str::<Behaviour>("").unwrap(),
            Behaviour::default()
        );
    }

    #[test]
    fn refuses_what_no_card_does() {
        for text in [
            "security_levels = [\"02\"]",
            "security_levels = [\"zz\"]",
            "get_status = \"none\"",
            "speed = 3",
            "[latency]\nbyte_ms = 1",
        ] {
            assert!(toml::from_str::<Behaviour>(text).is_err(), "{text}");
        }
        for (text, key) in [
            ("logical_channels = 0", "behaviour.logical_channels"),
            ("logical_channels = 21", "behaviour.logical_channels"),
            ("status_page_bytes = 39", "behaviour.status_page_bytes"),
        ] {
            let behaviour: Behaviour = toml::from_str(text).unwrap();
            assert_eq!(behaviour.fault().unwrap().0, key);
        }
        let edge = "logical_channels = 1\nstatus_page_bytes = 40";
        assert_eq!(toml::from_str::<Behaviour>(edge).unwrap().fault(), None);
    }
}
